import type { Decision, Scope } from '../evaluate/types.ts'
import type { OfrepWarning } from './context.ts'

/** The OFREP success of one flag as JSON text, or the service code of the failure. */
export type OfrepAnswer =
  | { readonly text: string; readonly failure?: never }
  | { readonly failure: 'flag_unknown' | 'row_broken'; readonly text?: never }

/** The OFREP reason of an allow by scope; every deny is DISABLED, a reason that clients know. */
const REASONS: Readonly<Record<Scope, string>> = {
  user: 'TARGETING_MATCH',
  tenant: 'TARGETING_MATCH',
  global: 'STATIC',
}

/**
 * Converts a decision to the JSON text of an OFREP success. The reason of an allow is STATIC for the flag's own value,
 * TARGETING_MATCH for an override; a deny serves the safe value with reason DISABLED: without a value the client's own
 * default would apply and keep a killed feature on. The value is sent as stored; `variant` is omitted, as flags have
 * none. The warnings of the metadata are those of the decision and `skipped`.
 *
 * @returns the failure `flag_unknown` for an unknown flag, `row_broken` where there is no safe value, that is, for an
 *   invalid flag row
 */
export function toOfrepAnswer(
  decision: Decision,
  skipped: readonly OfrepWarning[] = [],
): OfrepAnswer {
  const { flag_key, value, matched_scope } = decision
  if (decision.reason === 'flag_unknown') return { failure: 'flag_unknown' }
  if (value === null) return { failure: 'row_broken' }
  const reason = matched_scope === null ? 'DISABLED' : REASONS[matched_scope]
  const head = JSON.stringify({ key: flag_key, reason }).slice(0, -1)
  return { text: `${head},"value":${value},"metadata":${serializeMetadata(decision, skipped)}}` }
}

/** Flat and without nulls: clients drop members that are not a boolean, string or number. */
function serializeMetadata(
  { reason, matched_scope, reason_chain, warnings: own, meta }: Decision,
  skipped: readonly OfrepWarning[],
): string {
  const warnings = [...own, ...skipped].toSorted()
  return JSON.stringify({
    reason,
    matched_scope: matched_scope ?? undefined,
    flag_revision: meta.flag_revision ?? undefined,
    chain: reason_chain.map(({ rule, outcome }) => `${rule}:${outcome}`).join(','),
    warnings: warnings.length > 0 ? warnings.join(',') : undefined,
    stale: meta.stale,
    age_ms: meta.age_ms,
  })
}
