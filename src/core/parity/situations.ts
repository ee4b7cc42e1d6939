import { AUTH_MODES, type AuthMode } from '../evaluate/types.ts'
import type { CanonicalJson } from '../json/canonical.ts'
import { instantFromMs, type Instant, instantToMs } from '../rows/instant.ts'
import {
  FLAG_STATES,
  type FlagRow,
  REQUIRED_AUTH,
  type RowsByTable,
  type TenantOverrideRow,
  type UserOverrideRow,
} from '../rows/rows.ts'
import type { VectorCaller, VectorInput, VectorQuestion } from './vector.ts'

/** A question that the four dimensions of the cells leave out, for one auth mode. */
export interface Situation {
  /** `archived_any/verified`: the name and the auth mode; also the key of the oracle's prediction. */
  readonly id: string
  /** Age of the key set that the service holds: `stale` is too old for sensitive flags. */
  readonly keys: 'fresh' | 'stale'
  readonly given: VectorInput
  readonly author: VectorCaller
  readonly request: VectorQuestion
}

const TENANT = 'T-pty-pilot-01'
const USER = 'U1001'
const REF = 'APP-900000-cell'
const OTHER_REF = 'APP-900001-other'
const DAY = 24 * 60 * 60 * 1000

type Live = 'value' | 'approval_ref' | 'expires_at'
/** Members of an override apart from its key; `absent` has no row, `tombstone` a deleted one. */
type Override = 'absent' | 'tombstone' | Partial<Pick<UserOverrideRow, Live>>

/** The inputs of a situation; what is left out is as in `BASE`. */
interface Shape {
  readonly flag: Partial<Pick<FlagRow, 'state' | 'required_auth' | 'sensitive'>> | null
  readonly user: Override
  readonly tenant: Override
  readonly asks: Partial<Pick<VectorQuestion, 'approval_ref' | 'tenant_id' | 'user_id'>>
  readonly keys: Situation['keys']
}
/** An active flag of any caller that is not sensitive, with an override of user and of tenant, asked without a ref. */
const BASE: Shape = { flag: {}, user: {}, tenant: {}, asks: {}, keys: 'fresh' }

const UNFIT = { value: '1' as CanonicalJson }
const NAMED = { approval_ref: REF }
const SENSITIVE = { sensitive: true }

/** The inputs of each situation, by its name. `now` is the time of the question. */
const listShapes = (now: Instant): Readonly<Record<string, Partial<Shape>>> => ({
  // Each state with each required_auth. Being sensitive comes later in the precedence and must not matter.
  ...Object.fromEntries(
    FLAG_STATES.flatMap((state) =>
      REQUIRED_AUTH.map((required_auth) => [
        `${state}_${required_auth}`,
        { flag: { state, required_auth, sensitive: state !== 'active' } },
      ]),
    ),
  ),
  flag_unknown: { flag: null, user: 'absent', tenant: 'absent' },
  unfit_user: { user: UNFIT },
  unfit_tenant: { user: 'absent', tenant: UNFIT },
  unfit_approved: { flag: SENSITIVE, user: UNFIT, asks: NAMED },
  tombstone_user: { user: 'tombstone' },
  tombstone_both: { user: 'tombstone', tenant: 'tombstone' },
  tombstone_named: { flag: SENSITIVE, user: 'tombstone', tenant: NAMED },
  stale_keys: { flag: { required_auth: 'verified' }, keys: 'stale' },
  stale_keys_sensitive: { flag: SENSITIVE, asks: NAMED, keys: 'stale' },
  borrowed_from_tenant: { flag: SENSITIVE, tenant: NAMED },
  borrowed_from_expired: { flag: SENSITIVE, user: { ...NAMED, expires_at: now } },
  borrowed_for_request: { flag: SENSITIVE, user: NAMED, asks: { approval_ref: OTHER_REF } },
  other_tenant: { user: 'absent', asks: { tenant_id: 'T-other' } },
  other_user: { tenant: 'absent', asks: { user_id: 'U-other' } },
})

/**
 * Builds every situation in a fixed order, each for every auth mode and with a flag key of its own; its times lie
 * around `now`.
 */
export const buildSituations = (now: Instant): readonly Situation[] =>
  Object.entries(listShapes(now)).flatMap(([name, shape]) =>
    AUTH_MODES.map((mode) => buildSituation({ name, mode, now }, { ...BASE, ...shape })),
  )

interface Place {
  readonly name: string
  readonly mode: AuthMode
  readonly now: Instant
}

function buildSituation({ name, mode, now }: Place, shape: Shape): Situation {
  const flag_key = `ff.situation.${name}.${mode}`
  const at = (ms: number): Instant => instantFromMs(instantToMs(now) + ms)
  // Mode `none` names its tenant and user in the request; the other modes have them in the credential.
  const own = mode === 'none' ? { tenant_id: TENANT, user_id: USER } : NO_ONE
  const approval = { approval_ref: REF, flag_key, tenant_id: TENANT, user_id: USER }
  return {
    id: `${name}/${mode}`,
    keys: shape.keys,
    given: {
      now,
      environment: mode === 'verified' || mode === 'none' ? 'prod' : 'dev+H',
      state: buildRows(flag_key, shape, now),
      approvals: [{ ...approval, revoked: false, not_before: at(-DAY), expires_at: at(30 * DAY) }],
      admin: 'reachable',
    },
    author: { auth_mode: mode, tenant_id: TENANT, user_id: USER },
    request: {
      flag_key,
      approval_ref: null,
      request_id: `req-${flag_key}`,
      ...own,
      ...shape.asks,
    },
  }
}
const NO_ONE = { tenant_id: null, user_id: null }

function buildRows(flag_key: string, { flag, user, tenant }: Shape, now: Instant): RowsByTable {
  const times = { created_at: now, updated_at: now }
  const base = { flag_key, created_by: 'ops.cells', updated_by: 'ops.cells', ...times }
  const toMembers = (held: Exclude<Override, 'absent'>, value: string) =>
    held === 'tombstone' ? { ...base, deleted_at: now } : { ...base, value: toJson(value), ...held }
  const users: readonly UserOverrideRow[] =
    user === 'absent' ? [] : [{ user_id: USER, revision: 2, ...toMembers(user, 'user') }]
  const tenants: readonly TenantOverrideRow[] =
    tenant === 'absent' ? [] : [{ tenant_id: TENANT, revision: 3, ...toMembers(tenant, 'tenant') }]
  return {
    flag_registry: flag === null ? [] : [{ ...ACTIVE, ...times, flag_key, ...flag }],
    tenant_override: tenants,
    user_override: users,
  }
}

const toJson = (text: string): CanonicalJson => JSON.stringify(text) as CanonicalJson
const ACTIVE: Omit<FlagRow, 'flag_key' | 'created_at' | 'updated_at'> = {
  value_type: 'string',
  default_value: toJson('default'),
  safe_value: toJson('safe'),
  sensitive: false,
  required_auth: 'none',
  state: 'active',
  description: '',
  owner: 'cells',
  revision: 1,
}
