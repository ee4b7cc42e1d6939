import fc from 'fast-check'
import type { Approval } from '../../core/evaluate/approvals.ts'
import { CALLERS, type Scene, type SceneQuestion } from '../../core/parity/scene.ts'
import {
  type FlagRow,
  REQUIRED_AUTH,
  type TenantOverrideRow,
  type UserOverrideRow,
  VALUE_TYPES,
} from '../../core/rows/rows.ts'
import { CREATED, FLAGS, moment, REFS, TENANTS, USERS, VALUES } from './values.ts'
import { type RawWrite, rawWrite, fitWrite } from './writes.ts'

const revision = fc.integer({ min: 1, max: 9 })
const arbitraryFlag = (flag_key: string): fc.Arbitrary<FlagRow> =>
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

/** The members of an override besides its key: live, or a tombstone. */
function arbitraryOverride(
  flag: FlagRow,
): fc.Arbitrary<Omit<TenantOverrideRow, 'tenant_id' | 'flag_key'>> {
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

/** Overrides of one flag, at most one a scope. */
const arbitraryOverrides = <T extends string>(
  flag: FlagRow,
  ids: readonly T[],
): fc.Arbitrary<readonly (readonly [T, Omit<TenantOverrideRow, 'tenant_id' | 'flag_key'>])[]> =>
  fc.uniqueArray(fc.tuple(fc.constantFrom(...ids), arbitraryOverride(flag)), {
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

const ask: fc.Arbitrary<SceneQuestion> = fc.record({
  caller: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...CALLERS.slice(0, 4)) },
    { weight: 1, arbitrary: fc.constantFrom(...CALLERS.slice(4)) },
  ),
  flag_key: fc.constantFrom(...FLAGS, 'ff.unknown'),
  tenant_id: fc.constantFrom(...TENANTS, null),
  user_id: fc.constantFrom(...USERS, null),
  approval_ref: fc.constantFrom(...REFS, null, null),
})

/** One flag with its overrides for tenants and users. */
const flagWithOverrides = (flag_key: string) =>
  arbitraryFlag(flag_key).chain((flag) =>
    fc.record({
      flag: fc.constant(flag),
      tenants: arbitraryOverrides(flag, TENANTS),
      users: arbitraryOverrides(flag, USERS),
    }),
  )

type RawStep = { readonly ask: SceneQuestion } | { readonly raw: RawWrite }
/** A question, or one time in ten a write. */
const step: fc.Arbitrary<RawStep> = fc.oneof(
  { weight: 9, arbitrary: ask.map((one) => ({ ask: one })) },
  { weight: 1, arbitrary: rawWrite.map((one) => ({ raw: one })) },
)

/**
 * Generates scenes of up to four flags (shrinking removes flags) with their overrides and up to four approvals, and of
 * 1 to 90 steps, so that loading the rows pays off. A step is a question, one time in ten a write.
 */
export const scenes: fc.Arbitrary<Scene> = fc
  .record({
    flags: fc.tuple(
      ...FLAGS.map((key) => fc.option(flagWithOverrides(key), { nil: null, freq: 3 })),
    ),
    approvals: fc.uniqueArray(approval, { selector: JSON.stringify, maxLength: 4 }),
    admin: fc.constantFrom('reachable', 'reachable', 'reachable', 'unreachable'),
    steps: fc.array(step, { minLength: 1, maxLength: 90, size: 'max' }),
  })
  .map(({ flags, approvals, admin, steps }): Scene => {
    const rows = flags.filter((one) => one !== null)
    const flag_registry = rows.map(({ flag }) => flag)
    const tenant_override = rows.flatMap(({ flag: { flag_key }, tenants }) =>
      tenants.map(([tenant_id, body]): TenantOverrideRow => ({ tenant_id, flag_key, ...body })),
    )
    const user_override = rows.flatMap(({ flag: { flag_key }, users }) =>
      users.map(([user_id, body]): UserOverrideRow => ({ user_id, flag_key, ...body })),
    )
    return {
      given: { state: { flag_registry, tenant_override, user_override }, approvals, admin },
      steps: steps.map((one) =>
        'ask' in one ? one : { write: fitWrite(one.raw, flag_registry, approvals) },
      ),
    }
  })
