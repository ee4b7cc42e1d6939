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
 * Decides one flag for one principal (page 1, precedence).
 *
 * @param answer what Admin said to the question that an earlier call with the same facts came back with
 * @returns the decision, or the one question that has to be asked first
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
    else return { decision: seal(facts, chain, { step, consulted }) }
  }
  const step = failSafeAt(8, 'rules_exhausted') as FinalStep
  chain.push(step.entry)
  return { decision: seal(facts, chain, { step, consulted }) }
}

type FinalStep = Extract<RuleResult, { kind: 'allow' | 'deny' }>
interface End {
  readonly step: FinalStep
  readonly consulted: ApprovalLookup | undefined
}

function seal(facts: EvaluationInput, reason_chain: readonly ChainEntry[], end: End): Decision {
  const { principal, request, now, backing_state } = facts
  const flag = ownFlag(facts)
  const served = end.step.kind === 'allow' ? end.step.served : withheld(flag, end.step.reason)
  const asked = consultedBy(end)
  return {
    flag_key: request.flag_key,
    decision: end.step.kind,
    value: served.value,
    reason: served.reason,
    matched_scope: served.scope,
    reason_chain,
    warnings: collectWarnings(principal.warnings, asked),
    meta: {
      auth_mode: principal.mode,
      auth_source: principal.source,
      tenant_id: principal.tenant_id,
      user_id: principal.user_id,
      approval_ref: asked.approval_ref,
      ttl_state: asked.ttl_state,
      flag_revision: flag?.revision ?? null,
      override_revision: served.revision,
      evaluated_at: now,
      request_id: request.request_id,
      backing_state,
    },
  }
}

/** A row of another flag is not even a source of a safe value. */
const ownFlag = ({ rows, request }: EvaluationInput): FlagRow | undefined =>
  rows.flag?.row?.flag_key === request.flag_key ? rows.flag.row : undefined

/** What a deny serves: the safe value; one that does not fit is not safe, and then it is null. */
function withheld(flag: FlagRow | undefined, reason: Decision['reason']): Outcome {
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
const consultedBy = ({ step, consulted }: End): ApprovalLookup | typeof NO_CALLS =>
  (step.kind === 'deny' ? step.consulted : undefined) ?? consulted ?? NO_CALLS

// The approval's warning sorts before all of the door's, which come sorted.
const collectWarnings = (
  warnings: readonly Warning[],
  asked: Pick<ApprovalLookup, 'ttl_state'>,
): readonly Warning[] =>
  asked.ttl_state === 'expiring_soon' ? ['approval_expiring_soon', ...warnings] : warnings
