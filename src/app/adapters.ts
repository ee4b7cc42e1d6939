import type { TargetSpec } from '../core/parity/target.ts'
import type { Migration } from '../core/migrations/plan.ts'
import type { MigrationSession, Scratch, TokenVerifier } from '../ports.ts'
import type { SchemaContract } from '../core/migrations/catalogue.ts'
import type { JwtFixtures } from '../artefacts/types.generated.ts'
import type { Instant } from '../core/state/instant.ts'
import type { Fixture } from '../artefacts/vectors.ts'

import type { Credentials } from './run-exhaustive.ts'

/** What use cases are handed by the composition root. Each loads its part of the program when it is called. */
export interface Adapters {
  /** @throws FfError saying why the target cannot be had */
  openScratch(
    spec: TargetSpec,
    needs: {
      readonly migrations: readonly Migration[]
      readonly versions: { readonly oldest: number; readonly newest: number }
    },
  ): Promise<Scratch>
  /** A verifier that finds the key set as the fixture says; null is a service without one. */
  /** Credentials for the cells, signed as they run with the keys of the fixtures. */
  cellCredentials(root: string, fixtures: JwtFixtures, now: Instant): Promise<Credentials>
  verifierFor(
    fixture: Fixture | null,
    expected: { readonly issuer: string; readonly audience: string },
  ): Promise<TokenVerifier>
  /** @throws FfError saying why the database cannot be migrated, `migration_locked` where somebody else is at it */
  withMigrationSession<T>(
    spec: TargetSpec,
    needs: MigrationNeeds,
    use: (session: MigrationSession) => Promise<T>,
  ): Promise<T>
}
export interface MigrationNeeds {
  readonly versions: { readonly oldest: number; readonly newest: number }
  readonly contract: SchemaContract
  readonly roles: readonly string[]
  readonly locked: boolean
}
