import type { Instant } from '../rows/instant.ts'
import { type FlagRow, typeOfValue } from '../rows/rows.ts'
import { type OverrideScope, overrideLayer } from './overrides.ts'
import { meetsRequired } from './required-auth.ts'
import { approvalRule } from './sensitive-overlay.ts'
import type { AllowReason, Facts } from './types.ts'
import { allow, deny, failSafe, go, type Rule, type Step } from './step.ts'

/**
 * The eight rules of page 1 but the last, which is where the walk ends when one of these cannot go on.
 * The first that does not `go` decides.
 */
export const RULES: readonly Rule[] = [
  registered,
  killSwitch,
  authentication,
  approvalRule,
  (facts) => override(facts, 'user'),
  (facts) => override(facts, 'tenant'),
  globalDefault,
]

const REGISTERED = go({ prec: 1, rule: 'registered', outcome: 'pass' })
const UNKNOWN = deny({ prec: 1, rule: 'registered', outcome: 'unknown' }, 'flag_unknown')
const ARCHIVED = deny({ prec: 1, rule: 'registered', outcome: 'archived' }, 'flag_archived')
function registered({ rows, request }: Facts): Step {
  if (rows.flag === null) return UNKNOWN
  if (rows.flag.broken !== undefined) return failSafe(1, 'row_broken')
  const { row } = rows.flag
  if (row.flag_key !== request.flag_key) return failSafe(1, 'row_foreign')
  return row.state === 'archived' ? ARCHIVED : REGISTERED
}

const NOT_KILLED = go({ prec: 2, rule: 'kill_switch', outcome: 'pass' })
const KILLED = deny({ prec: 2, rule: 'kill_switch', outcome: 'killed' }, 'kill_switch')
function killSwitch(facts: Facts): Step {
  return flagOf(facts).state === 'killed' ? KILLED : NOT_KILLED
}

const AUTHENTICATED = go({ prec: 3, rule: 'authentication', outcome: 'pass' })
const MISSING = deny({ prec: 3, rule: 'authentication', outcome: 'missing' }, 'auth_required')
const NOT_VERIFIED = deny(
  { prec: 3, rule: 'authentication', outcome: 'not_verified' },
  'auth_not_verified',
)
function authentication(facts: Facts): Step {
  const { required_auth } = flagOf(facts)
  const { mode } = facts.principal
  if (meetsRequired(mode, required_auth)) return AUTHENTICATED
  return mode === 'none' ? MISSING : NOT_VERIFIED
}

const LAYERS = {
  user: { prec: 5, rule: 'user_override' },
  tenant: { prec: 6, rule: 'tenant_override' },
} as const
const ABSENT = {
  user: go({ ...LAYERS.user, outcome: 'absent' }),
  tenant: go({ ...LAYERS.tenant, outcome: 'absent' }),
}
function override(facts: Facts, scope: OverrideScope): Step {
  const { prec, rule } = LAYERS[scope]
  const layer = overrideLayer(facts, scope)
  if (layer.outcome === 'absent') return ABSENT[scope]
  if (layer.outcome === 'unreadable') return failSafe(prec, layer.cause)
  const { value, revision, expires_at } = layer.row
  if (layer.outcome === 'expired') {
    return go({ prec, rule, outcome: 'expired', revision, expires_at: expires_at as Instant })
  }
  if (value === undefined || typeOfValue(value) !== flagOf(facts).value_type) {
    return failSafe(prec, 'value_type_mismatch')
  }
  return allow(
    { prec, rule, outcome: 'matched', revision },
    { scope, value, revision, reason: rule },
  )
}

function globalDefault(facts: Facts): Step {
  const { default_value: value, value_type } = flagOf(facts)
  if (typeOfValue(value) !== value_type) return failSafe(7, 'value_type_mismatch')
  const reason: AllowReason = 'global_default'
  return allow(
    { prec: 7, rule: 'global_default', outcome: 'matched' },
    { scope: 'global', value, revision: null, reason },
  )
}

/** After rule 1 there is a flag row that fits. */
const flagOf = (facts: Facts): FlagRow => facts.rows.flag?.row as FlagRow
