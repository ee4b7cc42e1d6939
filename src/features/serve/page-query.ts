import { makeProblem } from '../../core/problem.ts'
import { DEFAULT_PAGE, MAX_PAGE } from './dependencies.ts'
import { HttpRefusal } from './reply.ts'

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
