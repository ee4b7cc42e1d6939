import { instantToMs } from '../../core/rows/instant.ts'
import type { RouteRequest, RouteResponse } from '../../ports/http.ts'
import { authenticateCaller } from './authorize.ts'
import type { GetServiceDependencies } from './dependencies.ts'
import { HttpRefusal, NO_STORE } from './reply.ts'

/** Path of the event stream. */
export const CHANGES_PATH = '/v1/changes'

/**
 * The handler of `GET /v1/changes`: a stream of events, one for each burst of changes, that holds no data of a flag.
 * It ends when the token of its caller expires.
 *
 * @throws HttpRefusal for the caller, or `route_unknown` in a harness, which has no stream. One client more than a limit
 *   allows gets `too_many_requests_in_flight` in place of the stream
 */
export const createChangesRoute =
  (parts: GetServiceDependencies) =>
  async (call: RouteRequest): Promise<RouteResponse> => {
    const service = parts()
    const now = service.now()
    await authenticateCaller(service, call, now)
    const { token } = call.credential
    const expires = token === null ? null : await service.authenticator.verifier.expiry(token)
    const { changes } = service
    if (changes === undefined) throw new HttpRefusal('route_unknown')
    return {
      status: 200,
      type: 'text/event-stream; charset=utf-8',
      // A proxy that collects the answer would hold the events back.
      headers: { ...NO_STORE, 'x-accel-buffering': 'no' },
      text: '',
      code: null,
      stream: (sink) =>
        changes.add(sink, {
          peer: call.peer,
          lastEventId: call.header('last-event-id'),
          endsAfterMs: expires === null ? null : expires - instantToMs(now),
        }),
    }
  }
