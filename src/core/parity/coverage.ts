import {
  type ApprovalTtlState,
  AUTH_MODES,
  OVERRIDE_SCOPES,
  type Scope,
  SENSITIVE_PATHS,
  type SensitivePath,
  TTL_STATES,
} from '../evaluate/types.ts'
import type { VectorCaller, VectorCoverage, VectorInput, VectorQuestion } from './vector.ts'
import type { Approval } from '../evaluate/approvals.ts'
import { instantToMs } from '../rows/instant.ts'
import type { AnyOverrideRow } from '../rows/rows.ts'

/** The four dimensions of the matrix; a set of vectors must cover each value at least once. */
export const DIMENSIONS = {
  auth_mode: AUTH_MODES,
  scope: OVERRIDE_SCOPES,
  sensitive_path: SENSITIVE_PATHS,
  ttl_state: TTL_STATES,
} as const satisfies { readonly [D in keyof VectorCoverage]: readonly string[] }
export type Dimension = keyof typeof DIMENSIONS

export interface CoverageLine {
  readonly dimension: Dimension
  readonly value: string
  readonly vectors: number
}

/**
 * Counts the vectors for each value of each dimension, in the order of `DIMENSIONS`; a value without vectors has the
 * count 0. A null `ttl_state` counts nowhere.
 */
export function countCoverage(covers: readonly VectorCoverage[]): readonly CoverageLine[] {
  return (Object.keys(DIMENSIONS) as Dimension[]).flatMap((dimension) =>
    DIMENSIONS[dimension].map((value) => ({
      dimension,
      value,
      vectors: covers.filter((one) => one[dimension] === value).length,
    })),
  )
}

/**
 * Derives the coverage of a vector from its inputs alone; the coverage that the vector states must equal it.
 * `ttl_state` is null where neither the request nor an override names an approval and Admin holds none.
 */
export function deriveCoverage(
  given: VectorInput,
  author: VectorCaller,
  request: VectorQuestion,
): VectorCoverage {
  const overrides = findOverrides(given, author, request)
  return {
    auth_mode: author.auth_mode,
    scope: deriveScope(overrides, given),
    sensitive_path: derivePath(given, request, overrides),
    ttl_state: deriveTtlState({ given, author, request, overrides }),
  }
}

interface Overrides {
  readonly user: AnyOverrideRow | undefined
  readonly tenant: AnyOverrideRow | undefined
}

function findOverrides(
  { state }: VectorInput,
  author: VectorCaller,
  { flag_key }: VectorQuestion,
): Overrides {
  const isRelevant = (row: AnyOverrideRow): boolean =>
    row.flag_key === flag_key && row.deleted_at === undefined
  return {
    user: state.user_override.find((row) => isRelevant(row) && row.user_id === author.user_id),
    tenant: state.tenant_override.find(
      (row) => isRelevant(row) && row.tenant_id === author.tenant_id,
    ),
  }
}

function deriveScope({ user, tenant }: Overrides, { now }: VectorInput): Scope {
  const served = (row: AnyOverrideRow | undefined): boolean =>
    row !== undefined && (row.expires_at === undefined || now < row.expires_at)
  if (served(user)) return 'user'
  return served(tenant) ? 'tenant' : 'global'
}

/** The first path that applies in this order: SP-1, SP-5, SP-2, SP-3, SP-4. */
function derivePath(
  given: VectorInput,
  request: VectorQuestion,
  overrides: Overrides,
): SensitivePath {
  const flag = given.state.flag_registry.find(({ flag_key }) => flag_key === request.flag_key)
  if (flag?.sensitive !== true) return 'SP-1'
  if (request.approval_ref !== null) return given.admin === 'unreachable' ? 'SP-5' : 'SP-2'
  return findOverrideRef(overrides) === undefined ? 'SP-4' : 'SP-3'
}

const findOverrideRef = ({ user, tenant }: Overrides): string | undefined =>
  user?.approval_ref ?? tenant?.approval_ref

interface CoverageInput {
  readonly given: VectorInput
  readonly author: VectorCaller
  readonly request: VectorQuestion
  readonly overrides: Overrides
}

/**
 * The TTL state of the named approval, else of the first that Admin holds; null without one. Deliberately independent
 * of the rule in `evaluate`: a wrong rule must then show as a divergence of vectors, not as a refused matrix.
 */
function deriveTtlState({
  given,
  author,
  request,
  overrides,
}: CoverageInput): ApprovalTtlState | null {
  const { approvals } = given
  const ref = request.approval_ref ?? findOverrideRef(overrides) ?? approvals[0]?.approval_ref
  if (ref === undefined) return null
  const approval = approvals.find(
    ({ approval_ref, flag_key, tenant_id, user_id }) =>
      approval_ref === ref &&
      flag_key === request.flag_key &&
      tenant_id === author.tenant_id &&
      user_id === author.user_id,
  )
  return approval === undefined ? 'unknown' : deriveApprovalState(approval, instantToMs(given.now))
}

const DAY_MS = 86_400_000
function deriveApprovalState(approval: Approval, now: number): ApprovalTtlState {
  const left = instantToMs(approval.expires_at) - now
  if (approval.revoked) return 'revoked'
  if (instantToMs(approval.not_before) > now) return 'not_yet_valid'
  if (left <= 0) return 'expired'
  return left > DAY_MS ? 'valid' : 'expiring_soon'
}
