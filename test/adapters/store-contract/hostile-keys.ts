import type { ProblemCode } from '../../../src/core/problem.ts'

export type KeyVerdict = 'taken' | readonly [code: ProblemCode, pointer: string]
type Row = readonly [situation: string, key: string, verdict: KeyVerdict]

const FLAG = ['form_wrong', '/flag_key'] as const
const SCOPE = ['form_wrong', '/tenant_id'] as const

export const HOSTILE_FLAG_KEYS: readonly Row[] = [
  ['128 characters', `ff.${'a'.repeat(125)}`, 'taken'],
  ['129 characters', `ff.${'a'.repeat(126)}`, FLAG],
  ['digits, dots, dashes and underscores', 'ff.1-a_b.0', 'taken'],
  ['10,000 characters', `ff.${'a'.repeat(9_997)}`, FLAG],
  ['the empty key', '', FLAG],
  ['the prefix alone', 'ff.', FLAG],
  ['another prefix', 'gg.a', FLAG],
  ['capitals', 'ff.Checkout', FLAG],
  ['two dots', 'ff.a..b', FLAG],
  ['a dot at the end', 'ff.a.', FLAG],
  ['a blank at the end', 'ff.a ', FLAG],
  ['a line end at the end', 'ff.a\n', FLAG],
  ['U+0000', 'ff.a\u0000', FLAG],
  ['a lone surrogate', 'ff.\ud800', FLAG],
  ['a letter with an accent', 'ff.\u00e9', FLAG],
  ['a wildcard', 'ff.*', FLAG],
  ['__proto__', '__proto__', FLAG],
]

export const HOSTILE_TENANT_IDS: readonly Row[] = [
  ['255 characters', 'T'.repeat(255), 'taken'],
  ['256 characters', 'T'.repeat(256), SCOPE],
  ['a small letter', 'tenant', 'taken'],
  ['the same in capitals', 'TENANT', 'taken'],
  ['an e-mail address', 'a.b@c-d_e', 'taken'],
  ['10,000 characters', 'T'.repeat(10_000), SCOPE],
  ['the empty id', '', SCOPE],
  ['a colon', 'T:1', 'taken'],
  ['wildcards', 'T*?%_', 'taken'],
  ['brackets', '[T](1){2}<3>', 'taken'],
  ['quotes and backslashes', `"'\`\\\\N\\.`, 'taken'],
  ['a slash and dots', '../T/..', 'taken'],
  ['an escaped slash', 'T%2F1', 'taken'],
  ['a bar and a plus sign', 'auth0|5f7c+x', 'taken'],
  ['a blank', 'T 1', SCOPE],
  ['a blank at the end', 'T1 ', SCOPE],
  ['a line end at the end', 'T1\n', SCOPE],
  ['a dot at the start', '.T', 'taken'],
  ['U+0000', 'T\u0000', SCOPE],
  ['a lone surrogate', 'T\udc00', SCOPE],
  ['a letter with an accent', 'T\u00e9', SCOPE],
  ['U+007F', 'T\u007f', SCOPE],
  ['__proto__', '__proto__', 'taken'],
]
