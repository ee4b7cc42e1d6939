import { hostname } from 'node:os'
import { adapters } from '../../src/composition.ts'
import type { DrillTools } from '../../src/features/cutover/drill.ts'
import { CUTOVER_CLOCK } from '../../src/features/cutover/lease-clock.ts'
import { TOOLS } from '../adapters/store-contract/opened-store.ts'
import { TestCutover } from './cutover.ts'
import { CutoverServices } from './cutover-services.ts'
import { ROOT } from './run-ff.ts'

/** Two services of staging in `shadow_read`, from where a drill begins. The caller closes both, the services first. */
export async function openStagedCutover(): Promise<{
  readonly cutover: TestCutover
  readonly services: CutoverServices
}> {
  const cutover = (await TestCutover.open(true)).with({ env: { FF_ENV: 'staging' } })
  // The database of a test is made for production.
  const adopted = await cutover.type('migrate', 'up', '--adopt')
  if (adopted.status !== 0) throw new Error(adopted.stderr)
  const services = await CutoverServices.open(cutover.serviceEnv)
  await cutover.step('advance')
  await cutover.step('advance')
  return { cutover, services }
}

/** What `ff cutover drill --staging` has at hand. */
export const toDrillTools = (cutover: TestCutover): DrillTools => ({
  request: {
    root: ROOT,
    folder: cutover.folder,
    database: { kind: 'postgres', url: cutover.env['FF_DATABASE_URL'] ?? '', name: 'drilled' },
    environment: 'staging',
    tools: TOOLS,
    adapters,
    failed: (_place, error) => {
      throw error
    },
  },
  limits: { boundMs: 10_000, leaseMs: 2_000, drainMs: 0 },
  clock: CUTOVER_CLOCK,
  signal: new AbortController().signal,
  host: hostname(),
  observe: () => undefined,
})
