import type { ChainEntry, Decision, EvaluationInput } from '../../core/evaluate/types.ts'
import { continueWith, type Rule } from '../../core/evaluate/step.ts'
import { instantFromMs, instantToMs } from '../../core/rows/instant.ts'
import { type PlantedFault, inDecision, inFacts, inRules, type FaultRow } from './fault.ts'

const [REGISTERED, KILL, AUTH, APPROVAL, USER, TENANT] = [0, 1, 2, 3, 4, 5] as const
type Rules = (rules: readonly Rule[]) => readonly Rule[]

const dropped =
  (at: number): Rules =>
  (rules) =>
    rules.filter((_, index) => index !== at)
const exchanged =
  (a: number, b: number): Rules =>
  (rules) =>
    rules.map((rule, at) => rules[at === a ? b : at === b ? a : at] ?? rule)
/** One rule evaluates a changed input. */
const told =
  (at: number, change: (facts: EvaluationInput) => EvaluationInput): Rules =>
  (rules) =>
    rules.map((rule, index) =>
      index === at ? (facts, answer) => rule(change(facts), answer) : rule,
    )
const moved =
  (ms: number) =>
  (facts: EvaluationInput): EvaluationInput => ({
    ...facts,
    now: instantFromMs(instantToMs(facts.now) + ms),
  })
const both =
  (first: Rules, second: Rules): Rules =>
  (rules) =>
    second(first(rules))
/** One rule always passes, with this entry in the reason chain. */
const waved =
  (at: number, entry: ChainEntry): Rules =>
  (rules) =>
    rules.map((rule, index) => (index === at ? () => continueWith(entry) : rule))

const RULE_ROWS: readonly FaultRow<Rules>[] = [
  [
    'precedence-swapped',
    'a tenant override takes precedence over a user override',
    exchanged(USER, TENANT),
  ],
  ['user-rule-lost', 'user overrides are ignored', dropped(USER)],
  ['tenant-rule-lost', 'tenant overrides are ignored', dropped(TENANT)],
  ['kill-rule-lost', 'a killed flag is served', dropped(KILL)],
  [
    'kill-after-approval',
    'the kill switch is evaluated too late',
    exchanged(KILL, APPROVAL),
    'cells',
  ],
  ['auth-rule-lost', 'required_auth is not checked', dropped(AUTH)],
  [
    'auth-waved-through',
    'every caller counts as authenticated',
    waved(AUTH, { prec: 3, rule: 'authentication', outcome: 'pass' }),
    'cells',
  ],
  ['approval-rule-lost', 'sensitive flags need no approval', dropped(APPROVAL)],
  [
    'approval-waved-through',
    'every sensitive flag counts as approved',
    waved(APPROVAL, { prec: 4, rule: 'sensitive_overlay', outcome: 'not_sensitive' }),
  ],
  ['registered-rule-lost', 'the registry is not checked', dropped(REGISTERED)],
  [
    'expiry-one-late',
    '> instead of >= at the end of an override',
    both(told(USER, moved(-1)), told(TENANT, moved(-1))),
  ],
  [
    'expiry-one-early',
    'an override ends a millisecond too early',
    both(told(USER, moved(1)), told(TENANT, moved(1))),
  ],
  ['approval-one-late', '> instead of >= at the end of an approval', told(APPROVAL, moved(-1))],
  [
    'approval-one-early',
    'an approval ends a millisecond too early',
    told(APPROVAL, moved(1)),
    'cells',
  ],
  [
    'unverified-approved',
    'an unverified caller counts as verified for sensitive flags',
    told(APPROVAL, (facts) => ({ ...facts, principal: { ...facts.principal, mode: 'verified' } })),
  ],
  [
    'request-ref-ignored',
    'the approval that the request names is ignored',
    told(APPROVAL, (facts) => ({ ...facts, request: { ...facts.request, approval_ref: null } })),
  ],
]

const FACT_ROWS: readonly FaultRow<(facts: EvaluationInput) => EvaluationInput>[] = [
  ['clock-late', 'a clock that is a minute behind', moved(-60_000)],
  [
    'everybody-verified',
    'the auth mode is not passed on',
    (facts) => ({ ...facts, principal: { ...facts.principal, mode: 'verified' } }),
  ],
  [
    'nobody-known',
    'the user is not passed on',
    (facts) => ({ ...facts, principal: { ...facts.principal, user_id: null } }),
  ],
  [
    'warnings-lost',
    'the warnings of the authenticator are not passed on',
    (facts) => ({ ...facts, principal: { ...facts.principal, warnings: [] } }),
  ],
]

const meta =
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
  ['ttl-state-lost', 'the TTL state of the approval is missing', meta({ ttl_state: null })],
  ['approval-ref-lost', 'the id of the approval is missing', meta({ approval_ref: null })],
  ['revision-lost', 'the revision of the override is missing', meta({ override_revision: null })],
  ['flag-revision-lost', 'the revision of the flag is missing', meta({ flag_revision: null })],
  ['request-id-lost', 'every decision has the same request id', meta({ request_id: 'r' })],
  ['mode-lost', 'every caller is anonymous', meta({ auth_mode: 'none', auth_source: 'none' })],
]

const toFault =
  <T>(plant: (does: T) => PlantedFault['plant']) =>
  ([name, models, does, proof = 'vectors']: FaultRow<T>): PlantedFault => ({
    id: `core.${name}`,
    models,
    proof,
    plant: plant(does),
  })

/** Faults of the core, which both sides share: the sides agree, so only the expectation and the oracle can find them. */
export const RULE_FAULTS: readonly PlantedFault[] = [
  ...RULE_ROWS.map(toFault(inRules)),
  ...FACT_ROWS.map(toFault(inFacts)),
  ...DECISION_ROWS.map(toFault(inDecision)),
]
