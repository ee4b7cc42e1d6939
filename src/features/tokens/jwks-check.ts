import { loadArtefact, packagedArtefact } from '../../artefacts/load.ts'
import { findAuthProblems } from '../../artefacts/rules/auth-rules.ts'
import type { JwksIntegrationNotes, JwtFixtures } from '../../artefacts/types.generated.ts'
import { type Fixture, toDevHeaders } from '../../artefacts/vectors.ts'
import { mapConcurrently } from '../../concurrency/map-concurrently.ts'
import { throwIfEnded } from '../../concurrency/ended.ts'
import { type AuthSettings, settingsFromContract } from '../../core/auth/contract.ts'
import { type AuthResult, type Environment, ENVIRONMENTS } from '../../core/auth/types.ts'
import type { CheckReport } from '../../core/report/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { authenticate } from '../evaluation/answer-question.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { buildCheckReport, type CheckResult, passResult } from '../../core/report/check-report.ts'

/** Key servers that run at once. */
const AT_ONCE = 16

export interface JwksCheckRequest {
  /** The package folder. */
  readonly root: string
  readonly adapters: Adapters
  /** The abort reason is the exit name of the run. */
  readonly signal: AbortSignal
}

type Expected = Fixture['expected'][Environment]
/** One fixture in one environment. */
interface Case {
  readonly fixture: Fixture
  readonly environment: Environment
  readonly expected: Expected
}
/** A case with its result; `actual` is null if the run ended before it. */
type Outcome = { readonly one: Case; readonly actual: AuthResult | null }

/**
 * `ff jwks check`: authenticates every fixture in every environment, each with its own authenticator and a real key
 * server on loopback, 16 at once. Returns one item for each row of the mode matrix, failed with `outcome_differs` for
 * each wrong outcome and inconclusive without a case, and one for the control of the comparison.
 *
 * @throws FfError `artefact_invalid` for bad fixtures or contract, the code of the ending if the run is aborted; also
 *   errors of an authenticator
 */
export async function jwksCheck({
  root,
  adapters,
  signal,
}: JwksCheckRequest): Promise<CheckReport> {
  const { notes, fixtures } = await loadAuth(root)
  const settings = settingsFromContract(notes, fixtures)
  const cases = fixtures.fixtures.flatMap((fixture) =>
    ENVIRONMENTS.map((environment): Case => {
      return { fixture, environment, expected: fixture.expected[environment] }
    }),
  )
  const outcomes = await mapConcurrently(cases, AT_ONCE, async (one): Promise<Outcome> => {
    return { one, actual: signal.aborted ? null : await run(one, settings, adapters) }
  })
  throwIfEnded(
    signal,
    (ending) =>
      new FfError(ending, 'The check was stopped before it was complete.', {
        hint: 'Run ff jwks check again.',
      }),
  )
  const rows = notes.modes.map(({ id, title }) => buildRowItem(id, title, outcomes))
  return buildCheckReport('jwks_check', [...rows, buildControlItem(outcomes)])
}

/**
 * Reads the auth contract and the token fixtures of the package, and checks each by its schema and by the other.
 *
 * @throws FfError `artefact_invalid` with every problem
 */
export async function loadAuth(
  root: string,
): Promise<{ readonly notes: JwksIntegrationNotes; readonly fixtures: JwtFixtures }> {
  const [notes, fixtures] = await Promise.all([
    loadArtefact('jwks_integration_notes', packagedArtefact(root, 'jwks_integration_notes')),
    loadArtefact('jwt_fixtures', packagedArtefact(root, 'jwt_fixtures')),
  ])
  if (!notes.ok || !fixtures.ok)
    throw toArtefactError([notes, fixtures].flatMap((one) => (one.ok ? [] : one.problems)))
  const problems = findAuthProblems(notes.loaded, fixtures.loaded)
  if (problems.length > 0) throw toArtefactError(problems)
  return { notes: notes.loaded.value, fixtures: fixtures.loaded.value }
}

async function run(
  { fixture, environment }: Case,
  settings: AuthSettings,
  adapters: Adapters,
): Promise<AuthResult> {
  const authenticator = await adapters.openScriptedAuthenticator(fixture.jwks, settings)
  try {
    const { token, dev_headers, clock } = fixture
    const credential = {
      token,
      dev_headers: dev_headers === null ? null : toDevHeaders(dev_headers),
    }
    return await authenticate(authenticator, credential, { now: clock as Instant, environment })
  } finally {
    await authenticator.close()
  }
}

/** The cases of one row of the mode matrix; inconclusive if it has none. */
function buildRowItem(id: string, title: string, outcomes: readonly Outcome[]): CheckResult {
  const own = outcomes.filter(({ one }) => one.expected.row === id)
  const findings = own.filter(isMiss).map(({ one, actual }) => ({
    code: 'outcome_differs',
    pointer: null,
    detail: `${one.fixture.id} in ${one.environment}: ${one.fixture.title}: expected ${formatOutcome(one.expected)}, got ${actual === null ? 'nothing' : formatOutcome(actual)}`,
  }))
  const state = own.length === 0 ? 'inconclusive' : findings.length === 0 ? 'pass' : 'fail'
  const next =
    state === 'pass' ? null : 'Run ff token verify --explain with the token of that fixture.'
  return { id, title: `${title} (${own.length} cases)`, state, findings, next }
}

const isMiss = ({ one, actual }: Outcome): boolean =>
  actual === null || formatOutcome(actual) !== formatOutcome(one.expected)

/** Every compared member of an outcome in one line; two outcomes match if their lines are equal. */
function formatOutcome(outcome: AuthResult | Expected): string {
  if ('refused' in outcome) return `${outcome.http} ${outcome.refused}`
  const { mode, source, user_id, tenant_id, scopes, warnings, key_set_stale } = outcome
  const who = JSON.stringify([user_id, tenant_id, scopes])
  const stale = key_set_stale ? ', too old for sensitive flags' : ''
  return `200 ${mode} (${source}) ${who} [${warnings.join(', ')}]${stale}`
}

/** Control: compares each correct outcome with the expectation of another case, which has to count as a miss. */
function buildControlItem(outcomes: readonly Outcome[]): CheckResult {
  const id = 'control'
  const right = outcomes.filter((one) => !isMiss(one))
  const pairs = right.flatMap(({ one, actual }) => {
    const other = outcomes.find(
      (any) => formatOutcome(any.one.expected) !== formatOutcome(one.expected),
    )
    return other === undefined ? [] : [{ one: other.one, actual }]
  })
  const missed = pairs.filter((pair) => !isMiss(pair)).length
  if (pairs.length > 0 && pairs.length === right.length && missed === 0)
    return passResult(id, `a wrong expectation is found (${pairs.length} cases)`)
  return {
    id,
    title: 'a wrong expectation is found',
    state: 'inconclusive',
    findings: [{ code: 'control_not_held', pointer: null, detail: `${missed} were not found` }],
    next: null,
  }
}
