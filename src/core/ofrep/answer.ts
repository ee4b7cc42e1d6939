import type { Decision, Scope } from '../evaluate/types.ts'

/** What OFREP says of one flag: the text of a success, or the code of ours that stands in its place. */
export type OfrepAnswer =
  | { readonly text: string; readonly failure?: never }
  | { readonly failure: 'flag_unknown' | 'row_broken'; readonly text?: never }

/** An allow by the scope that it came from; every deny is DISABLED, a word that clients know. */
const REASONS: Readonly<Record<Scope, string>> = {
  user: 'TARGETING_MATCH',
  tenant: 'TARGETING_MATCH',
  global: 'STATIC',
}

/**
 * A decision as an OFREP success. A deny serves its safe value, for without a value the caller's own default would
 * apply and keep a killed feature on. The value goes out as it is stored; `variant` is left out, as no flag has any.
 *
 * @returns `row_broken` where there is nothing safe to serve, which only a row that breaks page 1 leaves
 */
export function toOfrepAnswer(decision: Decision): OfrepAnswer {
  const { flag_key, value, matched_scope } = decision
  if (decision.reason === 'flag_unknown') return { failure: 'flag_unknown' }
  if (value === null) return { failure: 'row_broken' }
  const reason = matched_scope === null ? 'DISABLED' : REASONS[matched_scope]
  const head = JSON.stringify({ key: flag_key, reason }).slice(0, -1)
  return { text: `${head},"value":${value},"metadata":${metadataText(decision)}}` }
}

/** Flat, and without nulls: clients drop whatever is neither boolean, string nor number. */
function metadataText({ reason, matched_scope, reason_chain, warnings, meta }: Decision): string {
  return JSON.stringify({
    reason,
    matched_scope: matched_scope ?? undefined,
    flag_revision: meta.flag_revision ?? undefined,
    chain: reason_chain.map(({ rule, outcome }) => `${rule}:${outcome}`).join(','),
    warnings: warnings.length > 0 ? warnings.join(',') : undefined,
  })
}
