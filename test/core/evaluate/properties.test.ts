import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import { serializeDecision } from '../../../src/core/evaluate/decision-text.ts'
import { evaluate } from '../../../src/core/evaluate/evaluate.ts'
import type {
  ApprovalAnswer,
  EvaluationInput,
  Principal,
} from '../../../src/core/evaluate/types.ts'
import type { CanonicalJson } from '../../../src/core/json/canonical.ts'
import {
  type AnyRow,
  FLAG_STATES,
  type FlagRow,
  REQUIRED_AUTH,
  type RowsOfFlag,
  type RowOrBroken,
  type TenantOverrideRow,
  detectValueType,
  type UserOverrideRow,
  VALUE_TYPES,
} from '../../../src/core/rows/rows.ts'
import {
  anonymous,
  broken,
  contractSchemas,
  DAY,
  decide,
  decodeOnly,
  devHeaders,
  FLAG,
  flagRow,
  fromNow,
  json,
  known,
  principal,
  REF,
  rowsFor,
  TENANT,
  tenantRow,
  USER,
  userRow,
} from '../builders.ts'
import { examples } from '../../support/scale.ts'

const OTHER_REF = 'APP-100002-efgh'
const times = fc.constantFrom(-DAY, -1, 0, 1, DAY - 1, DAY, DAY + 1, 30 * DAY).map(fromNow)
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.option(arbitrary, { nil: null })
const texts = fc.constantFrom(...['"a"', '"b"', '""'].map(json))
const anyValue = fc.oneof(
  { arbitrary: texts, weight: 6 },
  fc.constantFrom(...['true', 'false', '1', '0', '{}', '{"a":[null]}', 'null', '[]'].map(json)),
)
const revisions = fc.integer({ min: 1, max: 9 })

const anyFlag: fc.Arbitrary<FlagRow> = fc
  .record({
    flag_key: fc.oneof({ arbitrary: fc.constant(FLAG), weight: 9 }, fc.constant('ff.other')),
    value_type: fc.oneof(
      { arbitrary: fc.constant('string' as const), weight: 6 },
      fc.constantFrom(...VALUE_TYPES),
    ),
    default_value: anyValue,
    safe_value: anyValue,
    sensitive: fc.boolean(),
    required_auth: fc.constantFrom(...REQUIRED_AUTH),
    state: fc.oneof(
      { arbitrary: fc.constant('active' as const), weight: 5 },
      fc.constantFrom(...FLAG_STATES),
    ),
    revision: revisions,
  })
  .map((more) => flagRow(more))
const overrideMembers = fc.record(
  {
    value: anyValue,
    approval_ref: fc.constantFrom(REF, OTHER_REF),
    expires_at: times,
    deleted_at: times,
    revision: revisions,
    flag_key: fc.oneof({ arbitrary: fc.constant(FLAG), weight: 9 }, fc.constant('ff.other')),
  },
  { requiredKeys: ['revision', 'flag_key'] },
)
const bare = <Row extends { readonly value?: CanonicalJson }>(row: Row): Omit<Row, 'value'> => {
  const { value: _, ...rest } = row
  return rest
}
const ids = (own: string): fc.Arbitrary<string> =>
  fc.oneof({ arbitrary: fc.constant(own), weight: 9 }, fc.constant('someone.else'))
const anyUser: fc.Arbitrary<UserOverrideRow> = fc
  .tuple(ids(USER), overrideMembers)
  .map(([user_id, more]) => ({ ...bare(userRow({ user_id })), ...more }))
const anyTenant: fc.Arbitrary<TenantOverrideRow> = fc
  .tuple(ids(TENANT), overrideMembers)
  .map(([tenant_id, more]) => ({ ...bare(tenantRow({ tenant_id })), ...more }))
const stored = <Row>(row: fc.Arbitrary<Row>): fc.Arbitrary<RowOrBroken<Row> | null> =>
  fc.oneof(
    { arbitrary: row.map((held): RowOrBroken<Row> => ({ row: held })), weight: 8 },
    { arbitrary: fc.constant(null), weight: 2 },
    { arbitrary: fc.constant<RowOrBroken<Row>>(broken), weight: 1 },
  )

const anyPrincipal: fc.Arbitrary<Principal> = fc
  .tuple(
    fc.constantFrom(principal, principal, decodeOnly, devHeaders, anonymous),
    fc.record({ tenant_id: maybe(fc.constant(TENANT)), user_id: maybe(fc.constant(USER)) }),
    fc.boolean(),
  )
  .map(([make, who, stale]) =>
    make().mode === 'verified' && stale
      ? make({ ...who, key_set_stale: true, warnings: ['jwks_stale'] })
      : make(who),
  )
const anyFacts: fc.Arbitrary<EvaluationInput> = fc.record({
  request: fc.record({
    flag_key: fc.constant(FLAG),
    approval_ref: maybe(fc.constantFrom(REF, OTHER_REF)),
    request_id: fc.constant('req-1'),
  }),
  principal: anyPrincipal,
  rows: fc.record({ flag: stored(anyFlag), tenant: stored(anyTenant), user: stored(anyUser) }),
  now: times,
  backing_state: fc.constantFrom('file', 'db'),
})
const anyAnswer: fc.Arbitrary<ApprovalAnswer> = fc.oneof(
  fc.constant<ApprovalAnswer>({ status: 'unreachable' }),
  fc.constant<ApprovalAnswer>({ status: 'unknown' }),
  fc.record({
    status: fc.constant('known' as const),
    revoked: fc.boolean(),
    not_before: times,
    expires_at: times,
  }),
)
/** Sensitive flags, with mostly valid approvals. */
const sensitiveFacts = fc.tuple(anyFacts, anyFlag).map(([given, row]): EvaluationInput => {
  const flag = { row: { ...row, flag_key: FLAG, sensitive: true, state: 'active' as const } }
  return { ...given, rows: { ...given.rows, flag } }
})
const goodNews = fc.oneof(
  fc.constantFrom(known(), known({ not_before: fromNow(-2 * DAY), expires_at: fromNow(DAY + 2) })),
  anyAnswer,
)
const MANY = examples(1000)

/** The outcomes that continue to the next rule; every other outcome is final. */
const GOES_ON: Readonly<Record<string, readonly string[]>> = {
  registered: ['pass'],
  kill_switch: ['pass'],
  authentication: ['pass'],
  sensitive_overlay: ['not_sensitive', 'approved', 'expiring_soon'],
  user_override: ['expired', 'absent'],
  tenant_override: ['expired', 'absent'],
  global_default: [],
  fail_safe: [],
}

describe('every question has a decision', () => {
  let validate: ValidateFunction
  beforeAll(() => {
    validate = contractSchemas()('decision.schema.json')
  })

  test('the decision fits its schema, after at most one question to Admin', () => {
    fc.assert(
      fc.property(anyFacts, anyAnswer, (given, answer) => {
        const decision = decide(given, answer)
        expect(validate(JSON.parse(serializeDecision(decision))) || validate.errors).toBe(true)
      }),
      MANY,
    )
  })

  test('the chain is in order, continues while no rule decides, and ends where one does', () => {
    fc.assert(
      fc.property(anyFacts, anyAnswer, (given, answer) => {
        const chain = decide(given, answer).reason_chain
        expect(chain.length).toBeGreaterThan(0)
        const decides = chain.map(({ rule, outcome }) => !GOES_ON[rule]?.includes(outcome))
        expect(decides).toEqual(chain.map((_, at) => at === chain.length - 1))
        const precs = chain.map(({ prec }) => prec)
        const climbing = precs.every((prec, at) => at === 0 || prec > (precs[at - 1] ?? 9))
        expect(climbing).toBe(true)
        const last = precs.at(-1) ?? 0
        // No rule is skipped, except by the jump to rule 8.
        expect(precs.slice(0, -1)).toEqual(precs.slice(0, -1).map((_, at) => at + 1))
        if (last < 8) expect(last).toBe(precs.length)
      }),
      MANY,
    )
  })

  test('the reason is that of the deciding rule', () => {
    fc.assert(
      fc.property(anyFacts, anyAnswer, (given, answer) => {
        const { reason, reason_chain, decision } = decide(given, answer)
        const last = reason_chain.at(-1)
        const names: Readonly<Record<string, string>> = {
          'registered unknown': 'flag_unknown',
          'registered archived': 'flag_archived',
          'kill_switch killed': 'kill_switch',
          'authentication missing': 'auth_required',
          'authentication not_verified': 'auth_not_verified',
          'user_override matched': 'user_override',
          'tenant_override matched': 'tenant_override',
          'global_default matched': 'global_default',
          'fail_safe engaged': 'fail_safe',
        }
        const code = last !== undefined && 'code' in last ? last.code : undefined
        expect(reason).toBe(code ?? names[`${last?.rule} ${last?.outcome}`])
        expect(decision).toBe(last?.outcome === 'matched' ? 'allow' : 'deny')
      }),
      MANY,
    )
  })

  test('the served value fits the type of the flag, or is null on a deny', () => {
    fc.assert(
      fc.property(anyFacts, anyAnswer, (given, answer) => {
        const { decision, value, matched_scope, meta } = decide(given, answer)
        const type = given.rows.flag?.row?.value_type
        if (decision === 'allow') {
          expect(value === null ? null : detectValueType(value)).toBe(type)
          expect(matched_scope).not.toBeNull()
        } else {
          expect([matched_scope, meta.override_revision]).toEqual([null, null])
          const safe = given.rows.flag?.row?.safe_value
          const own = given.rows.flag?.row?.flag_key === FLAG
          const fits = own && safe !== undefined && detectValueType(safe) === type
          expect(value).toBe(fits ? safe : null)
        }
      }),
      MANY,
    )
  })

  test('a sensitive flag is allowed only to verified callers with a valid approval', () => {
    fc.assert(
      fc.property(sensitiveFacts, goodNews, (given, answer) => {
        const { decision, meta, warnings } = decide(given, answer)
        fc.pre(decision === 'allow')
        expect(meta.auth_mode).toBe('verified')
        expect(given.principal.key_set_stale).toBe(false)
        expect(meta.approval_ref).not.toBeNull()
        expect(['valid', 'expiring_soon']).toContain(meta.ttl_state)
        expect(warnings.includes('approval_expiring_soon')).toBe(meta.ttl_state === 'expiring_soon')
      }),
      MANY,
    )
  })

  test('the warnings are sorted, distinct, and include those of the authenticator', () => {
    fc.assert(
      fc.property(anyFacts, anyAnswer, (given, answer) => {
        const { warnings } = decide(given, answer)
        expect(warnings).toEqual([...new Set(warnings)].sort())
        expect(warnings).toEqual(expect.arrayContaining([...given.principal.warnings]))
      }),
    )
  })

  test('the same question has the same answer on both backings', () => {
    fc.assert(
      fc.property(anyFacts, anyAnswer, (given, answer) => {
        const onFile = serializeDecision(decide({ ...given, backing_state: 'file' }, answer))
        const onDb = serializeDecision(decide({ ...given, backing_state: 'db' }, answer))
        expect(onDb).toBe(onFile.replace('"backing_state":"file"', '"backing_state":"db"'))
      }),
    )
  })
})

describe('as time passes', () => {
  const aged = fc
    .tuple(anyFacts, anyFlag, fc.tuple(times, times), anyAnswer)
    .map(([given, row, [a, b], answer]) => {
      const [earlier, later] = a <= b ? [a, b] : [b, a]
      const flag = { row: { ...row, flag_key: FLAG, state: 'active' as const } }
      const facts: EvaluationInput = { ...given, rows: { ...given.rows, flag } }
      return { given: facts, earlier, later, answer }
    })
  const overdue = fc.tuple(aged, fc.boolean(), times).map(([one, ofUser, expires_at]) => {
    const row = ofUser
      ? { user: { row: userRow({ expires_at }) } }
      : { tenant: { row: tenantRow({ expires_at }) } }
    const flag = { row: flagRow() }
    const rows = { flag, user: null, tenant: null, ...row }
    return { ...one, given: { ...one.given, principal: principal(), rows } }
  })
  test('an override that has expired is never served again', () => {
    fc.assert(
      fc.property(fc.oneof(aged, overdue), ({ given, earlier, later, answer }) => {
        const after = decide({ ...given, now: later }, answer)
        for (const { rule, outcome } of decide({ ...given, now: earlier }, answer).reason_chain) {
          if (outcome !== 'expired') continue
          expect(after.reason).not.toBe(rule)
          const entry = after.reason_chain.find((one) => one.rule === rule)
          expect(entry?.outcome ?? 'expired').toBe('expired')
        }
      }),
      examples(3000),
    )
  })

  test('an override is served up to its expiry and not at it', () => {
    fc.assert(
      fc.property(overdue, times, ({ given }, now) => {
        const row = given.rows.user?.row ?? given.rows.tenant?.row
        const served = row?.expires_at !== undefined && now < row.expires_at
        expect(decide({ ...given, now }).matched_scope === 'global').toBe(!served)
      }),
    )
  })

  test('on a flag that is not sensitive, overrides only cease to be served', () => {
    const HEIGHT = { user: 0, tenant: 1, global: 2 }
    fc.assert(
      fc.property(aged, ({ given, earlier, later }) => {
        const [before, after] = [earlier, later].map((now) => decide({ ...given, now }))
        fc.pre(given.rows.flag?.row?.sensitive === false)
        if (before?.matched_scope == null) return
        if (after?.matched_scope != null) {
          expect(HEIGHT[after.matched_scope]).toBeGreaterThanOrEqual(HEIGHT[before.matched_scope])
        } else expect(after?.reason).toBe('fail_safe')
      }),
      MANY,
    )
  })
})

describe('unrelated data does not change an answer', () => {
  const text = (given: EvaluationInput, answer: ApprovalAnswer): string =>
    serializeDecision(decide(given, answer))

  test('other flags, and overrides of other tenants and users, in any order', () => {
    const elsewhere = fc.oneof(
      anyFlag.map((row): AnyRow => ({ ...row, flag_key: 'ff.checkout.new' })),
      anyUser.map((row): AnyRow => ({ ...row, user_id: TENANT })),
      anyUser.map((row): AnyRow => ({ ...row, flag_key: 'ff.checkout.new-flow2' })),
      anyTenant.map((row): AnyRow => ({ ...row, tenant_id: USER })),
      anyTenant.map((row): AnyRow => ({ ...row, flag_key: 'ff.other' })),
    )
    const own = fc.record({
      flag: maybe(anyFlag.map((row) => ({ ...row, flag_key: FLAG }))),
      tenant: maybe(anyTenant.map((row) => ({ ...row, flag_key: FLAG, tenant_id: TENANT }))),
      user: maybe(anyUser.map((row) => ({ ...row, flag_key: FLAG, user_id: USER }))),
    })
    const among = fc.array(elsewhere, { maxLength: 6 })
    fc.assert(
      fc.property(anyFacts, own, among, among, anyAnswer, (given, rows, before, behind, answer) => {
        const held = [rows.flag, rows.tenant, rows.user].filter((row) => row !== null)
        const read = (all: readonly AnyRow[]): RowsOfFlag => rowsFor(all, given.principal, FLAG)
        const alone = text({ ...given, rows: read(held) }, answer)
        const crowded = text({ ...given, rows: read([...before, ...held, ...behind]) }, answer)
        expect(crowded).toBe(alone)
      }),
    )
  })

  test('a layer for which the caller has no id', () => {
    fc.assert(
      fc.property(anyFacts, stored(anyTenant), anyAnswer, (given, tenant, answer) => {
        const without = { ...given, principal: { ...given.principal, tenant_id: null } }
        const changed = { ...without, rows: { ...without.rows, tenant } }
        expect(text(changed, answer)).toBe(text(without, answer))
      }),
    )
  })

  test('a tombstone, which equals no row', () => {
    fc.assert(
      fc.property(anyFacts, times, revisions, anyAnswer, (given, deleted_at, revision, answer) => {
        const gone = { row: { ...bare(userRow({ revision })), deleted_at } }
        const none = { ...given, rows: { ...given.rows, user: null } }
        const tombstone = { ...given, rows: { ...given.rows, user: gone } }
        expect(text(tombstone, answer)).toBe(text(none, answer))
      }),
    )
  })

  test('a tenant override below a served user override', () => {
    fc.assert(
      fc.property(anyFacts, texts, stored(anyTenant), (given, value, tenant) => {
        const [flag, user] = [{ row: flagRow() }, { row: userRow({ value }) }]
        const served = { ...given, principal: principal(), rows: { flag, user, tenant: null } }
        expect(decide(served).reason).toBe('user_override')
        const crowded = { ...served, rows: { flag, user, tenant } }
        expect(text(crowded, known())).toBe(text(served, known()))
      }),
    )
  })

  test('a named approval of a flag that is not sensitive', () => {
    fc.assert(
      fc.property(anyFacts, maybe(fc.constantFrom(REF, OTHER_REF)), (given, approval_ref) => {
        fc.pre(given.rows.flag?.row?.sensitive !== true)
        const renamed = { ...given, request: { ...given.request, approval_ref } }
        expect(evaluate(renamed)).toEqual(evaluate(given))
        expect(evaluate(renamed).ask).toBeUndefined()
      }),
    )
  })
})

test('the generated questions reach every reason and every fail-safe cause', () => {
  const seen = new Set<string>()
  for (const [given, answer] of fc.sample(fc.tuple(anyFacts, anyAnswer), {
    numRuns: 5000,
    seed: 1,
  })) {
    const decision = decide(given, answer)
    seen.add(decision.reason)
    for (const entry of decision.reason_chain) if ('cause' in entry) seen.add(entry.cause)
  }
  expect([...seen].sort()).toEqual(
    [
      'admin_unreachable',
      'approval_expired',
      'approval_missing',
      'approval_not_yet_valid',
      'approval_revoked',
      'approval_unknown',
      'auth_not_verified',
      'auth_required',
      'fail_safe',
      'flag_archived',
      'flag_unknown',
      'global_default',
      'kill_switch',
      'row_broken',
      'row_foreign',
      'tenant_override',
      'user_override',
      'value_type_mismatch',
    ].sort(),
  )
})
