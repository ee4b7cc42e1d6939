import { parseListenAddress } from '../../core/settings/parse-address.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { ShipTelemetry } from '../../ports/telemetry.ts'
import { createIndexRoute, createLiveRoute, createMetricsRoute } from './health.ts'
import { PROOF_LIMITS } from './serve.ts'

/**
 * Serves liveness and metrics of a shipper; `drain` ends it.
 *
 * @param listen HOST:PORT, as `parseListenAddress` takes it
 * @throws FfError `listen_failed`
 */
export function openShipperServer(
  { openServer }: Pick<Adapters, 'openServer'>,
  { metrics, httpObserver }: Pick<ShipTelemetry, 'metrics' | 'httpObserver'>,
  listen: string,
): ReturnType<Adapters['openServer']> {
  const at = parseListenAddress(listen)
  if (!at.ok) throw new RangeError(`${listen} is no address`)
  const routes = [createLiveRoute(), createMetricsRoute({ metrics })]
  const served = [...routes, createIndexRoute(routes)]
  return openServer(served, { at: at.value, limits: PROOF_LIMITS, httpObserver })
}
