import { parseListenAddress } from '../../core/settings/parse-setting.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { ServiceLog, Telemetry } from '../../ports/telemetry.ts'
import { createIndexRoute, createLiveRoute, createMetricsRoute } from './health.ts'
import { PROOF_LIMITS } from './serve.ts'

/**
 * Serves liveness and metrics of a shipper; `drain` ends it.
 *
 * @param listen HOST:PORT, as `parseListenAddress` takes it
 * @throws FfError `listen_failed`
 */
export function openShipperServer(
  adapters: Pick<Adapters, 'openServer'>,
  metrics: Telemetry['metrics'],
  { listen, log }: { readonly listen: string; readonly log: ServiceLog },
): ReturnType<Adapters['openServer']> {
  const at = parseListenAddress(listen)
  if (!at.ok) throw new RangeError(`${listen} is no address`)
  const routes = [createLiveRoute(), createMetricsRoute({ metrics })]
  return adapters.openServer([...routes, createIndexRoute(routes)], {
    at: at.value,
    limits: PROOF_LIMITS,
    httpObserver: {
      replied: () => undefined,
      failed: (error, request_id) => log.error({ request_id, error: String(error) }, 'bug'),
    },
  })
}
