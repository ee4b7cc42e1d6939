import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDetected } from '../../../src/core/gate/controls.ts'
import type { Measurement } from '../../../src/core/gate/judge-measurement.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { defineSwitchBack, switchBack } from '../../../src/features/probes/switch-back.ts'
import { everyNth, FULL } from '../../support/scale.ts'
import { expectHeld, getControl, MEASURED, scratchIn, toContext, toItem } from './context.ts'

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
const toI2Context = (): ProbeContext =>
  toContext({
    targets: scratchIn(database),
    params: { ...toItem('I2').probe.params, changes: CHANGES },
  })
test('I2 holds', { timeout: 180_000 }, async () => {
  const item = toItem('I2')
  const limits = item.limits.map((limit) =>
    limit.measure === 'changes_kept' ? { ...limit, value: CHANGES } : limit,
  )
  const measured = await findMeasured('I2').measure(toI2Context())
  expectHeld(item, measured, limits)
  expect(measured.sample_size).toBe(CHANGES)
})
const I2_MEASURES = toItem('I2').limits.map(({ measure }) => measure)
test.each(everyNth(I2_MEASURES, I2_MEASURES.length))(
  'I2 sees the fault of %s',
  { timeout: 180_000 },
  async (measure) => {
    const found = await getControl(findMeasured('I2'), measure)(toI2Context())
    expect(isDetected(toItem('I2'), measure, found), JSON.stringify(found)).toBe(true)
  },
)

// A way back that is taken back is tried again until the limit has passed.
const I1 = FULL ? switchBack : defineSwitchBack({ requests: 100, givenUpMs: 0 })
const I1_CASES: readonly (readonly [string, () => Promise<void>])[] = [
  [
    'holds',
    async () => {
      const measured = await I1.measure(toContext({ targets: scratchIn(database) }))
      expectHeld(toItem('I1'), measured)
      expect(measured.met).toMatchObject({ decisions_compared: 20 })
    },
  ],
  ['sees a drill without draining', async () => void (await seesFault('failed_share'))],
  ['sees an older file', async () => void (await seesFault('decisions_differing'))],
  ['sees a switch that is disabled after the way back', seesShut],
  // Without a way back its time is that of the tries alone.
  ...(FULL
    ? [['sees a disabled switch', async () => void (await seesFault('back_s'))] as const]
    : []),
]
async function seesFault(measure: string): Promise<Measurement> {
  const found = await getControl(I1, measure)(toContext({ targets: scratchIn(database) }))
  expect(isDetected(toItem('I1'), measure, found), JSON.stringify(found)).toBe(true)
  return found
}
/** The way back was taken, so that the way forward alone is what failed. */
async function seesShut(): Promise<void> {
  const { measured } = await seesFault('forward_again')
  expect(Object.keys(measured)).toContain('decisions_differing')
}
test.each(everyNth(I1_CASES, 4))('I1 %s', { timeout: 480_000 }, (_what, run) => run())
