import { parseLosslessJson } from '../json/read.ts'
import { type JsonComparer, compareJson } from './compare.ts'

/** Pairs of unequal texts, each for a different reason; checked before a comparer's results count. */
export const UNEQUAL: readonly (readonly [why: string, left: string, right: string])[] = [
  ['the last digit of a large integer', '9007199254740993', '9007199254740992'],
  ['the last digit of a double', '0.30000000000000004', '0.3'],
  ['a trailing zero', '1.0', '1'],
  ['the sign of zero', '-0', '0'],
  ['a number and its text', '1', '"1"'],
  ['a number and a truth', '1', 'true'],
  ['null and absent', '{"a":null}', '{}'],
  ['null and false', 'null', 'false'],
  ['an empty text and null', '""', 'null'],
  ['an empty list and an empty object', '[]', '{}'],
  ['an empty list and a list of nothing', '[]', '[null]'],
  ['composed and decomposed letters', '"\u00e9"', '"e\u0301"'],
  ['a trailing space', '"a"', '"a "'],
  ['letters of two cases', '"a"', '"A"'],
  ['a lone surrogate and its replacement', '"\\ud800"', '"\ufffd"'],
  ['neighbours swapped', '[1,2]', '[2,1]'],
  ['a repeated member lost', '{"a":1,"a":1}', '{"a":1}'],
  ['a repeated member changed', '{"a":1,"a":2}', '{"a":2,"a":2}'],
  ['a member more', '{"a":1,"b":2}', '{"a":1}'],
  ['a member of the prototype', '{"__proto__":1}', '{}'],
  ['a separator shifted', '["a,b","c"]', '["a","b,c"]'],
  ['a difference deep inside', '{"a":[{"b":[0,1]}]}', '{"a":[{"b":[0,2]}]}'],
]
/** Pairs of equal texts: a comparer must not call everything unequal. */
export const EQUAL: readonly (readonly [why: string, left: string, right: string])[] = [
  ['the order of members', '{"a":1,"b":[2]}', '{"b":[2],"a":1}'],
  ['white space', '{ "a" : [ 1 , 2 ] }', '{"a":[1,2]}'],
  ['an escape', '"\\u0061"', '"a"'],
]

/**
 * Runs a comparer, `compareJson` by default, on all pairs of `UNEQUAL` and `EQUAL`.
 *
 * @returns the reasons of the pairs that it judges wrongly; empty for a correct comparer
 */
export function findComparerFaults(compare: JsonComparer = compareJson): readonly string[] {
  const differ = ([, left, right]: readonly [string, string, string]): boolean => {
    const [a, b] = [parseLosslessJson(left), parseLosslessJson(right)]
    return !a.ok || !b.ok || compare(a.node, b.node).differences.length > 0
  }
  const missed = UNEQUAL.filter((pair) => !differ(pair))
  const invented = EQUAL.filter((pair) => differ(pair))
  return [...missed, ...invented].map(([why]) => why)
}
