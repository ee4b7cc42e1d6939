import { Registry } from 'prom-client'
import { vi } from 'vitest'
import { registerCutover } from '../../src/adapters/telemetry/cutover-metrics.ts'
import { collectProcessMetrics, createMetrics } from '../../src/adapters/telemetry/metrics.ts'
import { createShipMetrics } from '../../src/adapters/telemetry/ship-metrics.ts'

export interface ServiceMetric {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labels: readonly string[]
}

/** Every metric that a service shows, as it is registered. The caller restores mocks afterwards. */
export function listServiceMetrics(): readonly ServiceMetric[] {
  const register = vi.spyOn(Registry.prototype, 'registerMetric')
  register.mockClear()
  createMetrics({
    in_flight_limit: 1,
    inFlight: notRead,
    droppedLines: notRead,
    staleDecisions: notRead,
    cache: notRead,
    feed: notRead,
    authenticator: notRead,
    admin: notRead,
    head: notRead,
    backlog: notRead,
    disk: notRead,
  })
  const ofProcess = collectProcessMetrics() // Made once in a process, perhaps before the spy.
  return describe(new Set([...(register.mock.contexts as Registry[]), ofProcess]))
}

/** As `listServiceMetrics`, of a shipper, without those of its process. */
export function listShipMetrics(): readonly ServiceMetric[] {
  const register = vi.spyOn(Registry.prototype, 'registerMetric')
  register.mockClear()
  createShipMetrics(notRead)
  return describe(new Set(register.mock.contexts as Registry[]))
}

/** As `listServiceMetrics`, of an instance in a cutover alone. */
export function listCutoverMetrics(): readonly ServiceMetric[] {
  const registry = new Registry()
  registerCutover([registry], notRead)
  return describe(new Set([registry]))
}

function describe(registries: ReadonlySet<Registry>): readonly ServiceMetric[] {
  // Their types leave out what every metric has.
  const shown = [...registries].flatMap((one) => one.getMetricsAsArray()) as unknown as Registered[]
  return shown.map(({ name, help, labelNames, constructor }) => ({
    name,
    help,
    type: constructor.name.toLowerCase(),
    labels: labelNames,
  }))
}
interface Registered {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
}
const notRead = (): never => {
  throw new Error('read before a scrape')
}
