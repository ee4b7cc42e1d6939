import { randomBytes } from 'node:crypto'
import { FfError } from '../errors.ts'
import type { MigrationSession, Scratch } from '../ports.ts'
import type { Migration } from '../core/migrations/plan.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { openScratchFolder } from './file/scratch-folder.ts'
import type { SupportedVersions } from './postgres/connect.ts'
import { type EmbeddedServer, startEmbedded } from './postgres/embedded.ts'
import { type MigrationNeeds, withMigrationSession } from './postgres/migration-session.ts'
import { openScratchSchema } from './postgres/scratch-schema.ts'

export interface ScratchNeeds {
  readonly migrations: readonly Migration[]
  readonly versions: SupportedVersions
}
type Opener<K extends TargetSpec['kind']> = (
  spec: Extract<TargetSpec, { kind: K }>,
  needs: ScratchNeeds,
) => Promise<Scratch>

/** How each kind of target gives the harness a store of its own. To add one: its folder, and its line here. */
const OPENERS: { readonly [K in TargetSpec['kind']]: Opener<K> } = {
  file: ({ folder }) => openScratchFolder(folder, scratchTools()),
  postgres: ({ url, name }, needs) =>
    openScratchSchema(
      { config: { connectionString: url }, name },
      { ...needs, tools: scratchTools() },
    ),
  embedded: async (_, needs) => {
    const server = await startEmbedded()
    try {
      const scratch = await openScratchSchema(server.database, { ...needs, tools: scratchTools() })
      return { ...scratch, close: () => closeBoth(scratch, server) }
    } catch (error) {
      await server.stop()
      throw error
    }
  },
}

// Nobody keeps a scratch store's audit records, so the key of their digests need not be kept either.
const scratchTools = (): { digestKey: Uint8Array; phase: string } => ({
  digestKey: randomBytes(32),
  phase: 'file',
})

async function closeBoth(scratch: Scratch, server: EmbeddedServer): Promise<void> {
  try {
    await scratch.close()
  } finally {
    await server.stop()
  }
}

/** @throws FfError saying why the target cannot be had */
export function openScratch(spec: TargetSpec, needs: ScratchNeeds): Promise<Scratch> {
  return (OPENERS[spec.kind] as Opener<TargetSpec['kind']>)(spec as never, needs)
}

/** @throws FfError `target_invalid` for anything but a database that somebody keeps */
export async function withMigrations<T>(
  spec: TargetSpec,
  needs: MigrationNeeds & { readonly locked: boolean },
  use: (session: MigrationSession) => Promise<T>,
): Promise<T> {
  if (spec.kind !== 'postgres') {
    throw new FfError('target_invalid', `A target of kind ${spec.kind} has no schema to migrate.`, {
      hint: 'Name a database: --database env:FF_DATABASE_URL or postgres://...',
    })
  }
  return withMigrationSession(
    { config: { connectionString: spec.url }, name: spec.name },
    needs,
    use,
  )
}
