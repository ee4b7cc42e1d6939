import fc from 'fast-check'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { ENVIRONMENTS } from '../../../src/core/auth/types.ts'
import {
  AUTH_MODES,
  OVERRIDE_SCOPES,
  SENSITIVE_PATHS,
  TTL_STATES,
} from '../../../src/core/evaluate/types.ts'
import { APPROVAL_REFUSALS } from '../../../src/core/evaluate/sensitive-overlay.ts'
import { decodeRow, ROW_MEMBERS } from '../../../src/core/rows/decode-row.ts'
import { isApprovalRef, isFlagKey, isScopeId } from '../../../src/core/rows/grammar.ts'
import { parseInstant } from '../../../src/core/rows/instant.ts'
import {
  type AnyRow,
  FLAG_STATES,
  REQUIRED_AUTH,
  serializeRow,
  TABLE_NAMES,
  type TableName,
  VALUE_TYPES,
} from '../../../src/core/rows/rows.ts'
import {
  contractSchemas,
  flagRow,
  fromNow,
  node,
  readArtefact,
  REF,
  tenantRow,
  userRow,
  userTombstone,
} from '../builders.ts'
import { codePoint } from '../../support/code-point.ts'
import { examples } from '../../support/scale.ts'

const SCHEMA_OF: Readonly<Record<TableName, string>> = {
  flag_registry: 'flag-row',
  tenant_override: 'tenant-override-row',
  user_override: 'user-override-row',
}
interface RowSchema {
  readonly additionalProperties: boolean
  readonly required: readonly string[]
  readonly properties: Readonly<Record<string, { readonly $ref?: string }>>
}
const getSchema = (name: string): unknown =>
  JSON.parse(readArtefact(`contracts/schemas/${name}.schema.json`)) as unknown
const common = getSchema('common') as {
  readonly $defs: Readonly<
    Record<string, { readonly enum?: readonly string[]; readonly pattern?: string }>
  >
}
const schemas = contractSchemas()
const defined = (name: string): ValidateFunction => schemas(`common.schema.json#/$defs/${name}`)

describe.each(TABLE_NAMES)('the schema of a row of %s', (table) => {
  const schema = getSchema(SCHEMA_OF[table]) as RowSchema
  const members = Object.entries(ROW_MEMBERS[table])

  test('has exactly the members that the core knows', () => {
    expect(members.length).toBeGreaterThan(0)
    expect(Object.keys(schema.properties).sort()).toEqual(members.map(([name]) => name).sort())
    expect(schema.additionalProperties).toBe(false)
  })

  test('requires what the core requires', () => {
    const required = members.filter(([, rule]) => rule.required).map(([name]) => name)
    expect(required.length).toBeGreaterThan(0)
    expect(schema.required.toSorted()).toEqual(required.sort())
  })
})

describe('the schemas have the same words as the core', () => {
  test.each([
    ['value_type', VALUE_TYPES],
    ['required_auth', REQUIRED_AUTH],
    ['flag_state', FLAG_STATES],
    ['auth_mode', AUTH_MODES],
    ['scope', OVERRIDE_SCOPES],
    ['sensitive_path', SENSITIVE_PATHS],
    ['ttl_state', TTL_STATES],
    ['environment', ENVIRONMENTS],
  ] as const)('%s', (name, words) => {
    expect(common.$defs[name]?.enum).toEqual(words)
  })

  test('every refusal of an approval is a reason to deny', () => {
    const refusals = Object.values(APPROVAL_REFUSALS).filter((code) => code !== null)
    expect(refusals).toHaveLength(4)
    expect(common.$defs['deny_reason']?.enum).toEqual(expect.arrayContaining(refusals))
  })
})

const GRAMMARS = [
  ['flag_key', isFlagKey, 'ff.a.b-c_d0', 128],
  ['scope_id', isScopeId, 'T-pty_pilot.01@x|"\\', 255],
  ['approval_ref', isApprovalRef, REF, 128],
] as const
describe.each(GRAMMARS)('the form of a %s', (name, holds, example, most) => {
  const validate = defined(name)
  const pattern = new RegExp(common.$defs[name]?.pattern ?? '(?!)')

  test('agrees for valid and almost valid texts', () => {
    const damaged = fc
      .tuple(
        fc.stringMatching(pattern),
        fc.nat(),
        fc.nat({ max: 1 }),
        fc.constantFrom('', ':', '*', ' ', '.', '-', '_', '@', 'A', 'é', '\n', '/', '\u007f'),
      )
      .map(([text, at, cut, put]) => {
        const here = at % (text.length + 1)
        return text.slice(0, here) + put + text.slice(here + cut)
      })
    const any = fc.oneof(
      fc.stringMatching(pattern),
      damaged,
      fc.string(),
      fc.string({ unit: codePoint }),
    )
    fc.assert(
      fc.property(any, (text) => {
        expect(holds(text)).toBe(validate(text))
      }),
      examples(2000),
    )
  })

  test('accepts texts of the pattern up to the length limit', () => {
    fc.assert(
      fc.property(fc.stringMatching(pattern), (text) => {
        expect(holds(text)).toBe(text.length <= most)
      }),
    )
  })

  test.each([most - 1, most, most + 1])('has the same length limit at %i characters', (length) => {
    const text = example.padEnd(length, 'a')
    expect(text).toHaveLength(length)
    expect([holds(text), validate(text)]).toEqual([length <= most, length <= most])
  })
})

describe('the form of a time', () => {
  const validate = defined('instant')
  const pattern = new RegExp(common.$defs['instant']?.pattern ?? '(?!)')

  test('every time that the core accepts fits the schema', () => {
    const dates = fc
      .date({ min: new Date(-62135596800000), max: new Date(253402300799999), noInvalidDate: true })
      .map((date) => date.toISOString())
    fc.assert(
      fc.property(dates, (text) => {
        expect([parseInstant(text), validate(text)]).toEqual([text, true])
      }),
    )
  })

  test('the core refuses every time that does not fit the schema', () => {
    const near = fc
      .tuple(
        fc.stringMatching(pattern),
        fc.nat(),
        fc.constantFrom('', '0', ' ', 'z', '+', '\n', '٣'),
      )
      .map(([text, at, put]) => text.slice(0, at % 25) + put + text.slice((at % 25) + 1))
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (text) => {
        fc.pre(!validate(text))
        expect(parseInstant(text)).toBeUndefined()
      }),
    )
  })
})

describe('the schema and the core agree about rows', () => {
  const full = { approval_ref: REF, note: 'n', expires_at: fromNow(1) }
  const ROWS: readonly (readonly [TableName, AnyRow])[] = [
    ['flag_registry', flagRow()],
    ['tenant_override', tenantRow()],
    ['tenant_override', tenantRow(full)],
    ['user_override', userRow(full)],
    ['user_override', userTombstone()],
  ]
  /** For each member: a valid value of each kind, invalid ones, or none. */
  const PUT = [
    'null',
    'true',
    '0',
    '1',
    '1.5',
    '9007199254740991',
    '9007199254740992',
    '""',
    '"ff.a"',
    '"APP-1-a"',
    '"any"',
    '"active"',
    '"string"',
    '"2026-01-15T09:00:00.000Z"',
    '"2026-01-15T09:00:00Z"',
    '[]',
    '{}',
    undefined,
  ]

  test('with every member changed in every way', () => {
    const bases = ROWS.map(([table, row]) => [table, serializeRow(row)] as const)
    const changes = bases.flatMap(([table, text]) =>
      [...Object.keys(ROW_MEMBERS[table]), 'more'].flatMap((name) =>
        PUT.map((put) => {
          const row = JSON.parse(text) as Record<string, unknown>
          const rest = Object.entries(row).filter(([held]) => held !== name)
          const members = rest.map(([held, value]) => `"${held}":${JSON.stringify(value)}`)
          const changed = put === undefined ? members : [...members, `"${name}":${put}`]
          return [table, `{${changed.join(',')}}`] as const
        }),
      ),
    )
    expect(changes.length).toBeGreaterThan(1000)
    const verdicts = new Set<boolean>()
    for (const [table, text] of changes) {
      const isAccepted = decodeRow(table, node(text)).broken === undefined
      const validate = schemas(`${SCHEMA_OF[table]}.schema.json`)
      expect([text, validate(JSON.parse(text))]).toEqual([text, isAccepted])
      verdicts.add(isAccepted)
    }
    expect(verdicts.size).toBe(2)
  })

  test.each(ROWS)('of %s unchanged', (table, row) => {
    expect(schemas(`${SCHEMA_OF[table]}.schema.json`)(JSON.parse(serializeRow(row)))).toBe(true)
  })
})
