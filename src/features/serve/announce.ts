import { joinTarget } from '../../core/cache/messages.ts'
import type { ChangeKind } from '../../core/feed/types.ts'
import type { Principal } from '../../core/evaluate/types.ts'
import type { ScopeRequirement } from '../../core/http-api/access.ts'
import type { ServiceCode } from '../../core/http-api/problems.ts'
import { makeProblem } from '../../core/problem.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { Route, RouteRequest, RouteResponse } from '../../ports/http.ts'
import type { Announcement } from '../../ports/store.ts'
import { authenticateCaller, requireScopes } from './authorize.ts'
import { parseJsonBody, requireSchema } from './body.ts'
import type { GetServiceDependencies, ServiceDependencies } from './dependencies.ts'
import { findActor, isActor } from './refused-caller.ts'
import { HttpRefusal, toJsonResponse, toProblemResponse } from './reply.ts'

/** A route by which a caller tells every instance something that changes no row. */
export interface AnnouncementRoute {
  readonly need: ScopeRequirement
  /** The schema of the body. */
  readonly schema: string
  /** The kind of a body that does not name one. */
  readonly kind?: ChangeKind
  /** The target in the record of a refusal whose body was not read. */
  readonly unnamed: string
}
type Body = Readonly<Record<string, unknown>> & { readonly kind?: ChangeKind }
interface AnnouncementCall {
  readonly call: RouteRequest
  readonly caller: Principal
  readonly now: Instant
}

/**
 * The handlers of a route that announces. `handle` returns the number of the audit record as `seq`; the others hear of
 * it by the feed, and by Redis. A second one of kind `global` by one caller within a minute is 429 with `Retry-After`. It
 * throws an HttpRefusal for caller, scope or body, and the errors of the store. A refusal of an authenticated user is
 * recorded in the audit trail, also where the server refused its body.
 */
export const createAnnouncementRoute = (
  parts: GetServiceDependencies,
  route: AnnouncementRoute,
): Pick<Route, 'handle' | 'refused'> => ({
  handle: async (call) => {
    const service = parts()
    const now = service.now()
    const caller = await authenticateCaller(service, call, now)
    return announce(service, route, { call, caller, now })
  },
  refused: async (call, code) => {
    const service = parts()
    const now = service.now()
    const caller = await findActor(service, call, now)
    if (caller !== null) await recordRefusal(service, { call, caller, now }, [code, route.unnamed])
  },
})

async function announce(
  service: ServiceDependencies,
  route: AnnouncementRoute,
  received: AnnouncementCall,
): Promise<RouteResponse> {
  const { call, caller, now } = received
  const { user_id: actor, mode: auth_mode } = caller
  const { request_id } = call
  let named = route.unnamed
  try {
    requireScopes(caller, route.need)
    if (actor === null) throw new HttpRefusal('actor_missing')
    const { kind, target } = readAnnouncement(route, call.body)
    named = target
    const announced = { kind, target, actor, auth_mode, request_id, occurred_at: now }
    const written = await service.store.announce(announced)
    if (written.ok) {
      apply(service, announced, written.head.seq)
      return toJsonResponse(`{"seq":${written.head.seq}}`)
    }
    const code = 'too_many_invalidations'
    await recordRefusal(service, received, [code, target])
    const refused = toProblemResponse(code, request_id)
    const headers = { ...refused.headers, 'retry-after': String(written.retry_after_s) }
    return { ...refused, headers }
  } catch (error) {
    if (error instanceof HttpRefusal) await recordRefusal(service, received, [error.code, named])
    throw error
  }
}

/** @throws HttpRefusal for a body that is not JSON, not by the schema, or names no target */
function readAnnouncement(
  route: AnnouncementRoute,
  text: string,
): Pick<Announcement, 'kind' | 'target'> {
  const body = requireSchema<Body>(route.schema, parseJsonBody(text))
  const { kind = route.kind ?? 'global', ...members } = body
  const target = joinTarget(kind, members)
  if (target === undefined) throw new HttpRefusal('form_wrong', [makeProblem('form_wrong', '')])
  return { kind, target }
}

async function recordRefusal(
  service: ServiceDependencies,
  { call: { request_id }, caller, now }: AnnouncementCall,
  [code, target]: readonly [code: ServiceCode, target: string],
): Promise<void> {
  if (!isActor(caller)) return
  const { user_id: actor, mode: auth_mode } = caller
  const request = { target, actor, auth_mode, request_id, occurred_at: now }
  await service.recordRefusal({ request, code })
}

/** In this process before it is acknowledged, where it touches rows or there is no feed to bring it. */
function apply(
  { reader, changes, channel, lastKnown, signals }: ServiceDependencies,
  { kind, target }: Announcement,
  seq: number,
): void {
  if (kind !== 'approval' && kind !== 'jwks') reader?.cache.apply({ seq, kind, target })
  if (lastKnown === null) signals?.apply({ kind, target })
  changes?.changed(seq)
  channel?.written(seq)
}
