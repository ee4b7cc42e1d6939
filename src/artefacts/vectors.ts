import { appendPointer } from '../core/json/pointer.ts'
import { isJsonArray, type JsonNode, type JsonObject } from '../core/json/read.ts'
import { deriveCoverage } from '../core/parity/coverage.ts'
import type {
  Vector,
  VectorCaller,
  VectorCoverage,
  VectorInput,
  VectorQuestion,
} from '../core/parity/vector.ts'
import type { Approval } from '../core/evaluate/approvals.ts'
import type { Credential as AuthCredential } from '../core/auth/types.ts'
import { decodeRow } from '../core/rows/decode-row.ts'
import { type Instant, parseInstant } from '../core/rows/instant.ts'
import {
  type AnyRow,
  formatRowKey,
  getRowKey,
  type RowsByTable,
  TABLE_NAMES,
  type TableName,
} from '../core/rows/rows.ts'
import type { LoadedArtefact } from './load.ts'
import type { ArtefactCode, ArtefactProblem } from './problem.ts'
import type { JwtFixtures, ParityTestMatrix } from './types.generated.ts'

export type Fixture = JwtFixtures['fixtures'][number]
type RawVector = ParityTestMatrix['vectors'][number]
/** A credential, with the fixture that the test authenticator verifies it by. */
export interface VectorCredential extends AuthCredential {
  /** Null without a fixture: then there is no token to verify. */
  readonly fixture: Fixture | null
}
export type RunnableVector = Vector<VectorCredential>

/** The vectors of a matrix; run them only where `problems` is empty. */
export interface BuiltVectors {
  readonly vectors: readonly RunnableVector[]
  readonly problems: readonly ArtefactProblem[]
}

/**
 * Turns a matrix that fits its schema into runnable vectors, all of them, and reports violations of the rules beyond
 * the schema: invalid or repeated rows and rows of no flag, times that are not canonical, unknown or other fixtures,
 * coverage that the inputs do not give, repeated ids. Run the vectors only where `problems` is empty.
 */
export function buildVectors(
  matrix: LoadedArtefact<'parity_test_matrix'>,
  fixtures: readonly Fixture[],
): BuiltVectors {
  const report = new Report(matrix.file)
  const nodes = items(member(matrix.node, 'vectors'))
  const vectors = matrix.value.vectors.map((raw, at) => {
    report.at = appendPointer('/vectors', at)
    return buildVector(raw, nodes[at] as JsonNode, { fixtures, report })
  })
  const ids = matrix.value.vectors.map(({ id }) => id)
  ids.forEach((id, at) => {
    if (ids.indexOf(id) !== at) report.addAt(appendPointer('/vectors', at), 'id_repeated', id)
  })
  return { vectors, problems: report.problems }
}

class Report {
  readonly problems: ArtefactProblem[] = []
  at = ''
  private readonly file: string
  constructor(file: string) {
    this.file = file
  }
  add(below: string, code: ArtefactCode, detail = ''): void {
    this.addAt(this.at + below, code, detail)
  }
  addAt(where: string, code: ArtefactCode, detail: string): void {
    this.problems.push({ file: this.file, pointer: where, code, detail })
  }
}

interface Context {
  readonly fixtures: readonly Fixture[]
  readonly report: Report
}

function buildVector(
  raw: RawVector,
  node: JsonNode,
  { fixtures, report }: Context,
): RunnableVector {
  const { given, when } = raw
  const {
    flag_key,
    tenant_id = null,
    user_id = null,
    approval_ref = null,
    request_id,
  } = when.request
  const request: VectorQuestion = { flag_key, tenant_id, user_id, approval_ref, request_id }
  const input: VectorInput = {
    now: instant(given.now, '/given/now', report),
    environment: given.environment,
    state: buildState(member(node, 'given'), report),
    approvals: given.approvals.map((one, at) =>
      approval(one, appendPointer('/given/approvals', at), report),
    ),
    admin: given.admin,
  }
  const credential = resolveCredential(raw, fixtures, report)
  const author = deriveCaller(credential, raw, report)
  checkCovers(raw.covers, deriveCoverage(input, author, request), report)
  const { id, title, covers } = raw
  return {
    id,
    title,
    covers,
    given: input,
    credential,
    request,
    expected: member(node, 'then') as JsonObject,
  }
}

const LISTS: Readonly<Record<TableName, string>> = {
  flag_registry: 'flags',
  tenant_override: 'tenant_overrides',
  user_override: 'user_overrides',
}

function buildState(given: JsonNode, report: Report): RowsByTable {
  const toRows = (table: TableName): readonly AnyRow[] => {
    const seen = new Set<string>()
    return items(member(given, LISTS[table])).flatMap((node, at): AnyRow[] => {
      const here = `/given/${appendPointer(LISTS[table], at)}`
      const stored = decodeRow(table, node)
      if (stored.broken !== undefined) {
        for (const { code, pointer: below } of stored.broken) report.add(here + below, code)
        return []
      }
      const key = formatRowKey(getRowKey(stored.row))
      if (seen.has(key)) report.add(here, 'row_repeated', key.trim())
      seen.add(key)
      return [stored.row]
    })
  }
  const state = Object.fromEntries(
    TABLE_NAMES.map((table) => [table, toRows(table)]),
  ) as unknown as RowsByTable
  const known = new Set(state.flag_registry.map(({ flag_key }) => flag_key))
  for (const table of ['tenant_override', 'user_override'] as const) {
    state[table].forEach(({ flag_key }, at) => {
      if (!known.has(flag_key))
        report.add(`/given/${appendPointer(LISTS[table], at)}/flag_key`, 'flag_unknown', flag_key)
    })
  }
  return state
}

function instant(text: string, below: string, report: Report): Instant {
  const time = parseInstant(text)
  if (time === undefined) report.add(below, 'time_not_canonical', text)
  return time ?? (text as Instant)
}

function approval(
  raw: RawVector['given']['approvals'][number],
  below: string,
  report: Report,
): Approval {
  const time = (name: 'not_before' | 'expires_at'): Instant =>
    instant(raw[name], `${below}/${name}`, report)
  return { ...raw, not_before: time('not_before'), expires_at: time('expires_at') }
}

/** Finds the fixture; its clock and its environment must be those of the vector. */
function resolveCredential(
  raw: RawVector,
  fixtures: readonly Fixture[],
  report: Report,
): VectorCredential {
  const named = raw.given.credential
  if (named === null) return { token: null, dev_headers: null, fixture: null }
  if ('dev_headers' in named)
    return { token: null, dev_headers: toDevHeaders(named.dev_headers), fixture: null }
  const fixture = fixtures.find(({ id }) => id === named.fixture)
  if (fixture === undefined) {
    report.add('/given/credential/fixture', 'fixture_unknown', named.fixture)
    return { token: null, dev_headers: null, fixture: null }
  }
  if (fixture.clock !== raw.given.now)
    report.add('/given/now', 'fixture_clock_differs', fixture.clock)
  if (fixture.environment !== raw.given.environment) {
    report.add('/given/environment', 'fixture_environment_differs', fixture.environment)
  }
  const dev_headers = fixture.dev_headers === null ? null : toDevHeaders(fixture.dev_headers)
  return { token: fixture.token, dev_headers, fixture }
}

/** Dev headers with null for an absent user or tenant. */
export const toDevHeaders = ({
  user_id,
  tenant_id,
  scopes,
}: NonNullable<Fixture['dev_headers']>): NonNullable<VectorCredential['dev_headers']> => ({
  user_id: user_id ?? null,
  tenant_id: tenant_id ?? null,
  scopes,
})

/** Derives the caller from the unverified claims of the token, the dev headers or the request. */
function deriveCaller(credential: VectorCredential, raw: RawVector, report: Report): VectorCaller {
  const { token, dev_headers, fixture } = credential
  const dev = raw.given.environment === 'dev+H'
  if (token !== null && fixture !== null) {
    const { sub, tid } = decodeClaims(token)
    const expected = fixture.expected[raw.given.environment]
    if ('refused' in expected)
      report.add('/given/credential', 'fixture_mode_underivable', fixture.id)
    return {
      auth_mode: 'refused' in expected ? 'none' : expected.mode,
      tenant_id: tid ?? null,
      user_id: sub ?? null,
    }
  }
  if (dev_headers !== null && dev) return { auth_mode: 'dev-headers', ...dev_headers }
  const { tenant_id = null, user_id = null } = raw.when.request
  return { auth_mode: 'none', tenant_id, user_id }
}

function decodeClaims(token: string): { sub?: string; tid?: string } {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      sub?: string
      tid?: string
    }
  } catch {
    return {} // Unreadable claims name no caller; the authenticator's answer to such a token is measured, not assumed.
  }
}

function checkCovers(declared: RawVector['covers'], derived: VectorCoverage, report: Report): void {
  for (const name of Object.keys(derived) as (keyof VectorCoverage)[]) {
    if (declared[name] !== derived[name])
      report.add(`/covers/${name}`, 'covers_differs', `the inputs give ${String(derived[name])}`)
  }
}

/** The member must be one that the schema requires. */
const member = (node: JsonNode, name: string): JsonNode =>
  (node as JsonObject).members.find(([key]) => key === name)?.[1] as JsonNode
const items = (node: JsonNode): readonly JsonNode[] => (isJsonArray(node) ? node : [])
