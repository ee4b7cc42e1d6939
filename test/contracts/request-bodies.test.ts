import { describe, expect, test } from 'vitest'
import { parseOfrepRequest } from '../../src/core/ofrep/context.ts'
import type { CanonicalJson } from '../../src/core/json/canonical.ts'
import { planWrite } from '../../src/core/rows/plan-write.ts'
import { type TableName, detectValueType } from '../../src/core/rows/rows.ts'
import type { WriteRequest } from '../../src/core/rows/write-request.ts'
import { contractSchemas, FLAG, flagRow, node, NOW, REF, TENANT } from '../core/builders.ts'

const schemas = contractSchemas()
const fits = (schema: string, body: unknown): boolean => schemas(`${schema}.schema.json`)(body)

/** Whether core takes a body for what a caller may set; whether the values fit the type is another question (422). */
function taken(table: TableName, body: unknown): boolean {
  const text = JSON.stringify(body)
  const request: WriteRequest = {
    table,
    key: { scope_id: table === 'flag_registry' ? null : TENANT, flag_key: FLAG },
    action: 'put',
    body: node(text),
    expected: null,
    actor: 'U1001',
    auth_mode: 'verified',
    request_id: 'req-1',
    occurred_at: NOW,
    approval: null,
  }
  const { value } = { value: null, ...(body as object) }
  const value_type = detectValueType(JSON.stringify(value) as CanonicalJson) ?? 'string'
  const flag = table === 'flag_registry' ? null : { row: flagRow({ value_type }) }
  const plan = planWrite(request, { flag, row: null, has_overrides: false })
  return plan.ok || plan.problems.every(({ code }) => code === 'value_type_mismatch')
}

const FLAG_BODY = {
  value_type: 'boolean',
  default_value: true,
  safe_value: false,
  sensitive: false,
  required_auth: 'any',
  state: 'active',
  description: 'd',
  owner: 'o',
}
const OVERRIDE_BODY = { value: { a: [1, null] }, approval_ref: REF, note: 'n', expires_at: NOW }
const NOTHING_ELSE = [null, true, 7, 'text', [], {}] as const
const LONG = 'x'.repeat(2_049)

/** Variants of a body: without each member, with each member of every JSON type, and with an unknown member. */
const around = (body: Readonly<Record<string, unknown>>): readonly unknown[] => [
  body,
  { ...body, unknown: 1 },
  ...Object.keys(body).flatMap((name) => {
    const { [name]: _, ...rest } = body
    return [rest, ...[...NOTHING_ELSE, LONG].map((held) => ({ ...rest, [name]: held }))]
  }),
]

describe.each([
  [
    'flag_registry',
    'flag-put',
    [
      ...around(FLAG_BODY),
      { ...FLAG_BODY, state: 'killed' },
      { ...FLAG_BODY, state: 'gone' },
      { ...FLAG_BODY, revision: 1 },
      { ...FLAG_BODY, flag_key: FLAG },
    ],
  ],
  [
    'tenant_override',
    'override-put',
    [
      ...around(OVERRIDE_BODY),
      { ...OVERRIDE_BODY, expires_at: '2026-01-15T09:00:00Z' },
      { ...OVERRIDE_BODY, expires_at: '2026-01-15T09:00:00.000+00:00' },
      { ...OVERRIDE_BODY, approval_ref: 'APP-x' },
      { ...OVERRIDE_BODY, deleted_at: NOW },
      { ...OVERRIDE_BODY, tenant_id: TENANT },
    ],
  ],
] as const)('a body of %s', (table, schema, bodies) => {
  test('is accepted by core exactly where it fits the schema', () => {
    const verdicts = bodies.map((body) => taken(table, body))
    expect(verdicts.filter(Boolean).length).toBeGreaterThan(5)
    expect(verdicts.filter((one) => !one).length).toBeGreaterThan(15)
    for (const [at, body] of bodies.entries())
      expect([body, fits(schema, body)]).toEqual([body, verdicts[at]])
  })

  test.each(NOTHING_ELSE.slice(0, 5).map((body) => [body]))(
    'that is %j is refused by both',
    (body) => {
      expect([taken(table, body), fits(schema, body)]).toEqual([false, false])
    },
  )
})

test('core applies the rules beyond the schema: bytes, days, numbers', () => {
  for (const body of [
    { value: true, note: 'é'.repeat(2_048) },
    { value: true, expires_at: '2026-02-30T00:00:00.000Z' },
    { value: { deep: 1e300 } },
  ])
    expect([taken('tenant_override', body), fits('override-put', body)]).toEqual([false, true])
})

test('the service, not core, takes the approval of a flag', () => {
  expect(fits('flag-put', { ...FLAG_BODY, approval_ref: REF })).toBe(true)
  expect(fits('flag-put', { ...FLAG_BODY, approval_ref: 'x' })).toBe(false)
})

test('an OFREP request is accepted exactly where it fits the schema', () => {
  const context = { targetingKey: 'U1', tenant_id: 'T1', approval_ref: REF }
  const bodies = [
    {},
    [],
    null,
    { context, more: 1 },
    ...[...NOTHING_ELSE, context].map((held) => ({ context: held })),
    ...Object.keys(context).flatMap((name) =>
      [...NOTHING_ELSE, '', 'a b', 'a'.repeat(129)].map((held) => ({
        context: { ...context, [name]: held },
      })),
    ),
    { context: { ...context, anything: [null] } },
    { context: Object.fromEntries(Array.from({ length: 501 }, (_, at) => [`a${at}`, 1])) },
  ]
  const verdicts = bodies.map((body) => parseOfrepRequest(JSON.stringify(body), 500).ok)
  expect(verdicts.filter(Boolean).length).toBeGreaterThan(4)
  for (const [at, body] of bodies.entries())
    expect([body, fits('ofrep-request', body)]).toEqual([body, verdicts[at]])
})
