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
/**
 * Lists the rules other than MUST_MATCH, in their order, each with the number of differences that it exempted.
 *
 * @param differences that number by the rule's pointer; a rule without one counts 0
 */
export const listExemptions = (
  rules: readonly FieldRule[],
  differences: ReadonlyMap<string, number>,
): readonly Exemption[] =>
  rules
    .filter(({ rule }) => rule !== 'MUST_MATCH')
    .map((rule) => ({ ...rule, differences: differences.get(rule.pointer) ?? 0 }))

/**
 * The parity rule for the field that a JSON pointer names: that of the longest rule pointer at or above it, the
 * first of several; MUST_MATCH without one, so a new field cannot escape the matrix.
 */
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
