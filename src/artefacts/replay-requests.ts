import type { Environment } from '../core/auth/types.ts'
import type { Approval } from '../core/evaluate/approvals.ts'
import { findJsonProblems } from '../core/json/canonical.ts'
import { nodeToValue } from '../core/json/plain.ts'
import { parseLosslessJson } from '../core/json/read.ts'
import type { VectorQuestion } from '../core/parity/vector.ts'
import { type Instant, parseInstant } from '../core/rows/instant.ts'
import { type RegularFile, readTextLines, type TextLine } from './lines.ts'
import type { ArtefactCode } from './problem.ts'
import { validateSchema } from './schemas.ts'
import type { ReplayRequest } from './types.generated.ts'
import { type Fixture, toDevHeaders, type VectorCredential } from './vectors.ts'

/** Room for a request with a hundred approvals. */
const MAX_LINE_BYTES = 65_536

/** A recorded request with its clock, environment, credential and approvals. */
export interface RecordedRequest {
  readonly line: number
  readonly request: VectorQuestion
  readonly credential: VectorCredential
  readonly now: Instant
  readonly environment: Environment
  /** Null means that Admin is unreachable. */
  readonly approvals: readonly Approval[] | null
}
/** One problem at one place of one line. */
export interface LineProblem {
  readonly line: number
  readonly pointer: string
  readonly code: ArtefactCode
}
export type RecordedRequestLine =
  | { readonly recorded: RecordedRequest; readonly problems?: never }
  | { readonly problems: readonly LineProblem[]; readonly recorded?: never }

/** Known fixtures, the kind of the sides, and the environment with live tokens. */
export interface ReplayInputs {
  readonly fixtures: readonly Fixture[]
  readonly of: 'stores' | 'services'
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Yields each line of a file of recorded requests, of at most 64 KiB, parsed or with its problems; a bad line does not
 * stop it. Skips blank lines, which still count in line numbers. Takes live tokens from `env`. Does not close the
 * file.
 * @throws the system's error of a read; FfError `artefact_invalid` if the compiled schema cannot be loaded
 */
export async function* readRecordedRequests(
  file: RegularFile,
  terms: ReplayInputs,
): AsyncGenerator<RecordedRequestLine> {
  for await (const line of readTextLines(file, MAX_LINE_BYTES)) {
    if (line.text?.trim() !== '') yield toRecorded(line, terms)
  }
}

function toRecorded(source: TextLine, terms: ReplayInputs): RecordedRequestLine {
  const { line } = source
  const fail = (
    ...found: readonly { readonly pointer: string; readonly code: ArtefactCode }[]
  ): RecordedRequestLine => ({
    problems: found.map(({ pointer, code }) => ({ line, pointer, code })),
  })
  if (source.text === undefined) return fail({ pointer: '', code: source.code })
  const json = parseLosslessJson(source.text)
  if (!json.ok) return fail({ pointer: '', code: json.code })
  const strict = findJsonProblems(json.node)
  if (strict.length > 0) return fail(...strict)
  const value = nodeToValue(json.node)
  const misfits = validateSchema('replay-request', value, '')
  if (misfits.length > 0) return fail(...misfits)
  return buildRequest(value as ReplayRequest, line, { ...terms, fail })
}

interface RequestBuilder extends ReplayInputs {
  readonly fail: (
    ...found: readonly { readonly pointer: string; readonly code: ArtefactCode }[]
  ) => RecordedRequestLine
}

/** Applies the rules beyond the schema: existing days, known fixtures, set tokens, and no clock or approvals for a service. */
function buildRequest(
  raw: ReplayRequest,
  line: number,
  building: RequestBuilder,
): RecordedRequestLine {
  const { fixtures, fail } = building
  const named = toFixture(raw)
  const fixture = fixtures.find(({ id }) => id === named) ?? null
  const unknown = named !== null && fixture === null
  const problems: readonly LineFault[] = [
    ...getTimes(raw)
      .filter(([, text]) => parseInstant(text) === undefined)
      .map(([pointer]) => ({ pointer, code: 'time_not_canonical' as const })),
    ...(unknown ? [{ pointer: '/credential/fixture', code: 'fixture_unknown' as const }] : []),
    ...findServiceMembers(raw, building),
    ...findTokenFaults(raw, building),
  ]
  if (problems.length > 0) return fail(...problems)
  return { recorded: toRecordedRequest(raw, line, { fixture, token: toToken(raw, building) }) }
}
type LineFault = Pick<LineProblem, 'pointer' | 'code'>

/** A service has its own clock, environment and approvals, so a line for one must not set them. */
const findServiceMembers = (raw: ReplayRequest, { of }: ReplayInputs): readonly LineFault[] =>
  (['now', 'environment', 'approvals'] as const)
    .filter((name) => of === 'services' && raw[name] !== undefined)
    .map((name) => ({ pointer: `/${name}`, code: 'given_to_a_service' }))

const getTokenEnv = ({ credential }: ReplayRequest): string | null =>
  credential != null && 'token_env' in credential ? credential.token_env : null
function toToken(raw: ReplayRequest, { env }: ReplayInputs): string | null {
  const name = getTokenEnv(raw)
  return name !== null && Object.hasOwn(env, name) ? (env[name] ?? null) : null
}

/** The authenticator of a store has only test keys, so it cannot verify a live token. */
function findTokenFaults(raw: ReplayRequest, terms: ReplayInputs): readonly LineFault[] {
  if (getTokenEnv(raw) === null) return []
  const pointer = '/credential/token_env'
  if (terms.of === 'stores') return [{ pointer, code: 'token_for_a_store' }]
  return (toToken(raw, terms) ?? '') === '' ? [{ pointer, code: 'variable_unset' }] : []
}

const toFixture = ({ credential }: ReplayRequest): string | null =>
  credential != null && 'fixture' in credential ? credential.fixture : null

function toRecordedRequest(
  raw: ReplayRequest,
  line: number,
  credentials: FixtureOrToken,
): RecordedRequest {
  const { fixture } = credentials
  const { flag_key, tenant_id = null, user_id = null, approval_ref = null } = raw.request
  return {
    line,
    request: { flag_key, tenant_id, user_id, approval_ref, request_id: raw.request.request_id },
    credential: toCredential(raw, credentials),
    // The schema requires one of the two.
    now: (raw.now ?? raw.recorded_at) as Instant,
    environment: raw.environment ?? fixture?.environment ?? 'prod',
    approvals: (raw.approvals ?? null) as readonly Approval[] | null,
  }
}

function getTimes({
  now,
  recorded_at,
  approvals = [],
}: ReplayRequest): readonly (readonly [pointer: string, text: string])[] {
  const named = [
    ['/now', now],
    ['/recorded_at', recorded_at],
    ...approvals.flatMap(({ not_before, expires_at }, at) => [
      [`/approvals/${at}/not_before`, not_before],
      [`/approvals/${at}/expires_at`, expires_at],
    ]),
  ] as const
  return named.flatMap(([pointer, text]) =>
    text === undefined ? [] : [[pointer as string, text] as const],
  )
}

interface FixtureOrToken {
  readonly fixture: Fixture | null
  readonly token: string | null
}
function toCredential(
  { credential }: ReplayRequest,
  { fixture, token }: FixtureOrToken,
): VectorCredential {
  const given = credential != null && 'dev_headers' in credential ? credential.dev_headers : null
  const headers = fixture === null ? given : fixture.dev_headers
  return {
    token: fixture?.token ?? token,
    dev_headers: headers === null ? null : toDevHeaders(headers),
    fixture,
  }
}
