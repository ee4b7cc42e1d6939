import { type FlagRow, detectValueType } from '../rows/rows.ts'
import { RULES } from './rules.ts'
import { type ApprovalLookup, failSafeAt, type Rule, type RuleResult } from './step.ts'
import type {
  ApprovalAnswer,
  ApprovalQuery,
  ChainEntry,
  Decision,
  EvaluationInput,
  Warning,
} from './types.ts'

export type EvaluationResult =
  | { readonly decision: Decision; readonly ask?: never }
  | { readonly ask: ApprovalQuery; readonly decision?: never }

/**
 * Decides one flag for one principal: the first rule that does not continue decides (docs/reference/decisions.md). A
 * deny has the flag's safe value, or null without a valid one; where no rule decides, the fail-safe denies as
 * `rules_exhausted`.
 *
 * @param answer Admin's answer to the question that an earlier call with the same facts returned
 *
 * @returns the decision, or the approval question that Admin must answer first
 */
export function evaluate(
  facts: EvaluationInput,
  answer?: ApprovalAnswer,
  rules: readonly Rule[] = RULES,
): EvaluationResult {
  const chain: ChainEntry[] = []
  let consulted: ApprovalLookup | undefined
  for (const rule of rules) {
    const step = rule(facts, answer)
    if (step.kind === 'ask') return { ask: step.question }
    chain.push(step.entry)
    if (step.kind === 'go') consulted ??= step.consulted
    else return { decision: buildDecision(facts, chain, { step, consulted }) }
  }
  const step = failSafeAt(8, 'rules_exhausted') as FinalStep
  chain.push(step.entry)
  return { decision: buildDecision(facts, chain, { step, consulted }) }
}

type FinalStep = Extract<RuleResult, { kind: 'allow' | 'deny' }>
interface End {
  readonly step: FinalStep
  readonly consulted: ApprovalLookup | undefined
}

function buildDecision(
  facts: EvaluationInput,
  reason_chain: readonly ChainEntry[],
  end: End,
): Decision {
  const { principal, request, now, backing_state } = facts
  const { stale } = facts.rows
  const flag = findOwnFlag(facts)
  const served = end.step.kind === 'allow' ? end.step.served : buildDenial(flag, end.step.reason)
  const lookup = getLookup(end)
  return {
    flag_key: request.flag_key,
    decision: end.step.kind,
    value: served.value,
    reason: served.reason,
    matched_scope: served.scope,
    reason_chain,
    warnings: collectWarnings(principal.warnings, lookup),
    meta: {
      auth_mode: principal.mode,
      auth_source: principal.source,
      tenant_id: principal.tenant_id,
      user_id: principal.user_id,
      approval_ref: lookup.approval_ref,
      ttl_state: lookup.ttl_state,
      flag_revision: flag?.revision ?? null,
      override_revision: served.revision,
      evaluated_at: now,
      request_id: request.request_id,
      backing_state,
      ...(stale === undefined ? {} : { stale: true, age_ms: stale.age_ms }),
    },
  }
}

/**
 * The flag's row; undefined where the store returned none, or one of another flag, which gives no safe value either.
 */
const findOwnFlag = ({ rows, request }: EvaluationInput): FlagRow | undefined =>
  rows.flag?.row?.flag_key === request.flag_key ? rows.flag.row : undefined

/** The outcome of a deny: the safe value, or null where that does not fit the flag's type. */
function buildDenial(flag: FlagRow | undefined, reason: Decision['reason']): Outcome {
  const fits = flag !== undefined && detectValueType(flag.safe_value) === flag.value_type
  return { value: fits ? flag.safe_value : null, reason, scope: null, revision: null }
}
interface Outcome {
  readonly value: Decision['value']
  readonly reason: Decision['reason']
  readonly scope: Decision['matched_scope']
  readonly revision: number | null
}

const NO_CALLS = { approval_ref: null, ttl_state: null } as const
const getLookup = ({ step, consulted }: End): ApprovalLookup | typeof NO_CALLS =>
  (step.kind === 'deny' ? step.consulted : undefined) ?? consulted ?? NO_CALLS

// The approval's warning sorts before those of the authenticator, which are sorted.
const collectWarnings = (
  warnings: readonly Warning[],
  lookup: Pick<ApprovalLookup, 'ttl_state'>,
): readonly Warning[] =>
  lookup.ttl_state === 'expiring_soon' ? ['approval_expiring_soon', ...warnings] : warnings
