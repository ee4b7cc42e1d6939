import type { ChainEntry, Decision, EvaluationInput } from '../../core/evaluate/types.ts'
import { allowWith, continueWith, type Rule } from '../../core/evaluate/step.ts'
import type { CanonicalJson } from '../../core/json/canonical.ts'
import { instantFromMs, instantToMs } from '../../core/rows/instant.ts'
import { type PlantedFault, inDecision, inFacts, inRules, type FaultRow } from './fault.ts'

const [REGISTERED, KILL, AUTH, APPROVAL, USER, TENANT] = [0, 1, 2, 3, 4, 5] as const
type Rules = (rules: readonly Rule[]) => readonly Rule[]

const dropRule =
  (at: number): Rules =>
  (rules) =>
    rules.filter((_, index) => index !== at)
const swapRules =
  (a: number, b: number): Rules =>
  (rules) =>
    rules.map((rule, at) => rules[at === a ? b : at === b ? a : at] ?? rule)
/** One rule evaluates a changed input. */
const changeInput =
  (at: number, change: (input: EvaluationInput) => EvaluationInput): Rules =>
  (rules) =>
    rules.map((rule, index) =>
      index === at ? (input, answer) => rule(change(input), answer) : rule,
    )
const moveClock =
  (ms: number) =>
  (input: EvaluationInput): EvaluationInput => ({
    ...input,
    now: instantFromMs(instantToMs(input.now) + ms),
  })
const composeRules =
  (first: Rules, second: Rules): Rules =>
  (rules) =>
    second(first(rules))
/** One rule always passes, with this entry in the reason chain. */
const passRule =
  (at: number, entry: ChainEntry): Rules =>
  (rules) =>
    rules.map((rule, index) => (index === at ? () => continueWith(entry) : rule))

/** The registry takes each archived flag for an active one. */
const reviveFlag = (input: EvaluationInput): EvaluationInput => {
  const flag = input.rows.flag?.row
  return flag?.state === 'archived'
    ? { ...input, rows: { ...input.rows, flag: { row: { ...flag, state: 'active' } } } }
    : input
}
/** A user override without an approval borrows that of the tenant override. */
const borrowApproval = (input: EvaluationInput): EvaluationInput => {
  const { user, tenant } = input.rows
  const approval_ref = user?.row?.approval_ref ?? tenant?.row?.approval_ref
  return user?.row === undefined || approval_ref === undefined
    ? input
    : { ...input, rows: { ...input.rows, user: { row: { ...user.row, approval_ref } } } }
}
/** The registry allows a flag that it does not know. */
const allowUnknown: Rules = (rules) =>
  rules.map((rule, at) => (input, answer) => {
    if (at !== REGISTERED || input.rows.flag !== null) return rule(input, answer)
    const value = 'null' as CanonicalJson
    return allowWith(
      { prec: 1, rule: 'registered', outcome: 'unknown' },
      { scope: 'global', value, revision: null, reason: 'global_default' },
    )
  })

const RULE_ROWS: readonly FaultRow<Rules>[] = [
  [
    'precedence-swapped',
    'a tenant override takes precedence over a user override',
    swapRules(USER, TENANT),
  ],
  ['user-rule-lost', 'user overrides are ignored', dropRule(USER)],
  ['tenant-rule-lost', 'tenant overrides are ignored', dropRule(TENANT)],
  ['kill-rule-lost', 'a killed flag is served', dropRule(KILL)],
  [
    'kill-after-approval',
    'the kill switch is evaluated too late',
    swapRules(KILL, APPROVAL),
    'cells',
  ],
  ['auth-rule-lost', 'required_auth is not checked', dropRule(AUTH)],
  [
    'auth-waved-through',
    'every caller counts as authenticated',
    passRule(AUTH, { prec: 3, rule: 'authentication', outcome: 'pass' }),
    'cells',
  ],
  ['approval-rule-lost', 'sensitive flags need no approval', dropRule(APPROVAL)],
  [
    'approval-waved-through',
    'every sensitive flag counts as approved',
    passRule(APPROVAL, { prec: 4, rule: 'sensitive_overlay', outcome: 'not_sensitive' }),
  ],
  ['registered-rule-lost', 'the registry is not checked', dropRule(REGISTERED)],
  [
    'expiry-one-late',
    '> instead of >= at the end of an override',
    composeRules(changeInput(USER, moveClock(-1)), changeInput(TENANT, moveClock(-1))),
  ],
  [
    'expiry-one-early',
    'an override ends a millisecond too early',
    composeRules(changeInput(USER, moveClock(1)), changeInput(TENANT, moveClock(1))),
  ],
  [
    'approval-one-late',
    '> instead of >= at the end of an approval',
    changeInput(APPROVAL, moveClock(-1)),
  ],
  [
    'approval-one-early',
    'an approval ends a millisecond too early',
    changeInput(APPROVAL, moveClock(1)),
    'cells',
  ],
  [
    'unverified-approved',
    'an unverified caller counts as verified for sensitive flags',
    changeInput(APPROVAL, (input) => ({
      ...input,
      principal: { ...input.principal, mode: 'verified' },
    })),
  ],
  [
    'request-ref-ignored',
    'the approval that the request names is ignored',
    changeInput(APPROVAL, (input) => ({
      ...input,
      request: { ...input.request, approval_ref: null },
    })),
  ],
  [
    'archived-served',
    'an archived flag is served as active',
    changeInput(REGISTERED, reviveFlag),
    'cells',
  ],
  ['unknown-allowed', 'an unknown flag is allowed', allowUnknown, 'cells'],
  [
    'approval-borrowed',
    'an override borrows the approval of the tenant override',
    changeInput(APPROVAL, borrowApproval),
    'cells',
  ],
  [
    'stale-keys-good',
    'a stale key set is good enough for sensitive flags',
    changeInput(APPROVAL, (input) => ({
      ...input,
      principal: { ...input.principal, key_set_stale: false },
    })),
    'cells',
  ],
]

const FACT_ROWS: readonly FaultRow<(input: EvaluationInput) => EvaluationInput>[] = [
  ['clock-late', 'a clock that is a minute behind', moveClock(-60_000)],
  [
    'everybody-verified',
    'the auth mode is not passed on',
    (input) => ({ ...input, principal: { ...input.principal, mode: 'verified' } }),
  ],
  [
    'nobody-known',
    'the user is not passed on',
    (input) => ({ ...input, principal: { ...input.principal, user_id: null } }),
  ],
  [
    'warnings-lost',
    'the warnings of the authenticator are not passed on',
    (input) => ({ ...input, principal: { ...input.principal, warnings: [] } }),
  ],
]

const changeMeta =
  (change: Partial<Decision['meta']>) =>
  (decision: Decision): Decision => ({
    ...decision,
    meta: { ...decision.meta, ...change },
  })
const DECISION_ROWS: readonly FaultRow<(decision: Decision) => Decision>[] = [
  [
    'chain-entry-lost',
    'the chain lacks its last entry',
    (decision) => ({ ...decision, reason_chain: decision.reason_chain.slice(0, -1) }),
  ],
  [
    'chain-first-lost',
    'the chain lacks its first entry',
    (decision) => ({ ...decision, reason_chain: decision.reason_chain.slice(1) }),
  ],
  [
    'chain-reversed',
    'the chain is written backwards',
    (decision) => ({ ...decision, reason_chain: [...decision.reason_chain].reverse() }),
  ],
  [
    'deny-allowed',
    'a denied decision is allowed',
    (decision) => ({ ...decision, decision: 'allow' }),
  ],
  [
    'deny-without-value',
    'a denied flag serves nothing',
    (decision) => (decision.decision === 'deny' ? { ...decision, value: null } : decision),
  ],
  ['reason-lost', 'one reason for all', (decision) => ({ ...decision, reason: 'global_default' })],
  [
    'scope-lost',
    'the scope of the value is missing',
    (decision) => ({ ...decision, matched_scope: null }),
  ],
  ['ttl-state-lost', 'the TTL state of the approval is missing', changeMeta({ ttl_state: null })],
  ['approval-ref-lost', 'the id of the approval is missing', changeMeta({ approval_ref: null })],
  [
    'revision-lost',
    'the revision of the override is missing',
    changeMeta({ override_revision: null }),
  ],
  [
    'flag-revision-lost',
    'the revision of the flag is missing',
    changeMeta({ flag_revision: null }),
  ],
  ['request-id-lost', 'every decision has the same request id', changeMeta({ request_id: 'r' })],
  [
    'mode-lost',
    'every caller is anonymous',
    changeMeta({ auth_mode: 'none', auth_source: 'none' }),
  ],
]

const toFault =
  <T>(plant: (effect: T) => PlantedFault['plant']) =>
  ([name, models, effect, proof = 'vectors']: FaultRow<T>): PlantedFault => ({
    id: `core.${name}`,
    models,
    proof,
    plant: plant(effect),
  })

/** Faults of the core, which both sides share: the sides agree, so only the expectation and the oracle can find them. */
export const RULE_FAULTS: readonly PlantedFault[] = [
  ...RULE_ROWS.map(toFault(inRules)),
  ...FACT_ROWS.map(toFault(inFacts)),
  ...DECISION_ROWS.map(toFault(inDecision)),
]
