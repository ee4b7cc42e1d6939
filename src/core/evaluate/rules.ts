import type { Instant } from '../rows/instant.ts'
import { type FlagRow, detectValueType } from '../rows/rows.ts'
import { type OverrideScope, readOverrideLayer } from './overrides.ts'
import { satisfiesRequiredAuth } from './required-auth.ts'
import { evaluateApprovalRule } from './sensitive-overlay.ts'
import type { AllowReason, EvaluationInput } from './types.ts'
import {
  allowWith,
  denyWith,
  failSafeAt,
  continueWith,
  type Rule,
  type RuleResult,
} from './step.ts'

/**
 * Rules 1 to 7 of the precedence (docs/reference/decisions.md). The first that does not return `go` decides; rule 8,
 * the fail-safe, applies where one of them cannot decide.
 */
export const RULES: readonly Rule[] = [
  checkRegistered,
  checkKillSwitch,
  checkAuthentication,
  evaluateApprovalRule,
  (facts) => applyOverride(facts, 'user'),
  (facts) => applyOverride(facts, 'tenant'),
  applyGlobalDefault,
]

const REGISTERED = continueWith({ prec: 1, rule: 'registered', outcome: 'pass' })
const UNKNOWN = denyWith({ prec: 1, rule: 'registered', outcome: 'unknown' }, 'flag_unknown')
const ARCHIVED = denyWith({ prec: 1, rule: 'registered', outcome: 'archived' }, 'flag_archived')
function checkRegistered({ rows, request }: EvaluationInput): RuleResult {
  if (rows.stale?.unread === true) return failSafeAt(1, 'backing_stale')
  if (rows.flag === null) return UNKNOWN
  if (rows.flag.broken !== undefined) return failSafeAt(1, 'row_broken')
  const { row } = rows.flag
  if (row.flag_key !== request.flag_key) return failSafeAt(1, 'row_foreign')
  return row.state === 'archived' ? ARCHIVED : REGISTERED
}

const NOT_KILLED = continueWith({ prec: 2, rule: 'kill_switch', outcome: 'pass' })
const KILLED = denyWith({ prec: 2, rule: 'kill_switch', outcome: 'killed' }, 'kill_switch')
function checkKillSwitch(facts: EvaluationInput): RuleResult {
  return getFlag(facts).state === 'killed' ? KILLED : NOT_KILLED
}

const AUTHENTICATED = continueWith({ prec: 3, rule: 'authentication', outcome: 'pass' })
const MISSING = denyWith({ prec: 3, rule: 'authentication', outcome: 'missing' }, 'auth_required')
const NOT_VERIFIED = denyWith(
  { prec: 3, rule: 'authentication', outcome: 'not_verified' },
  'auth_not_verified',
)
function checkAuthentication(facts: EvaluationInput): RuleResult {
  const { required_auth } = getFlag(facts)
  const { mode } = facts.principal
  if (satisfiesRequiredAuth(mode, required_auth)) return AUTHENTICATED
  return mode === 'none' ? MISSING : NOT_VERIFIED
}

const LAYERS = {
  user: { prec: 5, rule: 'user_override' },
  tenant: { prec: 6, rule: 'tenant_override' },
} as const
const ABSENT = {
  user: continueWith({ ...LAYERS.user, outcome: 'absent' }),
  tenant: continueWith({ ...LAYERS.tenant, outcome: 'absent' }),
}
function applyOverride(facts: EvaluationInput, scope: OverrideScope): RuleResult {
  const { prec, rule } = LAYERS[scope]
  const layer = readOverrideLayer(facts, scope)
  if (layer.outcome === 'absent') return ABSENT[scope]
  if (layer.outcome === 'unreadable') return failSafeAt(prec, layer.cause)
  const { value, revision, expires_at } = layer.row
  if (layer.outcome === 'expired') {
    return continueWith({
      prec,
      rule,
      outcome: 'expired',
      revision,
      expires_at: expires_at as Instant,
    })
  }
  if (value === undefined || detectValueType(value) !== getFlag(facts).value_type) {
    return failSafeAt(prec, 'value_type_mismatch')
  }
  return allowWith(
    { prec, rule, outcome: 'matched', revision },
    { scope, value, revision, reason: rule },
  )
}

function applyGlobalDefault(facts: EvaluationInput): RuleResult {
  const { default_value: value, value_type } = getFlag(facts)
  if (detectValueType(value) !== value_type) return failSafeAt(7, 'value_type_mismatch')
  const reason: AllowReason = 'global_default'
  return allowWith(
    { prec: 7, rule: 'global_default', outcome: 'matched' },
    { scope: 'global', value, revision: null, reason },
  )
}

/** Only after rule 1, which guarantees a readable flag row. */
const getFlag = (facts: EvaluationInput): FlagRow => facts.rows.flag?.row as FlagRow
