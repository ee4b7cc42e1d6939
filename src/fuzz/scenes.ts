import fc from 'fast-check'
import { AUTH_MODES } from '../core/evaluate/types.ts'
import type { Approval } from '../core/evaluate/approvals.ts'
import { canonicalise, type CanonicalJson } from '../core/json/canonical.ts'
import { readJson } from '../core/json/read.ts'
import {
  type Scene,
  SCENE_TIME,
  type SceneAsk,
  TOKEN_TENANT,
  TOKEN_USER,
} from '../core/parity/scene.ts'
import { fromMilliseconds, type Instant, toMilliseconds } from '../core/state/instant.ts'
import {
  type FlagRow,
  REQUIRED_AUTH,
  type TenantOverrideRow,
  type UserOverrideRow,
  VALUE_TYPES,
  type ValueType,
} from '../core/state/rows.ts'

// Few of each, so that things meet.
const FLAGS = ['ff.a', 'ff.a.b', 'ff.a-b', 'ff.z'] as const
const TENANTS = [TOKEN_TENANT, 'T-other', 'T-pty-pilot-0'] as const
const USERS = [TOKEN_USER, 'U-other', 'u1001'] as const
const REFS = ['APP-1-a', 'APP-1-b', 'APP-2-a'] as const
const CREATED = '2025-09-01T00:00:00.000Z' as Instant
const DAY = 86_400_000

/** Both sides of each boundary, one millisecond apart, and anything else. */
const moment = fc
  .oneof(
    { weight: 3, arbitrary: fc.constantFrom(0, 1, -1, DAY, DAY + 1, -DAY) },
    { weight: 1, arbitrary: fc.integer({ min: -10 * DAY, max: 10 * DAY }) },
  )
  .map((ms) => fromMilliseconds(toMilliseconds(SCENE_TIME) + ms))

/** The text in canonical form, or null where it is no value that a store takes. */
function canonical(text: string): CanonicalJson | null {
  const read = readJson(text)
  const made = read.ok ? canonicalise(read.node) : null
  return made?.ok === true ? made.text : null
}
const values = (made: fc.Arbitrary<unknown>): fc.Arbitrary<CanonicalJson> =>
  made
    .map((value) => canonical(JSON.stringify(value)))
    .filter((text): text is CanonicalJson => text !== null)

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('', ' ', 'é', 'e\u0301', 'A', 'a', '😀', '__proto__', '"', '\\', '0', 'null'),
)
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e20, max: 1e20 }),
  fc.constantFrom(0, 1, 0.1, 0.30000000000000004, 9_007_199_254_740_991),
)
const leaf = fc.oneof(fc.boolean(), fc.constant(null), number, text)
const VALUES: Readonly<Record<ValueType, fc.Arbitrary<CanonicalJson>>> = {
  boolean: values(fc.boolean()),
  string: values(text),
  number: values(number),
  object: values(
    fc.dictionary(text, fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.constant({})), {
      maxKeys: 4,
    }),
  ),
}

const revision = fc.integer({ min: 1, max: 9 })
const flagOf = (flag_key: string): fc.Arbitrary<FlagRow> =>
  fc.constantFrom(...VALUE_TYPES).chain((value_type) =>
    fc.record({
      flag_key: fc.constant(flag_key),
      value_type: fc.constant(value_type),
      default_value: VALUES[value_type],
      safe_value: VALUES[value_type],
      sensitive: fc.boolean(),
      required_auth: fc.constantFrom(...REQUIRED_AUTH),
      state: fc.constantFrom('active', 'active', 'active', 'active', 'killed', 'archived'),
      description: fc.constant('Made at random'),
      owner: fc.constant('fuzz'),
      revision,
      created_at: fc.constant(CREATED),
      updated_at: fc.constant(CREATED),
    }),
  )

/** What an override holds beside its key: live, or a tombstone. */
function bodyOf(flag: FlagRow): fc.Arbitrary<Omit<TenantOverrideRow, 'tenant_id' | 'flag_key'>> {
  const always = {
    created_by: fc.constant('fuzz'),
    updated_by: fc.constant('fuzz'),
    revision,
    created_at: fc.constant(CREATED),
    updated_at: fc.constant(CREATED),
  }
  const live = fc.record(
    {
      ...always,
      value: VALUES[flag.value_type],
      approval_ref: fc.constantFrom(...REFS),
      expires_at: moment,
    },
    { requiredKeys: ['value', 'created_by', 'updated_by', 'revision', 'created_at', 'updated_at'] },
  )
  const deleted = fc.record({ ...always, deleted_at: fc.constant(CREATED) })
  return fc.oneof({ weight: 7, arbitrary: live }, { weight: 1, arbitrary: deleted })
}

/** Some overrides of one flag, no two in one scope. */
const overridesOf = <T extends string>(
  flag: FlagRow,
  ids: readonly T[],
): fc.Arbitrary<readonly (readonly [T, Omit<TenantOverrideRow, 'tenant_id' | 'flag_key'>])[]> =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...ids), bodyOf(flag)), {
    selector: ([id]) => id,
    maxLength: ids.length,
  })

const approval: fc.Arbitrary<Approval> = fc.record({
  approval_ref: fc.constantFrom(...REFS),
  flag_key: fc.constantFrom(...FLAGS),
  tenant_id: fc.constantFrom(...TENANTS),
  user_id: fc.constantFrom(...USERS),
  not_before: moment,
  expires_at: moment,
  revoked: fc.boolean(),
})

const ask: fc.Arbitrary<SceneAsk> = fc.record({
  mode: fc.constantFrom(...AUTH_MODES),
  flag_key: fc.constantFrom(...FLAGS, 'ff.nobody'),
  tenant_id: fc.constantFrom(...TENANTS, null),
  user_id: fc.constantFrom(...USERS, null),
  approval_ref: fc.constantFrom(...REFS, null, null),
})

/** One flag with its overrides. */
const flagAlone = (flag_key: string) =>
  flagOf(flag_key).chain((flag) =>
    fc.record({
      flag: fc.constant(flag),
      tenants: overridesOf(flag, TENANTS),
      users: overridesOf(flag, USERS),
    }),
  )

/** Scenes of up to four flags, each of which may go when a scene is made smaller, with as many questions as make loading them worth while. */
export const scenes: fc.Arbitrary<Scene> = fc
  .record({
    flags: fc.tuple(...FLAGS.map((key) => fc.option(flagAlone(key), { nil: null, freq: 3 }))),
    approvals: fc.uniqueArray(approval, { selector: JSON.stringify, maxLength: 4 }),
    admin: fc.constantFrom('reachable', 'reachable', 'reachable', 'unreachable'),
    asks: fc.array(ask, { minLength: 1, maxLength: 40, size: 'max' }),
  })
  .map(({ flags, approvals, admin, asks }): Scene => {
    const held = flags.filter((one) => one !== null)
    const flag_registry = held.map(({ flag }) => flag)
    const tenant_override = held.flatMap(({ flag: { flag_key }, tenants }) =>
      tenants.map(([tenant_id, body]): TenantOverrideRow => ({ tenant_id, flag_key, ...body })),
    )
    const user_override = held.flatMap(({ flag: { flag_key }, users }) =>
      users.map(([user_id, body]): UserOverrideRow => ({ user_id, flag_key, ...body })),
    )
    return {
      given: { state: { flag_registry, tenant_override, user_override }, approvals, admin },
      asks,
    }
  })
