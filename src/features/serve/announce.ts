import { joinTarget } from '../../core/cache/messages.ts'
import type { ChangeKind } from '../../core/feed/types.ts'
import type { ScopeRequirement } from '../../core/http-api/access.ts'
import { makeProblem } from '../../core/problem.ts'
import type { RouteRequest, RouteResponse } from '../../ports/http.ts'
import type { Announcement } from '../../ports/store.ts'
import { authenticateCaller, requireScopes } from './authorize.ts'
import { parseJsonBody, requireSchema } from './body.ts'
import type { GetServiceDependencies, ServiceDependencies } from './dependencies.ts'
import { HttpRefusal, toJsonResponse, toProblemResponse } from './reply.ts'

/** A route by which a caller tells every instance something that changes no row. */
export interface AnnouncementRoute {
  readonly need: ScopeRequirement
  /** The schema of the body. */
  readonly schema: string
  /** The kind of a body that does not name one. */
  readonly kind?: ChangeKind
}
type Body = Readonly<Record<string, unknown>> & { readonly kind?: ChangeKind }

/**
 * The handler of a route that announces: returns the number of the audit record as `seq`. The others hear of it by the
 * feed, and by Redis. A second one of kind `global` by one caller within a minute is 429 with `Retry-After`.
 *
 * @throws HttpRefusal for caller, scope or body; and the errors of the store
 */
export const createAnnouncementRoute =
  (parts: GetServiceDependencies, route: AnnouncementRoute) =>
  async (call: RouteRequest): Promise<RouteResponse> => {
    const service = parts()
    const now = service.now()
    const caller = await authenticateCaller(service, call, now)
    requireScopes(caller, route.need)
    if (caller.user_id === null) throw new HttpRefusal('actor_missing')
    const body = requireSchema<Body>(route.schema, parseJsonBody(call.body))
    const { kind = route.kind ?? 'global', ...members } = body
    const target = joinTarget(kind, members)
    if (target === undefined) throw new HttpRefusal('form_wrong', [makeProblem('form_wrong', '')])
    const { user_id: actor, mode: auth_mode } = caller
    const { request_id } = call
    const announced = { kind, target, actor, auth_mode, request_id, occurred_at: now }
    const written = await service.store.announce(announced)
    if (written.ok) {
      apply(service, announced, written.head.seq)
      return toJsonResponse(`{"seq":${written.head.seq}}`)
    }
    const refused = toProblemResponse('too_many_invalidations', request_id)
    const headers = { ...refused.headers, 'retry-after': String(written.retry_after_s) }
    return { ...refused, headers }
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
