import type { Decision } from './types.ts'

/**
 * The decision as JSON. The value goes in as it is stored: through a JavaScript object its members
 * would be put into another order.
 */
export function decisionText(decision: Decision): string {
  const { flag_key, decision: verdict, value, ...rest } = decision
  const head = JSON.stringify({ flag_key, decision: verdict }).slice(0, -1)
  return `${head},"value":${value ?? 'null'},${JSON.stringify(rest).slice(1)}`
}
