import type { Fixture } from '../../artefacts/vectors.ts'
import type { KeepOpen } from '../../concurrency/open-all.ts'
import type { AuthSettings } from '../../core/auth/contract.ts'
import type { Authenticator, OpenAuthenticator } from '../../ports/auth.ts'
import type { Adapters } from '../../ports/adapters.ts'

/** One authenticator for each fixture, opened at its first use. */
export class FixtureAuthenticators {
  private readonly adapters: Pick<Adapters, 'openScriptedAuthenticator'>
  private readonly settings: AuthSettings
  private readonly keep: KeepOpen
  private readonly authenticators = new Map<string | null, Promise<OpenAuthenticator>>()

  constructor(
    adapters: Pick<Adapters, 'openScriptedAuthenticator'>,
    settings: AuthSettings,
    keep: KeepOpen,
  ) {
    this.adapters = adapters
    this.settings = settings
    this.keep = keep
  }

  /**
   * The authenticator of the fixture, opened at the first call and registered to be closed with the others; later
   * calls return the same promise, also one that failed. @param fixture null for a caller without a token
   *
   * @throws errors of the opening
   */
  open(fixture: Fixture | null): Promise<Authenticator> {
    const id = fixture?.id ?? null
    const opened =
      this.authenticators.get(id) ??
      this.keep(this.adapters.openScriptedAuthenticator(fixture?.jwks ?? null, this.settings))
    this.authenticators.set(id, opened)
    return opened
  }
}
