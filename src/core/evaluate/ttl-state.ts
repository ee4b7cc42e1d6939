import { type Instant, instantToMs } from '../rows/instant.ts'
import { type ApprovalAnswer, TTL_STATES, type ApprovalTtlState } from './types.ts'

const SOON_MS = 24 * 60 * 60 * 1000

/**
 * The TTL state of an approval at `now`: `unknown`, `revoked`, `not_yet_valid`, `expired` from `expires_at` on,
 * `expiring_soon` in the 24 hours before, or `valid`. Where Admin states another one, the earlier of the two in
 * `TTL_STATES` counts, so that a state that denies wins.
 */
export function computeTtlState(
  answer: Exclude<ApprovalAnswer, { status: 'unreachable' }>,
  now: Instant,
): ApprovalTtlState {
  if (answer.status === 'unknown') return 'unknown'
  const byTimes = computeStateAt(answer, now)
  const { stated = byTimes } = answer
  return TTL_STATES.indexOf(stated) < TTL_STATES.indexOf(byTimes) ? stated : byTimes
}

/** The state by the approval's times and revocation alone. */
function computeStateAt(
  answer: Extract<ApprovalAnswer, { status: 'known' }>,
  now: Instant,
): ApprovalTtlState {
  if (answer.revoked) return 'revoked'
  if (now < answer.not_before) return 'not_yet_valid'
  if (now >= answer.expires_at) return 'expired'
  return instantToMs(answer.expires_at) - instantToMs(now) <= SOON_MS ? 'expiring_soon' : 'valid'
}
