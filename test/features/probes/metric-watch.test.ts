import { expect, test } from 'vitest'
import { type Exposition, parseExposition } from '../../../src/core/alerts/exposition.ts'
import { MetricWatch } from '../../../src/features/probes/testbed/metric-watch.ts'

const METRIC = 'ff_changes_total'
const show = (value: number): Exposition =>
  parseExposition(`# TYPE ${METRIC} counter\n${METRIC} ${value}\n`)

/** Watches a service that is scraped with these outcomes in turn; the last one stays. A look takes 30 s. */
async function watch(scrapes: readonly (Exposition | null)[]) {
  let looks = 0
  let seconds = 0
  const service = {
    scrape: () => Promise.resolve(scrapes[Math.min(looks++, scrapes.length - 1)] ?? null),
  }
  const events = { [METRIC]: () => Promise.resolve(() => Promise.resolve()) }
  const now = (): Date => new Date((seconds += 30) * 1_000)
  const watching = new MetricWatch(service, events, { now, signal: new AbortController().signal })
  await watching.requireChange(METRIC)
  const { missing, still, delaysSeconds } = watching
  return { missing, still, moved: delaysSeconds.length }
}

const MOVED = { missing: [], still: [], moved: 1 }
const STILL = { missing: [], still: [METRIC], moved: 0 }
const BROKEN = parseExposition('no exposition')
test.each([
  ['that rises moves', [show(1), show(2)], MOVED],
  ['that stays is still', [show(1)], STILL],
  ['whose scrape fails is still', [show(1), null], STILL],
  ['whose exposition is broken is still', [show(1), BROKEN], STILL],
  ['that rises after a failed scrape moves', [show(1), null, show(2)], MOVED],
  ['that is not there is missing', [null], { missing: [METRIC], still: [], moved: 0 }],
])('a metric %s', async (_what, scrapes, found) => {
  expect(await watch(scrapes)).toEqual(found)
})
