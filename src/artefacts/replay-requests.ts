import type { Environment } from '../core/auth/types.ts'
import type { Approval } from '../core/evaluate/approvals.ts'
import { strictProblems } from '../core/json/canonical.ts'
import { toPlain } from '../core/json/plain.ts'
import { readJson } from '../core/json/read.ts'
import type { VectorRequest } from '../core/parity/vector.ts'
import { type Instant, parseInstant } from '../core/state/instant.ts'
import { type PlainFile, readTextLines, type TextLine } from './lines.ts'
import type { ArtefactCode } from './problem.ts'
import { schemaProblems } from './schemas.ts'
import type { ReplayRequest } from './types.generated.ts'
import { type Fixture, headersOf, type VectorCredential } from './vectors.ts'

/** More than a request with a hundred approvals needs. */
const MAX_LINE_BYTES = 65_536

/** A recorded request with everything that is known of it. */
export interface Recorded {
  readonly line: number
  readonly request: VectorRequest
  readonly credential: VectorCredential
  readonly now: Instant
  readonly environment: Environment
  /** Null where Admin cannot be reached. */
  readonly approvals: readonly Approval[] | null
}
/** What is wrong with one place of one line. */
export interface LineProblem {
  readonly line: number
  readonly pointer: string
  readonly code: ArtefactCode
}
export type RecordedLine =
  | { readonly recorded: Recorded; readonly problems?: never }
  | { readonly problems: readonly LineProblem[]; readonly recorded?: never }

interface Terms {
  readonly fixtures: readonly Fixture[]
}

/** Each line of a file of recorded requests, from its beginning; a line of blanks is none. */
export async function* readRecorded(file: PlainFile, terms: Terms): AsyncGenerator<RecordedLine> {
  for await (const line of readTextLines(file, MAX_LINE_BYTES)) {
    if (line.text?.trim() !== '') yield recordedOf(line, terms)
  }
}

function recordedOf(held: TextLine, { fixtures }: Terms): RecordedLine {
  const { line } = held
  const wrong = (
    ...found: readonly { readonly pointer: string; readonly code: ArtefactCode }[]
  ): RecordedLine => ({ problems: found.map(({ pointer, code }) => ({ line, pointer, code })) })
  if (held.text === undefined) return wrong({ pointer: '', code: held.code })
  const json = readJson(held.text)
  if (!json.ok) return wrong({ pointer: '', code: json.code })
  const strict = strictProblems(json.node)
  if (strict.length > 0) return wrong(...strict)
  const value = toPlain(json.node)
  const misfits = schemaProblems('replay-request', value, '')
  if (misfits.length > 0) return wrong(...misfits)
  return built(value as ReplayRequest, line, { fixtures, wrong })
}

interface Building {
  readonly fixtures: readonly Fixture[]
  readonly wrong: (
    ...found: readonly { readonly pointer: string; readonly code: ArtefactCode }[]
  ) => RecordedLine
}

/** What a schema cannot say: times that exist, and fixtures that are there. */
function built(raw: ReplayRequest, line: number, { fixtures, wrong }: Building): RecordedLine {
  const named = fixtureOf(raw)
  const fixture = fixtures.find(({ id }) => id === named) ?? null
  const times = timesOf(raw).filter(([, text]) => parseInstant(text) === undefined)
  const problems = times.map(([pointer]) => ({ pointer, code: 'time_not_canonical' as const }))
  if (named !== null && fixture === null)
    return wrong(...problems, { pointer: '/credential/fixture', code: 'fixture_unknown' })
  return problems.length > 0 ? wrong(...problems) : { recorded: recordedFrom(raw, line, fixture) }
}

const fixtureOf = ({ credential }: ReplayRequest): string | null =>
  credential != null && 'fixture' in credential ? credential.fixture : null

function recordedFrom(raw: ReplayRequest, line: number, fixture: Fixture | null): Recorded {
  const { flag_key, tenant_id = null, user_id = null, approval_ref = null } = raw.request
  return {
    line,
    request: { flag_key, tenant_id, user_id, approval_ref, request_id: raw.request.request_id },
    credential: credentialOf(raw, fixture),
    // The schema asks for one of the two.
    now: (raw.now ?? raw.recorded_at) as Instant,
    environment: raw.environment ?? fixture?.environment ?? 'prod',
    approvals: (raw.approvals ?? null) as readonly Approval[] | null,
  }
}

function timesOf({
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

function credentialOf({ credential }: ReplayRequest, fixture: Fixture | null): VectorCredential {
  const said = credential != null && 'dev_headers' in credential ? credential.dev_headers : null
  const headers = fixture === null ? said : fixture.dev_headers
  return {
    token: fixture?.token ?? null,
    dev_headers: headers === null ? null : headersOf(headers),
    fixture,
  }
}
