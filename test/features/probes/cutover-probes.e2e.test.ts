import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { FULL } from '../../support/scale.ts'
import {
  expectDetected,
  expectHeld,
  MEASURED,
  runFaults,
  scratchIn,
  toContext,
  toItem,
} from './context.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('18')
})
afterAll(() => database.drop())

const CHANGES = FULL ? 200 : 40
test('I2 holds, and sees the fault of each limit', { timeout: 180_000 }, async () => {
  const item = toItem('I2')
  const probe = MEASURED.find(([id]) => id === 'I2')?.[2]
  if (probe === undefined) throw new Error('I2 is not measured')
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
