export type ParityRule = 'MUST_MATCH' | 'MUST_DIFFER' | 'MAY_DIFFER'
/** A line of `contracts/cutover_parity_matrix.json`: a field by JSON pointer; `*` stands for any one token. */
export interface FieldRule {
  readonly pointer: string
  readonly rule: ParityRule
  readonly why: string
}

/** The one field of a decision that a rule of the contract may exempt from MUST_MATCH. */
export const EXEMPTIBLE_FIELD = '/meta/backing_state'

/** A rule of a run other than MUST_MATCH, with the number of differences that it expected or allowed. */
export interface Exemption extends FieldRule {
  readonly differences: number
}
/** The rules other than MUST_MATCH, each with its count from `differences`, by pointer; 0 where that has none. */
export const listExemptions = (
  rules: readonly FieldRule[],
  differences: ReadonlyMap<string, number>,
): readonly Exemption[] =>
  rules
    .filter(({ rule }) => rule !== 'MUST_MATCH')
    .map((rule) => ({ ...rule, differences: differences.get(rule.pointer) ?? 0 }))

/** The rule for a field as `findFieldRule`; MUST_MATCH without one, so a new field cannot escape the matrix. */
export const findRule = (rules: readonly FieldRule[], at: string): ParityRule =>
  findFieldRule(rules, at)?.rule ?? 'MUST_MATCH'

/**
 * The rule for a field: that of the longest pointer that names the field or a place above it, the first of several
 * such. Null for a field without a matching pointer.
 */
export function findFieldRule(rules: readonly FieldRule[], at: string): FieldRule | null {
  const tokens = at.split('/')
  let best: { length: number; rule: FieldRule | null } = { length: 0, rule: null }
  for (const rule of rules) {
    const pattern = rule.pointer.split('/')
    const leads =
      pattern.length <= tokens.length &&
      pattern.every((token, i) => token === '*' || token === tokens[i])
    if (leads && pattern.length > best.length) best = { length: pattern.length, rule }
  }
  return best.rule
}
