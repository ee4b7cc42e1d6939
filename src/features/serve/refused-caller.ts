import type { Principal } from '../../core/evaluate/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { RouteRequest } from '../../ports/http.ts'
import { authenticateCaller } from './authorize.ts'
import type { ServiceDependencies } from './dependencies.ts'
import { HttpRefusal } from './reply.ts'

/** Modes that prove a user id: the others never write, and their refusals are not recorded. */
const WRITING_MODES: ReadonlySet<Principal['mode']> = new Set(['verified', 'dev-headers'])

/** Whether a caller may write at all. */
export const isWriter = ({ mode }: Principal): boolean => WRITING_MODES.has(mode)

/** A caller whose refusals are recorded. */
export type Actor = Principal & { readonly user_id: string }
export const isActor = (caller: Principal): caller is Actor =>
  isWriter(caller) && caller.user_id !== null

/**
 * The caller of a request that the server refused before its route; null where it is authenticated as no actor.
 *
 * @throws the errors of the authenticator that are no refusal
 */
export async function findActor(
  service: ServiceDependencies,
  call: RouteRequest,
  now: Instant,
): Promise<Actor | null> {
  try {
    const caller = await authenticateCaller(service, call, now)
    return isActor(caller) ? caller : null
  } catch (error) {
    if (error instanceof HttpRefusal) return null
    throw error
  }
}
