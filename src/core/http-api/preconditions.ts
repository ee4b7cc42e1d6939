import type { WriteRequest } from '../rows/write-request.ts'

/** A revision that no row has, so the precondition fails. */
const NEVER = 0

/**
 * The state of the row that a write requires (RFC 9110, 13.1.1 and 13.1.2): a revision, `present` for If-Match `*`,
 * `absent` for If-None-Match `*`, or null for any, without headers. A weak tag, or one that is no revision, becomes
 * 0, which no row has. Undefined where a header is malformed or both are there.
 */
export function parseExpectation(
  ifMatch: string | null,
  ifNoneMatch: string | null,
): WriteRequest['expected'] | undefined {
  if (ifMatch !== null && ifNoneMatch !== null) return undefined
  if (ifNoneMatch !== null) return ifNoneMatch.trim() === '*' ? 'absent' : undefined
  if (ifMatch === null) return null
  const tag = ifMatch.trim()
  if (tag === '*') return 'present'
  // Strong comparison: a weak tag matches nothing, nor does a tag that is not a revision.
  if (/^W\/"[^"]*"$/.test(tag)) return NEVER
  const revision = /^"([^"]*)"$/.exec(tag)?.[1]
  if (revision === undefined) return undefined
  return /^[1-9]\d{0,15}$/.test(revision) ? Number(revision) : NEVER
}

/** Formats the strong entity tag of a row, its revision in double quotes, which every write changes. */
export const formatEntityTag = (revision: number): string => `"${revision}"`

/** A list of entity tags (RFC 9110, 8.8.3 and 5.6.1): commas may follow each other, and a tag may contain one. */
const TAG_LIST = /^[\t ,]*(?:(?:W\/)?"[!#-~\u0080-\u{10ffff}]*"[\t ]*(?:,[\t ,]*|$))+$/u

/**
 * Whether If-None-Match matches a tag by weak comparison (RFC 9110, 13.1.2): `*`, or a list that contains the tag. A
 * malformed header matches nothing, so the answer is sent in full.
 *
 * @param header repeated headers joined with commas; null where there is none
 * @param tag a strong tag with its quotes
 */
export function matchesTag(header: string | null, tag: string): boolean {
  if (header === null) return false
  if (header.trim() === '*') return true
  return TAG_LIST.test(header) && [...header.matchAll(/"[^"]*"/g)].some(([one]) => one === tag)
}
