import type { Fixture } from '../../artefacts/vectors.ts'
import type { KeepOpen } from '../../concurrency/open-all.ts'
import type { AuthSettings } from '../../core/auth/contract.ts'
import type { Credential, Environment } from '../../core/auth/types.ts'
import type { AuthMode } from '../../core/evaluate/types.ts'
import {
  type CallerName,
  type SceneQuestion,
  TEST_TENANT,
  TEST_USER,
} from '../../core/parity/scene.ts'
import type { VectorQuestion } from '../../core/parity/vector.ts'
import { FfError } from '../../errors.ts'
import type { Authenticator, OpenAuthenticator } from '../../ports/auth.ts'
import type { Adapters } from '../../ports/adapters.ts'

/** A caller of a scene: the fixture of its token, and the environment and authenticator that judge it. */
export interface FuzzCaller {
  readonly authenticator: Authenticator
  readonly token: string | null
  readonly fixture: string | null
  readonly environment: Environment
  /** Auth mode that the credential leads to; `none` for a token that is refused. */
  readonly mode: AuthMode
  /** The claims of the token; null if the request or the dev headers name tenant and user. */
  readonly claims: { readonly tenant_id: string | null; readonly user_id: string } | null
  /** Whether the request may name tenant and user. */
  readonly mayNameContext: boolean
}
/** The callers of the scenes, by name. */
export type FuzzCallers = Readonly<Record<CallerName, FuzzCaller>>

type Row = readonly [
  fixture: string | null,
  environment: Environment,
  mode: AuthMode,
  more?: { readonly mayNameContext?: true; readonly tenant_id?: null },
]
/** Each caller with its fixture of vectors/jwt/fixtures.json, which also states the expected result. */
const ROWS: Readonly<Record<CallerName, Row>> = {
  verified: ['JWT-EX-01', 'prod', 'verified'],
  'decode-only': ['JWT-EX-02', 'dev+H', 'decode-only'],
  'dev-headers': [null, 'dev+H', 'dev-headers'],
  none: [null, 'prod', 'none', { mayNameContext: true }],
  'any-tenant': ['JWT-EX-29', 'prod', 'verified', { mayNameContext: true }],
  'no-tenant': ['JWT-EX-30', 'prod', 'verified', { tenant_id: null }],
  expired: ['JWT-EX-03', 'prod', 'none'],
  forged: ['JWT-EX-04', 'prod', 'none'],
  'for-another': ['JWT-EX-10', 'prod', 'none'],
}

/**
 * Opens an authenticator for each caller of the scenes and registers it with `keep`; callers with the same key server
 * share one. Returns the callers by name.
 *
 * @throws FfError `artefact_invalid` if a fixture of a caller is missing; also errors of an opening
 */
export async function openCallers(
  { adapters, settings, fixtures }: CallerInputs,
  keep: KeepOpen,
): Promise<FuzzCallers> {
  const authenticators = new Map<string, OpenAuthenticator>()
  const callers: Partial<Record<CallerName, FuzzCaller>> = {}
  for (const [name, row] of Object.entries(ROWS)) {
    const fixture = row[0] === null ? null : findFixture(fixtures, row[0])
    const keys = fixture?.jwks ?? null
    const script = JSON.stringify(keys)
    const authenticator =
      authenticators.get(script) ?? (await keep(adapters.openScriptedAuthenticator(keys, settings)))
    authenticators.set(script, authenticator)
    callers[name as CallerName] = toCaller(row, authenticator, fixture)
  }
  return callers as FuzzCallers
}
function toCaller(
  [id, environment, mode, more = {}]: Row,
  authenticator: Authenticator,
  fixture: Fixture | null,
): FuzzCaller {
  const { mayNameContext = false, tenant_id = TEST_TENANT } = more
  const claims = fixture === null ? null : { tenant_id, user_id: TEST_USER }
  return {
    authenticator,
    token: fixture?.token ?? null,
    fixture: id,
    environment,
    mode,
    claims,
    mayNameContext,
  }
}
export interface CallerInputs {
  readonly adapters: Pick<Adapters, 'openScriptedAuthenticator'>
  readonly settings: AuthSettings
  readonly fixtures: readonly Fixture[]
}

function findFixture(fixtures: readonly Fixture[], id: string): Fixture {
  const fixture = fixtures.find((one) => one.id === id)
  if (fixture !== undefined) return fixture
  throw new FfError('artefact_invalid', `vectors/jwt/fixtures.json has no fixture ${id}.`, {
    hint: 'Restore vectors/jwt/fixtures.json from the package of this version.',
  })
}

/**
 * The credential of a question: the token of its caller, null without one, and dev headers with the question's tenant
 * and user only for the caller `dev-headers`.
 */
export const toCredential = (
  { caller, tenant_id, user_id }: SceneQuestion,
  callers: FuzzCallers,
): Credential => ({
  token: callers[caller].token,
  dev_headers: caller === 'dev-headers' ? { tenant_id, user_id, scopes: [] } : null,
})
/**
 * The request of a question, with the request id `fuzz`. Tenant and user are null unless the caller may name them:
 * tokens and headers name their own.
 */
export const toQuestion = (
  { caller, flag_key, tenant_id, user_id, approval_ref }: SceneQuestion,
  callers: FuzzCallers,
): VectorQuestion => {
  const { mayNameContext } = callers[caller]
  return {
    flag_key,
    tenant_id: mayNameContext ? tenant_id : null,
    user_id: mayNameContext ? user_id : null,
    approval_ref,
    request_id: 'fuzz',
  }
}
