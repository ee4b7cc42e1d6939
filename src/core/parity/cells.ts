import type { Approval } from '../evaluate/approvals.ts'
import {
  AUTH_MODES,
  type AuthMode,
  OVERRIDE_SCOPES,
  type Scope,
  SENSITIVE_PATHS,
  type SensitivePath,
  TTL_STATES,
  type ApprovalTtlState,
} from '../evaluate/types.ts'
import type { CanonicalJson } from '../json/canonical.ts'
import { instantFromMs, type Instant, instantToMs } from '../rows/instant.ts'
import {
  type FlagRow,
  REQUIRED_AUTH,
  type RequiredAuth,
  type RowsByTable,
  type TenantOverrideRow,
  type UserOverrideRow,
} from '../rows/rows.ts'
import type { VectorCaller, VectorCoverage, VectorInput, VectorQuestion } from './vector.ts'

/** One of the 360 combinations of the dimensions, at one boundary of its TTL state, for one `required_auth`. */
export interface Cell {
  /** The key of the oracle's prediction: the id without the boundary. */
  readonly key: string
  /** `verified/user/SP-2/valid/one_ms_over_a_day/any`: the four dimensions, the boundary, the flag's `required_auth`. */
  readonly id: string
  readonly covers: VectorCoverage
  readonly given: VectorInput
  readonly author: VectorCaller
  readonly request: VectorQuestion
}

const TENANT = 'T-pty-pilot-01'
const USER = 'U1001'
const REF = 'APP-900000-cell'
const DAY = 24 * 60 * 60 * 1000

/** Approvals in each TTL state, on both sides of each boundary, one millisecond apart. */
const BOUNDARIES: Readonly<
  Record<ApprovalTtlState, Readonly<Record<string, Partial<ApprovalShape>>>>
> = {
  unknown: {
    another_ref: { approval_ref: 'APP-900001-other' },
    another_flag: { flag_key: 'ff.cell.another' },
    another_tenant: { tenant_id: 'T-other' },
    another_user: { user_id: 'U-other' },
  },
  revoked: {
    while_valid: { revoked: true },
    before_its_start: { revoked: true, starts: 1, ends: 2 * DAY },
    after_its_end: { revoked: true, starts: -DAY, ends: -1 },
  },
  not_yet_valid: { in_one_ms: { starts: 1 }, in_a_day: { starts: DAY } },
  expired: { now: { ends: 0 }, since_one_ms: { ends: -1 } },
  expiring_soon: { in_one_ms: { ends: 1 }, in_a_day: { ends: DAY } },
  valid: { one_ms_over_a_day: { ends: DAY + 1 }, from_now: { starts: 0 } },
}
interface ApprovalShape extends Omit<Approval, 'not_before' | 'expires_at'> {
  /** Milliseconds from now; `ends` likewise. */
  readonly starts: number
  readonly ends: number
}

/**
 * Builds every cell in a fixed order: the 360 combinations of the dimensions, times the boundaries of each TTL state
 * and each `required_auth`. Each cell has a flag key of its own, and its times lie around `now`; SP-4 names no ref, so
 * it lacks the boundary of another ref.
 */
export function buildCells(now: Instant): readonly Cell[] {
  const cells: Cell[] = []
  for (const covers of listCovers()) cells.push(...buildCellsFor(covers, now, cells.length))
  return cells
}

const listCovers = (): readonly (VectorCoverage & { readonly ttl_state: ApprovalTtlState })[] =>
  AUTH_MODES.flatMap((auth_mode) =>
    OVERRIDE_SCOPES.flatMap((scope) =>
      SENSITIVE_PATHS.flatMap((sensitive_path) =>
        TTL_STATES.map((ttl_state) => ({ auth_mode, scope, sensitive_path, ttl_state })),
      ),
    ),
  )

function buildCellsFor(
  covers: VectorCoverage & { readonly ttl_state: ApprovalTtlState },
  now: Instant,
  from: number,
): readonly Cell[] {
  // SP-4 names no ref, so there is no other ref to name.
  const boundaries = Object.entries(BOUNDARIES[covers.ttl_state]).filter(
    ([boundary]) => boundary !== 'another_ref' || covers.sensitive_path !== 'SP-4',
  )
  return boundaries.flatMap(([boundary, shape], b) =>
    REQUIRED_AUTH.map((required_auth, a): Cell => {
      const flag_key = `ff.cell.${from + b * REQUIRED_AUTH.length + a}`
      return buildCell(covers, { now, flag_key, boundary, shape, required_auth })
    }),
  )
}

interface Shape {
  readonly now: Instant
  readonly flag_key: string
  readonly boundary: string
  readonly shape: Partial<ApprovalShape>
  readonly required_auth: RequiredAuth
}

function buildCell(
  covers: VectorCoverage,
  { now, flag_key, boundary, shape, required_auth }: Shape,
): Cell {
  const { auth_mode, scope, sensitive_path: path, ttl_state } = covers
  const at = (ms: number): Instant => instantFromMs(instantToMs(now) + ms)
  const { starts = -DAY, ends = 30 * DAY, ...rest } = shape
  const base = { approval_ref: REF, flag_key, tenant_id: TENANT, user_id: USER, revoked: false }
  const approval = { ...base, ...rest, not_before: at(starts), expires_at: at(ends) }
  const isNamed = path === 'SP-2' || path === 'SP-5' || path === 'SP-1'
  const request = {
    flag_key,
    tenant_id: toRequestedId(auth_mode, TENANT),
    user_id: toRequestedId(auth_mode, USER),
    approval_ref: isNamed ? REF : null,
    request_id: `req-${flag_key}`,
  }
  return {
    key: [auth_mode, scope, path, ttl_state, required_auth].join('/'),
    id: [auth_mode, scope, path, ttl_state, boundary, required_auth].join('/'),
    covers,
    given: {
      now,
      environment: auth_mode === 'verified' || auth_mode === 'none' ? 'prod' : 'dev+H',
      state: buildState({ flag_key, required_auth, scope, path, now }),
      approvals: [approval],
      admin: path === 'SP-5' ? 'unreachable' : 'reachable',
    },
    author: { auth_mode, tenant_id: TENANT, user_id: USER },
    request,
  }
}

/** Mode `none` names its tenant and user in the request; the other modes have them in the credential. */
const toRequestedId = (mode: AuthMode, id: string): string | null => (mode === 'none' ? id : null)

interface Rows {
  readonly flag_key: string
  readonly required_auth: RequiredAuth
  readonly scope: Scope
  readonly path: SensitivePath
  readonly now: Instant
}

/**
 * Rows at the edge of their expiry: the served override expires in one millisecond, a more specific one expires now.
 * Scope `global` has no override, except for SP-3 the expired one that names the approval.
 */
function buildState({ flag_key, required_auth, scope, path, now }: Rows): RowsByTable {
  const expired = now
  const live = instantFromMs(instantToMs(now) + 1)
  const ref = path === 'SP-3' ? { approval_ref: REF } : {}
  const authorship = {
    created_by: 'ops.cells',
    updated_by: 'ops.cells',
    created_at: now,
    updated_at: now,
  }
  const json = (text: string): CanonicalJson => JSON.stringify(text) as CanonicalJson
  const user = (expires_at: Instant, more: object = {}): UserOverrideRow => ({
    user_id: USER,
    flag_key,
    value: json('user'),
    expires_at,
    revision: 2,
    ...authorship,
    ...more,
  })
  const tenant = (expires_at: Instant, more: object = {}): TenantOverrideRow => ({
    tenant_id: TENANT,
    flag_key,
    value: json('tenant'),
    expires_at,
    revision: 3,
    ...authorship,
    ...more,
  })
  const overrides: Readonly<Record<Scope, Pick<RowsByTable, 'tenant_override' | 'user_override'>>> =
    {
      user: { user_override: [user(live, ref)], tenant_override: [tenant(live)] },
      tenant: { user_override: [user(expired)], tenant_override: [tenant(live, ref)] },
      global: { user_override: path === 'SP-3' ? [user(expired, ref)] : [], tenant_override: [] },
    }
  const flag: FlagRow = {
    flag_key,
    value_type: 'string',
    default_value: json('default'),
    safe_value: json('safe'),
    sensitive: path !== 'SP-1',
    required_auth,
    state: 'active',
    description: '',
    owner: 'cells',
    revision: 1,
    created_at: now,
    updated_at: now,
  }
  return { flag_registry: [flag], ...overrides[scope] }
}
