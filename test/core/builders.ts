import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { evaluate } from '../../src/core/evaluate/evaluate.ts'
import type {
  ApprovalAnswer,
  Decision,
  EvaluationInput,
  Principal,
} from '../../src/core/evaluate/types.ts'
import { type CanonicalJson, canonicalize } from '../../src/core/json/canonical.ts'
import {
  type JsonNode,
  type JsonObject,
  isJsonObject,
  parseLosslessJson,
} from '../../src/core/json/read.ts'
import {
  instantFromMs,
  type Instant,
  parseInstant,
  instantToMs,
} from '../../src/core/rows/instant.ts'
import {
  type AnyRow,
  type FlagRow,
  getRowKey,
  formatRowKey,
  type RowsOfFlag,
  type RowOrBroken,
  type TenantOverrideRow,
  type UserOverrideRow,
} from '../../src/core/rows/rows.ts'

export const FLAG = 'ff.checkout.new-flow'
export const TENANT = 'T-pty-pilot-01'
export const USER = 'U1001'
export const REF = 'APP-100001-abcd'

export function instant(text: string): Instant {
  const time = parseInstant(text)
  if (time === undefined) throw new Error(`not a time: ${text}`)
  return time
}
export const NOW = instant('2026-01-15T09:00:00.000Z')
export const LONG_AGO = instant('2025-09-01T00:00:00.000Z')
export const DAY = 86_400_000
/** The time so many milliseconds after `NOW`. */
export const fromNow = (milliseconds: number): Instant =>
  instantFromMs(instantToMs(NOW) + milliseconds)

export function node(text: string): JsonNode {
  const read = parseLosslessJson(text)
  if (!read.ok) throw new Error(`not JSON: ${text}`)
  return read.node
}
export function objectNode(text: string): JsonObject {
  const read = node(text)
  if (typeof read !== 'object' || read === null || !isJsonObject(read)) throw new Error('no object')
  return read
}
/** The canonical text of a JSON text. */
export function json(text: string): CanonicalJson {
  const result = canonicalize(node(text))
  if (!result.ok) throw new Error(`not canonical: ${text}`)
  return result.text
}

export const flagRow = (more: Partial<FlagRow> = {}): FlagRow => ({
  flag_key: FLAG,
  value_type: 'string',
  default_value: json('"default"'),
  safe_value: json('"safe"'),
  sensitive: false,
  required_auth: 'any',
  state: 'active',
  description: 'The new checkout',
  owner: 'team-flags',
  revision: 3,
  created_at: LONG_AGO,
  updated_at: LONG_AGO,
  ...more,
})
const metadata = {
  created_by: 'ops.alice',
  updated_by: 'ops.alice',
  created_at: LONG_AGO,
  updated_at: LONG_AGO,
}
export const tenantRow = (more: Partial<TenantOverrideRow> = {}): TenantOverrideRow => ({
  tenant_id: TENANT,
  flag_key: FLAG,
  value: json('"tenant"'),
  revision: 7,
  ...metadata,
  ...more,
})
export const userRow = (more: Partial<UserOverrideRow> = {}): UserOverrideRow => ({
  user_id: USER,
  flag_key: FLAG,
  value: json('"user"'),
  revision: 5,
  ...metadata,
  ...more,
})
export const userTombstone = (more: Partial<UserOverrideRow> = {}): UserOverrideRow => {
  const { value: _, ...bare } = userRow()
  return { ...bare, deleted_at: LONG_AGO, ...more }
}

export const principal = (more: Partial<Principal> = {}): Principal => ({
  mode: 'verified',
  source: 'jwt',
  tenant_id: TENANT,
  user_id: USER,
  scopes: [],
  warnings: [],
  key_set_stale: false,
  ...more,
})
export const decodeOnly = (more: Partial<Principal> = {}): Principal =>
  principal({
    mode: 'decode-only',
    source: 'jwt-unverified',
    warnings: ['auth_not_verified', 'jwks_unreachable'],
    ...more,
  })
export const devHeaders = (more: Partial<Principal> = {}): Principal =>
  principal({
    mode: 'dev-headers',
    source: 'dev-headers',
    warnings: ['auth_not_verified', 'dev_headers'],
    ...more,
  })
export const anonymous = (more: Partial<Principal> = {}): Principal =>
  principal({ mode: 'none', source: 'none', warnings: ['unauthenticated'], ...more })

export const fit = <Row>(row: Row): RowOrBroken<Row> => ({ row })
export const broken = { broken: [{ code: 'member_missing', pointer: '/value' }] } as const

interface Case {
  readonly flag?: RowOrBroken<FlagRow> | FlagRow | null
  readonly tenant?: RowOrBroken<TenantOverrideRow> | TenantOverrideRow | null
  readonly user?: RowOrBroken<UserOverrideRow> | UserOverrideRow | null
  readonly by?: Principal
  readonly ref?: string | null
  readonly now?: Instant
}
const stored = <Row extends object>(
  given: RowOrBroken<Row> | Row | null,
): RowOrBroken<Row> | null =>
  given === null || 'row' in given || 'broken' in given
    ? (given as RowOrBroken<Row> | null)
    : { row: given }

/** One question about `FLAG`: an active flag that is not sensitive, no override, a verified caller. */
export const facts = (given: Case = {}): EvaluationInput => ({
  request: { flag_key: FLAG, approval_ref: given.ref ?? null, request_id: 'req-1' },
  principal: given.by ?? principal(),
  rows: {
    flag: stored(given.flag === undefined ? flagRow() : given.flag),
    tenant: stored(given.tenant ?? null),
    user: stored(given.user ?? null),
  },
  now: given.now ?? NOW,
  backing_state: 'file',
})

export const known = (
  more: Partial<Extract<ApprovalAnswer, { status: 'known' }>> = {},
): Extract<ApprovalAnswer, { status: 'known' }> => ({
  status: 'known',
  revoked: false,
  not_before: LONG_AGO,
  expires_at: fromNow(30 * DAY),
  ...more,
})

/** The decision, answering a question to Admin with `answer`; a second question fails the test. */
export function decide(given: EvaluationInput, answer: ApprovalAnswer = known()): Decision {
  const first = evaluate(given)
  const walk = first.ask === undefined ? first : evaluate(given, answer)
  if (walk.decision === undefined) throw new Error('asked twice')
  return walk.decision
}

/** Selects the rows under the three keys of one question, as a store does. */
export function rowsFor(rows: readonly AnyRow[], who: Principal, flag_key: string): RowsOfFlag {
  const byKey = new Map(rows.map((row) => [tableKey(row), row]))
  const find = <Row>(table: string, scope_id: string | null): RowOrBroken<Row> | null => {
    const row = byKey.get(`${table} ${formatRowKey({ scope_id, flag_key })}`)
    return row === undefined ? null : { row: row as Row }
  }
  return {
    flag: find('flag', null),
    tenant: who.tenant_id === null ? null : find('tenant', who.tenant_id),
    user: who.user_id === null ? null : find('user', who.user_id),
  }
}
const tableKey = (row: AnyRow): string =>
  `${'tenant_id' in row ? 'tenant' : 'user_id' in row ? 'user' : 'flag'} ${formatRowKey(getRowKey(row))}`

export const sha256 = (text: string): string =>
  createHash('sha256').update(text, 'utf8').digest('hex')

const ROOT = new URL('../../', import.meta.url)
export const readArtefact = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8')

/** The contract's schemas, compiled as the program compiles them. */
export function contractSchemas(): (name: string) => ValidateFunction {
  const ajv = new Ajv2020({
    allErrors: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
  })
  const names = readdirSync(new URL('contracts/schemas/', ROOT)).filter((name) =>
    name.endsWith('.schema.json'),
  )
  for (const name of names) {
    ajv.addSchema(JSON.parse(readArtefact(`contracts/schemas/${name}`)) as object)
  }
  return (name) => {
    const validate = ajv.getSchema(name)
    if (validate === undefined) throw new Error(`no schema ${name}`)
    return validate as ValidateFunction
  }
}
