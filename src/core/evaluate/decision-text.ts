import type { ChainEntry, Decision } from './types.ts'

/**
 * The decision as JSON. The value goes in as it is stored: through a JavaScript object its members
 * would be put into another order.
 */
export function serializeDecision(decision: Decision): string {
  const { flag_key, decision: verdict, value, reason, matched_scope, warnings, meta } = decision
  return (
    `{"flag_key":${JSON.stringify(flag_key)},"decision":"${verdict}","value":${value ?? 'null'},` +
    `"reason":"${reason}","matched_scope":${JSON.stringify(matched_scope)},` +
    `"reason_chain":[${chainText(decision.reason_chain)}],` +
    `"warnings":${JSON.stringify(warnings)},"meta":${JSON.stringify(meta)}}`
  )
}

const chainText = (chain: readonly ChainEntry[]): string => chain.map(entryText).join(',')

// Most entries are one object however often a rule gives them: half of the time of a decision went into their texts.
const texts = new WeakMap<ChainEntry, string>()
function entryText(entry: ChainEntry): string {
  const known = texts.get(entry)
  if (known !== undefined) return known
  const text = JSON.stringify(entry)
  texts.set(entry, text)
  return text
}
