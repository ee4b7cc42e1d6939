import { type FlagRow, typeOfValue } from '../state/rows.ts'
import { RULES } from './rules.ts'
import { type Consulted, failSafe, type Rule, type Step } from './step.ts'
import type {
  ApprovalAnswer,
  ApprovalQuestion,
  ChainEntry,
  Decision,
  Facts,
  Warning,
} from './types.ts'

export type Walk =
  | { readonly decision: Decision; readonly ask?: never }
  | { readonly ask: ApprovalQuestion; readonly decision?: never }

/**
 * Decides one flag for one principal (page 1, precedence).
 *
 * @param answer what Admin said to the question that an earlier call with the same facts came back with
 * @returns the decision, or the one question that has to be asked first
 */
export function evaluate(facts: Facts, answer?: ApprovalAnswer, rules: readonly Rule[] = RULES): Walk {
  const chain: ChainEntry[] = []
  let consulted: Consulted | undefined
  for (const rule of rules) {
    const step = rule(facts, answer)
    if (step.kind === 'ask') return { ask: step.question }
    chain.push(step.entry)
    if (step.kind === 'go') consulted ??= step.consulted
    else return { decision: seal(facts, chain, { step, consulted }) }
  }
  const step = failSafe(8, 'rules_exhausted') as Ending
  chain.push(step.entry)
  return { decision: seal(facts, chain, { step, consulted }) }
}

type Ending = Extract<Step, { kind: 'allow' | 'deny' }>
interface End {
  readonly step: Ending
  readonly consulted: Consulted | undefined
}

function seal(facts: Facts, reason_chain: readonly ChainEntry[], end: End): Decision {
  const { principal, request, rows, now } = facts
  const { step } = end
  const consulted = step.kind === 'deny' ? (step.consulted ?? end.consulted) : end.consulted
  // A row of another flag is no source of a safe value either.
  const flag = rows.flag?.row?.flag_key === request.flag_key ? rows.flag.row : undefined
  const served = step.kind === 'allow' ? step.served : undefined
  return {
    flag_key: request.flag_key,
    decision: step.kind,
    value: served === undefined ? safeValue(flag) : served.value,
    reason: step.kind === 'allow' ? step.served.reason : step.reason,
    matched_scope: served?.scope ?? null,
    reason_chain,
    warnings: warningsOf(principal.warnings, consulted),
    meta: {
      auth_mode: principal.mode,
      auth_source: principal.source,
      tenant_id: principal.tenant_id,
      user_id: principal.user_id,
      approval_ref: consulted?.approval_ref ?? null,
      ttl_state: consulted?.ttl_state ?? null,
      flag_revision: flag?.revision ?? null,
      override_revision: served?.revision ?? null,
      evaluated_at: now,
      request_id: request.request_id,
      backing_state: facts.backing_state,
    },
  }
}

/** A safe value that does not fit is not safe: null then. */
const safeValue = (flag: FlagRow | undefined): Decision['value'] =>
  flag !== undefined && typeOfValue(flag.safe_value) === flag.value_type ? flag.safe_value : null

// The approval's warning sorts before all of the door's, which come sorted.
const warningsOf = (warnings: readonly Warning[], consulted: Consulted | undefined): readonly Warning[] =>
  consulted?.ttl_state === 'expiring_soon' ? ['approval_expiring_soon', ...warnings] : warnings
