import type { HttpMethod, Route } from '../../ports/http.ts'
import { getPath } from './reply-headers.ts'

/** Stands for a part of a path that cannot be decoded. It is no id and no key, so a record names it as unknown. */
const UNDECODABLE = '*'

type ToldRoute = Route & { readonly refused: NonNullable<Route['refused']> }

/** Methods that mean a change, also on a path that does not have them. */
const CHANGING: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * Finds the route that is told of a refused request which reached no handler, because its method is not served on its
 * path, or its path cannot be decoded: the one of the same method, else the first of the path. Null for a request that
 * means no change, and where no route of the path is told of refusals.
 *
 * @returns the route with the parameters of the path, `*` for each that cannot be decoded
 */
export function findToldRoute(
  routes: readonly Route[],
  { method, url }: { readonly method: string; readonly url: string },
): { readonly route: ToldRoute; readonly params: Readonly<Record<string, string>> } | null {
  if (!CHANGING.has(method)) return null
  const parts = getPath(url).split('/').map(decode)
  const found = routes.filter(isTold).flatMap((route) => {
    const params = matchPath(route.path.split('/'), parts)
    return params === null ? [] : [{ route, params }]
  })
  return found.find(({ route }) => route.method === (method as HttpMethod)) ?? found[0] ?? null
}

const isTold = (route: Route): route is ToldRoute => route.refused !== undefined

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return UNDECODABLE
  }
}

/** The parameters of a path; null where it is another one. */
function matchPath(
  pattern: readonly string[],
  parts: readonly string[],
): Readonly<Record<string, string>> | null {
  if (pattern.length !== parts.length) return null
  const pairs = pattern.map((name, at) => [name, parts[at] as string] as const)
  if (pairs.some(([name, part]) => !name.startsWith(':') && name !== part)) return null
  return Object.fromEntries(
    pairs.filter(([name]) => name.startsWith(':')).map(([name, part]) => [name.slice(1), part]),
  )
}
