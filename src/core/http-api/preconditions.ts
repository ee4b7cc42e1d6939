import type { WriteRequest } from '../rows/write-request.ts'

/** An entity tag that no row has. */
const NEVER = 0

/**
 * What a change expects of the row that it meets (RFC 9110, 13.1.1 and 13.1.2): a revision, that there is one, that
 * there is none, or nothing. Undefined where the headers cannot be used.
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
  // A weak tag matches nothing in a strong comparison; neither does a tag that is no revision.
  if (/^W\/"[^"]*"$/.test(tag)) return NEVER
  const revision = /^"([^"]*)"$/.exec(tag)?.[1]
  if (revision === undefined) return undefined
  return /^[1-9]\d{0,15}$/.test(revision) ? Number(revision) : NEVER
}

/** The strong tag of a row: its revision, for each write gives it another. */
export const formatEntityTag = (revision: number): string => `"${revision}"`

/**
 * Whether If-None-Match names what would be sent, compared weakly (RFC 9110, 13.1.2): `*`, or a list with the tag in it.
 *
 * @param header several of them are one, joined with commas
 * @param tag a strong one, in its quotes
 */
export function matchesTag(header: string | null, tag: string): boolean {
  if (header === null) return false
  if (header.trim() === '*') return true
  return [...header.matchAll(/"[^"]*"/g)].some(([one]) => one === tag)
}
