export type ParityRule = 'MUST_MATCH' | 'MUST_DIFFER' | 'MAY_DIFFER'
/** A line of `contracts/cutover_parity_matrix.json`: a field by JSON pointer; `*` stands for any one token. */
export interface FieldRule {
  readonly pointer: string
  readonly rule: ParityRule
  readonly why: string
}

/**
 * The rule for a field: that of the longest pointer that names the field or a place above it, the first of several
 * such. A field without a matching pointer is MUST_MATCH, so a new field cannot escape the matrix.
 */
export function findRule(rules: readonly FieldRule[], at: string): ParityRule {
  const tokens = at.split('/')
  let best: { length: number; rule: ParityRule } = { length: 0, rule: 'MUST_MATCH' }
  for (const { pointer, rule } of rules) {
    const pattern = pointer.split('/')
    const leads =
      pattern.length <= tokens.length &&
      pattern.every((token, i) => token === '*' || token === tokens[i])
    if (leads && pattern.length > best.length) best = { length: pattern.length, rule }
  }
  return best.rule
}
