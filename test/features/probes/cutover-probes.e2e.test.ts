import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDetected } from '../../../src/core/gate/controls.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { FULL } from '../../support/scale.ts'
import {
  expectDetected,
  expectHeld,
  getControl,
  MEASURED,
  runFaults,
  scratchIn,
  toContext,
  toItem,
} from './context.ts'

function findMeasured(wanted: string): Probe {
  const [, , probe] = MEASURED.find(([id]) => id === wanted) ?? []
  if (probe === undefined) throw new Error(`${wanted} is not measured`)
  return probe
}

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('18')
})
afterAll(() => database.drop())

test('C3 holds', { timeout: 180_000 }, async () => {
  const measured = await findMeasured('C3').measure(toContext({ targets: scratchIn(database) }))
  expectHeld(toItem('C3'), measured)
  expect(measured.sample_size).toBe(100)
})
const HELD_LONG = [['lag_p99_ms'], ['unresolved', 'repair_s']]
// A repair is waited for until the limit has passed.
test.each([['divergences'], ...(FULL ? HELD_LONG : [])])(
  'C3 sees the fault of %s',
  { timeout: 180_000 },
  async (...measures) => {
    const item = toItem('C3')
    const control = getControl(findMeasured('C3'), measures[0] ?? '')
    const found = await control(toContext({ targets: scratchIn(database) }))
    for (const measure of measures)
      expect(isDetected(item, measure, found), JSON.stringify(found)).toBe(true)
  },
)

const CHANGES = FULL ? 200 : 10
test('I2 holds, and sees the fault of each limit', { timeout: 180_000 }, async () => {
  const item = toItem('I2')
  const probe = findMeasured('I2')
  const context: ProbeContext = toContext({
    targets: scratchIn(database),
    params: { ...item.probe.params, changes: CHANGES },
  })
  const limits = item.limits.map((limit) =>
    limit.measure === 'changes_kept' ? { ...limit, value: CHANGES } : limit,
  )
  const measured = await probe.measure(context)
  expectHeld(item, measured, limits)
  expect(measured.sample_size).toBe(CHANGES)
  expectDetected(item, await runFaults(probe, context))
})
