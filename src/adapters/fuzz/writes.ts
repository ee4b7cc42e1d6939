import fc from 'fast-check'
import type { Approval } from '../../core/evaluate/approvals.ts'
import type { CanonicalJson } from '../../core/json/canonical.ts'
import type { SceneWrite } from '../../core/parity/scene.ts'
import {
  type FlagRow,
  REQUIRED_AUTH,
  type RowKey,
  type TableName,
  VALUE_TYPES,
  type ValueType,
} from '../../core/rows/rows.ts'
import { FLAGS, moment, REFS, TENANTS, USERS, VALUES } from './values.ts'

// A scene has few writes. Most go to the same one or two rows, so that a row is created, deleted and created again.
const mostlyFirst = <T>([head, ...rest]: readonly [T, ...T[]]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(head) },
    { weight: 1, arbitrary: fc.constantFrom(...rest) },
  )
/** Keys that the row schemas refuse; some cannot even be sent to PostgreSQL (U+0000, a lone surrogate). */
const NO_KEYS = ['FF.A', 'ff.a\u0000', 'ff.', ''] as const
const NO_IDS = ['T 1', '\ud800', '*', ''] as const
const key = (known: readonly [string, ...string[]], hostile: readonly string[]) =>
  fc.oneof(
    { weight: 19, arbitrary: mostlyFirst(known) },
    { weight: 1, arbitrary: fc.constantFrom(...hostile) },
  )
const SCOPES: Readonly<Record<TableName, fc.Arbitrary<string | null>>> = {
  flag_registry: fc.constant(null),
  tenant_override: key(TENANTS, NO_IDS),
  user_override: key(USERS, NO_IDS),
}
const target = fc
  .constantFrom<TableName>('tenant_override', 'user_override', 'flag_registry')
  .chain((table) =>
    fc.record({
      table: fc.constant(table),
      key: fc.record<RowKey>({ scope_id: SCOPES[table], flag_key: key(FLAGS, NO_KEYS) }),
    }),
  )

/** Request bodies as text, each at the edge of a rule of the row schemas or of RFC 8785; some are valid. */
const HOSTILE = [
  '{}',
  'null',
  '[]',
  '"value"',
  '{"value":1.0}',
  '{"value":-0}',
  '{"value":1e2}',
  '{"value":1e400}',
  '{"value":1e-7}',
  '{"value":9007199254740993}',
  '{"value":0.1000}',
  '{"value":null}',
  '{"value":[]}',
  '{"value":{"b":1,"a":[1.0,-0]}}',
  '{"value":{"a":1,"a":2}}',
  '{"value":{"\\u0000":1}}',
  '{"value":true,"value":false}',
  '{"value":"\\u0000"}',
  '{"value":"\\ud800"}',
  '{"value":"\\ud83d\\ude00"}',
  '{"value":true,"expires_at":"2026-01-15T09:00:00Z"}',
  '{"value":true,"expires_at":"2026-01-15T09:00:00.000000Z"}',
  '{"value":true,"expires_at":"2026-01-15T10:00:00.000+01:00"}',
  '{"value":true,"expires_at":"2026-02-30T09:00:00.000Z"}',
  '{"value":true,"expires_at":null}',
  '{"value":true,"approval_ref":"app-1"}',
  '{"value":true,"note":""}',
  '{"value":true,"note":"\\u0000"}',
  '{"value":true,"revision":7}',
  '{"value":true,"deleted_at":"2026-01-15T09:00:00.000Z"}',
  '{"value":true,"__proto__":{}}',
  `{"value":true,"note":"${'é'.repeat(1_025)}"}`,
  `{"value":${'{"a":'.repeat(57)}1${'}'.repeat(57)}}`,
  `{"value":"${'x'.repeat(65_536)}"}`,
  '{"value_type":"list","default_value":[],"safe_value":[],"sensitive":0,"required_auth":"all","state":"off","description":null,"owner":1}',
] as const

/** The parts of a body; `fitWrite` picks those that suit the flag. */
interface BodyParts {
  readonly values: Readonly<Record<ValueType, CanonicalJson>>
  /** Set for a value of another type than the flag's. */
  readonly misfit: ValueType | null
  readonly flag: Pick<FlagRow, 'sensitive' | 'required_auth' | 'state'>
  readonly override: {
    readonly approval_ref?: string
    readonly note?: string
    readonly expires_at?: string
  }
}
export interface RawWrite extends Pick<SceneWrite, 'table' | 'key' | 'action' | 'expected'> {
  /** The text of a hostile body, or the parts from which `fitWrite` builds one. */
  readonly body: string | BodyParts
  /** Index, modulo their count, of the scene's approval that the caller names; null for none. */
  readonly approval: number | null
}

const parts: fc.Arbitrary<BodyParts> = fc.record({
  values: fc.record(VALUES),
  misfit: fc.oneof(
    { weight: 7, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom(...VALUE_TYPES) },
  ),
  flag: fc.record({
    sensitive: fc.boolean(),
    required_auth: fc.constantFrom(...REQUIRED_AUTH),
    state: fc.constantFrom('active', 'active', 'killed', 'killed', 'archived'),
  }),
  override: fc.record(
    {
      approval_ref: fc.constantFrom(...REFS),
      note: fc.constantFrom('', 'é', 'e\u0301'),
      expires_at: moment,
    },
    { requiredKeys: [] },
  ),
})

/** Generates writes whose body does not depend on the rows of the scene yet; `fitWrite` completes them. */
export const rawWrite: fc.Arbitrary<RawWrite> = fc
  .record({
    target,
    action: fc.constantFrom<SceneWrite['action']>('put', 'put', 'delete'),
    expected: fc.constantFrom<SceneWrite['expected']>(null, null, null, 'right', 'stale', 'absent'),
    body: fc.oneof(
      { weight: 7, arbitrary: parts },
      { weight: 1, arbitrary: fc.constantFrom(...HOSTILE) },
    ),
    approval: fc.option(fc.nat({ max: 3 }), { nil: null }),
  })
  .map(({ target: { table, key: at }, ...rest }) => ({ table, key: at, ...rest }))

/**
 * Completes a write: picks a value of its flag's type (boolean for an unknown flag), because one of a random type
 * would be refused nearly always. A hostile body stays as it is. The body is null for a delete; the approval is null
 * if none was drawn or the scene has none, and preferably one of this flag.
 */
export function fitWrite(
  { table, key: at, action, expected, body, approval }: RawWrite,
  flags: readonly FlagRow[],
  approvals: readonly Approval[],
): SceneWrite {
  const flag = flags.find(({ flag_key }) => flag_key === at.flag_key)
  return {
    table,
    key: at,
    action,
    expected,
    body: action === 'delete' ? null : formatBody(table, body, flag?.value_type ?? 'boolean'),
    approval: approval === null ? null : pickApproval(approvals, at.flag_key, approval),
  }
}

/** The JSON text of a body. Values are canonical already and are inserted unchanged. */
function formatBody(table: TableName, body: string | BodyParts, fits: ValueType): string {
  if (typeof body === 'string') return body
  const { values, misfit, flag, override } = body
  const type = misfit ?? fits
  const members: readonly (readonly [name: string, text: string])[] =
    table === 'flag_registry'
      ? [
          ['value_type', JSON.stringify(type)],
          ['default_value', values[type]],
          ['safe_value', values[type]],
          ...toTexts({ ...flag, description: 'Written at random', owner: 'fuzz' }),
        ]
      : [['value', values[type]], ...toTexts(override)]
  return `{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`
}
const toTexts = (members: object): readonly (readonly [string, string])[] =>
  Object.entries(members).map(([name, one]) => [name, JSON.stringify(one)])

/** Picks an approval of the scene, preferably one for this flag; the write comes from its tenant and user. */
function pickApproval(
  approvals: readonly Approval[],
  flagKey: string,
  at: number,
): SceneWrite['approval'] {
  const own = approvals.filter(({ flag_key }) => flag_key === flagKey)
  const among = own.length > 0 ? own : approvals
  const found = among[at % Math.max(among.length, 1)]
  if (found === undefined) return null
  const { approval_ref, tenant_id, user_id } = found
  return { approval_ref, tenant_id, user_id }
}
