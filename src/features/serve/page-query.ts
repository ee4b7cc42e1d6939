import { makeProblem } from '../../core/problem.ts'
import { type AnyRow, type RowOrBroken, serializeRow } from '../../core/rows/rows.ts'
import type { RouteRequest, RouteResponse } from '../../ports/http.ts'
import { DEFAULT_PAGE, MAX_PAGE } from './dependencies.ts'
import { HttpRefusal, toTaggedResponse } from './reply.ts'
import { requireWholeRow } from './stored-row.ts'

/** The page of a list that a query names. */
export interface PageQuery {
  readonly limit: number
  /** The entry that the page follows; null for the first page. */
  readonly after: string | null
}

/**
 * Parses `limit` (1 to 500, default 100) and `after` of a list.
 *
 * @param isAfter whether a text has the form of an `after`
 * @param filters the other parameters that the list takes
 * @throws HttpRefusal `query_invalid` for an unknown or repeated parameter, and a malformed value
 */
export function parsePageQuery(
  query: URLSearchParams,
  isAfter: (text: string) => boolean,
  filters: readonly string[] = [],
): PageQuery {
  const known = ['limit', 'after', ...filters]
  const wrong = [...query.keys()].find(
    (name) => !known.includes(name) || query.getAll(name).length > 1,
  )
  if (wrong !== undefined) throw makeQueryRefusal(wrong)
  const text = query.get('limit') ?? String(DEFAULT_PAGE)
  const limit = /^[1-9]\d{0,2}$/.test(text) ? Number(text) : Number.NaN
  if (!(limit <= MAX_PAGE)) throw makeQueryRefusal('limit')
  const after = query.get('after')
  if (after !== null && !isAfter(after)) throw makeQueryRefusal('after')
  return { limit, after }
}

/** The refusal of one query parameter, named by its pointer. */
export const makeQueryRefusal = (name: string): HttpRefusal =>
  new HttpRefusal('query_invalid', [makeProblem('form_wrong', `/${name}`)])

/** A row of a list, with the `after` of a page that follows it. */
export interface ListedRow {
  readonly held: RowOrBroken<AnyRow>
  readonly after: string
}

/**
 * One page of a list as the named member and `next`, the `after` of the following page or null on the last; 304 for the
 * tag of the same page.
 *
 * @param found one row more than `limit` where another page follows
 * @throws HttpRefusal `row_broken` for a broken row on the page
 */
export function toPageResponse(
  call: Pick<RouteRequest, 'header'>,
  member: 'flags' | 'overrides',
  { found, limit }: { readonly found: readonly ListedRow[]; readonly limit: number },
): RouteResponse {
  const listed = found.slice(0, limit)
  const next = found.length > limit ? (listed.at(-1)?.after ?? null) : null
  const rows = listed.map(({ held }) => serializeRow(requireWholeRow(held)))
  return toTaggedResponse(call, `{"${member}":[${rows.join(',')}],"next":${JSON.stringify(next)}}`)
}
