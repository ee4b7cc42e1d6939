import type { ChainEntry, Decision } from './types.ts'

/**
 * The decision as one compact JSON object, its members in a fixed order; `value` is `null` where there is no safe
 * value. The stored value is inserted as text: a JavaScript object would reorder integer-like member names.
 */
export function serializeDecision(decision: Decision): string {
  const { flag_key, decision: verdict, value, reason, matched_scope, warnings, meta } = decision
  return (
    `{"flag_key":${JSON.stringify(flag_key)},"decision":"${verdict}","value":${value ?? 'null'},` +
    `"reason":"${reason}","matched_scope":${JSON.stringify(matched_scope)},` +
    `"reason_chain":[${serializeChain(decision.reason_chain)}],` +
    `"warnings":${JSON.stringify(warnings)},"meta":${JSON.stringify(meta)}}`
  )
}

const serializeChain = (chain: readonly ChainEntry[]): string => chain.map(serializeEntry).join(',')

// Rules return most entries as one shared object; serializing them anew took half of the time of a decision.
const texts = new WeakMap<ChainEntry, string>()
function serializeEntry(entry: ChainEntry): string {
  const known = texts.get(entry)
  if (known !== undefined) return known
  const text = JSON.stringify(entry)
  texts.set(entry, text)
  return text
}
