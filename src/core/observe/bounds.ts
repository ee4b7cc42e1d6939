import type { AllowReason, DenyReason } from '../evaluate/types.ts'
import type { ObservationBounds } from './judge.ts'

/** The bounds of an observation besides its hours, which the checklist states, and the instances of staging. */
export const OBSERVATION_BOUNDS: Omit<ObservationBounds, 'hours' | 'instances'> = {
  gap_s: 300,
  error_share: 0.001,
  p99_ratio: 1.25,
  p99_floor_ms: 50,
  restarts_per_hour: 4,
  drill_minutes: 15,
}
export const OBSERVATION_HOURS = 48

const SEEN: Readonly<Record<AllowReason | DenyReason, true>> = {
  user_override: true,
  tenant_override: true,
  global_default: true,
  flag_unknown: true,
  flag_archived: true,
  kill_switch: true,
  auth_required: true,
  auth_not_verified: true,
  approval_missing: true,
  approval_unknown: true,
  approval_not_yet_valid: true,
  approval_expired: true,
  approval_revoked: true,
  admin_unreachable: true,
  fail_safe: true,
}
/** The reasons of the contract, each of which has to be compared. */
export const DECISION_REASONS = Object.keys(SEEN) as readonly (AllowReason | DenyReason)[]
