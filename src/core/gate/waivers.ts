import { instantToMs, type Instant } from '../rows/instant.ts'
import { parseDurationMs } from './duration.ts'
import type {
  ChecklistItem,
  CutoverIdentity,
  ItemResult,
  Limit,
  SignoffRole,
  Waivable,
  Waiver,
  WaiverBound,
  WaiverCover,
  WaiverPolicy,
} from './types.ts'

/** Why a waiver is refused as written, whatever was measured. */
export type WaiverFault =
  | 'waiver_item_unknown'
  | 'waiver_item_unwaivable'
  | 'waiver_item_repeated'
  | 'waiver_too_long'
  | 'waiver_ends_before_it_begins'
  | 'waiver_self_approved'
  | 'waiver_bound_unknown'
  | 'waiver_bound_of_equals'
  | 'waiver_bound_not_looser'
  | 'waivers_too_many'
/** Why a valid waiver does not apply now. */
export type WaiverMismatch =
  | 'waiver_expired'
  | 'waiver_not_yet_requested'
  | 'waiver_not_approved'
  | 'waiver_for_another_cutover'
  | 'waiver_after_failure'
  | 'waiver_past_bound'
  | 'waiver_covers_another_state'
  | 'waiver_covers_another_reason'

/** The members of a waiver that its rules check; approvals may be unverified here. */
export type WaiverForm = Pick<
  Waiver,
  'id' | 'item' | 'requester' | 'requested_at' | 'expires_at' | 'covers' | keyof WaiverTarget
> & {
  readonly approvals: readonly { readonly person: string; readonly role: string }[]
}
/** The cutover that a waiver was approved for; it counts for no other. */
export type WaiverTarget = Pick<Waiver, 'environment' | 'cutover_id' | 'attempt'>
export interface WaiverRules {
  readonly items: readonly Pick<ChecklistItem, 'id' | 'waivable' | 'limits'>[]
  readonly policy: WaiverPolicy
}

/**
 * The rules that each waiver of a list breaks (docs/reference/gate.md), each with the waiver, its index and the code;
 * empty where all are valid. Never returns `waivers_too_many`, which depends on the time.
 */
export function findWaiverFaults<W extends WaiverForm>(
  waivers: readonly W[],
  { items, policy }: WaiverRules,
): readonly { readonly waiver: W; readonly at: number; readonly code: WaiverFault }[] {
  return waivers.flatMap((waiver, at) => {
    const item = items.find(({ id }) => id === waiver.item)
    const codes: readonly (WaiverFault | false)[] = [
      item === undefined && 'waiver_item_unknown',
      item?.waivable === 'no' && 'waiver_item_unwaivable',
      waivers.findIndex((one) => one.item === waiver.item && isFor(one, waiver)) !== at &&
        'waiver_item_repeated',
      ...findSpanFaults(waiver, policy),
      isSelfApproved(waiver) && 'waiver_self_approved',
      ...(item === undefined ? [] : findBoundFaults(waiver.covers, item.limits)),
    ]
    return codes.filter((code) => code !== false).map((code) => ({ waiver, at, code }))
  })
}

/** A bound is looser than the limit of its measure, in the direction of that limit; nothing is looser than `equals`. */
function findBoundFaults(
  covers: WaiverCover,
  limits: readonly Limit[],
): readonly (WaiverFault | false)[] {
  if (covers.state === 'inconclusive') return []
  return covers.bounds.map((bound) => {
    const limit = limits.find(({ measure }) => measure === bound.measure)
    if (limit === undefined) return 'waiver_bound_unknown'
    if (limit.op === 'equals') return 'waiver_bound_of_equals'
    const by = bound.value - Number(limit.value)
    const looser = limit.op === 'at_most' ? by > 0 : by < 0
    return !(limit.op === bound.op && looser) && 'waiver_bound_not_looser'
  })
}

/** Whether a waiver is for this cutover, attempt and environment. */
export const isFor = (
  waiver: WaiverTarget,
  { environment, cutover_id, attempt }: Pick<CutoverIdentity, keyof WaiverTarget>,
): boolean =>
  waiver.environment === environment &&
  waiver.cutover_id === cutover_id &&
  waiver.attempt === attempt

function findSpanFaults(
  { requested_at, expires_at }: WaiverForm,
  { max_days }: WaiverPolicy,
): readonly (WaiverFault | false)[] {
  const span = instantToMs(expires_at) - instantToMs(requested_at)
  return [
    span > parseDurationMs(`P${max_days}D`) && 'waiver_too_long',
    // Not `<= 0`: an invalid time makes NaN, and must be a fault too.
    !(span > 0) && 'waiver_ends_before_it_begins',
  ]
}

const isSelfApproved = ({ approvals, requester }: WaiverForm): boolean =>
  approvals.length > 0 && approvals.every(({ person }) => person === requester)

/**
 * The waivers for this cutover with `expires_at` after `now`, in their order, whatever they cover, also those not yet
 * requested.
 */
export const activeWaivers = <W extends WaiverForm>(
  waivers: readonly W[],
  target: Parameters<typeof isFor>[1],
  now: Instant,
): readonly W[] => waivers.filter((one) => now < one.expires_at && isFor(one, target))

const APPROVERS: Readonly<Record<Exclude<Waivable, 'no'>, readonly SignoffRole[]>> = {
  one: ['platform-lead'],
  two: ['platform-lead', 'security-lead'],
}

export interface WaiverUse extends Pick<ItemResult, 'state' | 'codes' | 'measured'> {
  /** Whether the item's last pass or failure in this attempt is a failure. */
  readonly failed: boolean
  readonly target: Parameters<typeof isFor>[1]
  readonly now: Instant
}

/**
 * Why a waiver does not turn the state of its item into `waived`; null where it does. Checked in this order: another
 * cutover, expired, not yet requested, not approved, another state. Then a failure needs a broken limit, each within
 * the waiver's bounds, and no other reason; an inconclusive result may have no code but the covered one, and may not
 * follow a failure.
 */
export function findWaiverMismatch(
  waiver: Waiver,
  item: ChecklistItem,
  { state, codes, measured, failed, target, now }: WaiverUse,
): WaiverMismatch | null {
  if (!isFor(waiver, target)) return 'waiver_for_another_cutover'
  if (now >= waiver.expires_at) return 'waiver_expired'
  if (now < waiver.requested_at) return 'waiver_not_yet_requested'
  if (!isApproved(waiver, item.waivable)) return 'waiver_not_approved'
  const { covers } = waiver
  if (covers.state !== state) return 'waiver_covers_another_state'
  if (covers.state === 'fail') return findFailureMismatch(covers, { codes, measured })
  if (codes.some((code) => code !== covers.code)) return 'waiver_covers_another_reason'
  return failed ? 'waiver_after_failure' : null
}

/**
 * Whether every required role approved, by as many people as roles, and at least one approval is not by the
 * requester. False for `no`; `one` requires the platform lead, `two` also the security lead.
 */
export function isApproved({ approvals, requester }: Waiver, waivable: Waivable): boolean {
  if (waivable === 'no') return false
  const roles = APPROVERS[waivable]
  const counted = approvals.filter(({ role }) => roles.includes(role))
  const people = new Set(counted.map(({ person }) => person))
  return (
    roles.every((role) => counted.some((one) => one.role === role)) &&
    people.size >= roles.length &&
    approvals.some(({ person }) => person !== requester)
  )
}

/** Null where at least one limit is broken, each within a bound of the waiver, and nothing else is a reason. */
function findFailureMismatch(
  { bounds }: Extract<WaiverCover, { state: 'fail' }>,
  { codes, measured }: Pick<WaiverUse, 'codes' | 'measured'>,
): WaiverMismatch | null {
  const broken = measured.filter(({ held }) => !held)
  if (broken.length === 0) return 'waiver_past_bound'
  const within = broken.every(({ limit, value }) => {
    const own = bounds.filter(({ measure, op }) => measure === limit.measure && op === limit.op)
    return own.length > 0 && own.every((bound) => isWithinBound(bound, value))
  })
  if (!within) return 'waiver_past_bound'
  return codes.every((code) => code === 'limit_broken') ? null : 'waiver_covers_another_reason'
}

const isWithinBound = ({ op, value: bound }: WaiverBound, value: unknown): boolean =>
  typeof value === 'number' && (op === 'at_most' ? value <= bound : value >= bound)

/** What a waiver covers in words: `memory_share at most 0.9`, or the reason code of an inconclusive result. */
export const formatCover = (covers: WaiverCover): string =>
  covers.state === 'inconclusive'
    ? covers.code
    : covers.bounds
        .map(({ measure, op, value }) => `${measure} ${op.replace('_', ' ')} ${value}`)
        .join(', ')
