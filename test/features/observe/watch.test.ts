import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FfError } from '../../../src/errors.ts'
import { repeatRead, startWatch, type WatchSources } from '../../../src/features/observe/watch.ts'
import { makeGate, makeStatus, makeTraffic } from '../../core/observe/watch-views.ts'
import { reportObservation } from '../../../src/core/observe/report.ts'

/** A clock that stands until the test moves it; rests end when their time has come. */
class HandClock {
  private time = 0
  private waiting: { readonly at: number; readonly wake: () => void }[] = []
  /** Every rest that was asked for. */
  readonly rests: number[] = []
  readonly wall = () => this.time
  readonly monotonic = () => this.time
  readonly rest = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((wake) => {
      this.rests.push(ms)
      this.waiting.push({ at: this.time + ms, wake })
      if (this.rests.length === 1)
        signal.addEventListener('abort', () => this.waiting.forEach((one) => one.wake()))
    })
  async move(ms: number): Promise<void> {
    this.time += ms
    for (const { at, wake } of this.waiting) if (at <= this.time) wake()
    this.waiting = this.waiting.filter(({ at }) => at > this.time)
    await settle()
  }
}
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await setImmediate()
}
const never = () => new Promise<never>(() => undefined)
const PACE = { every_ms: 2_000, longest_ms: 1_000, cost: null, mark: null }

function open(change: Partial<WatchSources> = {}) {
  const clock = new HandClock()
  const controller = new AbortController()
  const sources: WatchSources = {
    cutover: { ...PACE, run: repeatRead(async () => makeStatus()) },
    traffic: { ...PACE, run: repeatRead(async () => makeTraffic()) },
    recording: { ...PACE, run: repeatRead(async () => reportObservation([], 0)) },
    gate: { ...PACE, run: repeatRead(async () => makeGate()) },
    ...change,
  }
  const watch = startWatch(sources, { clock, signal: controller.signal })
  return { clock, watch, controller }
}

test('each part is read at its own pace, and the watch ends with its signal', async () => {
  let reads = 0
  const run = repeatRead(async () => {
    reads += 1
    return makeGate()
  })
  const { clock, watch, controller } = open({ gate: { ...PACE, every_ms: 30_000, run } })
  expect(watch.view().parts.gate.state).toBe('waiting')
  await settle()
  for (let seconds = 0; seconds < 29; seconds += 1) await clock.move(1_000)
  expect(reads).toBe(1)
  expect(watch.view().parts).toMatchObject({
    cutover: { state: 'fresh', age_s: 1 },
    gate: { state: 'fresh', age_s: 29 },
  })
  await clock.move(1_000)
  expect(reads).toBe(2)
  controller.abort()
  await watch.ended
})

test('a part that is away says why, stops no other, and comes back', async () => {
  let away = true
  const run = repeatRead(async () => {
    if (away) throw new FfError('target_unreachable', 'Cannot connect.', { hint: 'Start it.' })
    return makeStatus()
  })
  const { clock, watch, controller } = open({ cutover: { ...PACE, run } })
  await settle()
  expect(watch.view().parts).toMatchObject({
    cutover: { state: 'absent', reason: 'Cannot connect. Start it.' },
    traffic: { state: 'fresh' },
  })
  away = false
  await clock.move(2_000)
  expect(watch.view().parts.cutover.state).toBe('fresh')
  away = true
  await clock.move(2_000)
  expect(watch.view().parts.cutover.state).toBe('absent')
  controller.abort()
  await watch.ended
})

test('a part whose reading hangs is old after twice its time', async () => {
  let reads = 0
  const run = repeatRead(() => ((reads += 1) === 1 ? Promise.resolve(makeStatus()) : never()))
  const { clock, watch } = open({ cutover: { ...PACE, run } })
  await settle()
  await clock.move(6_000)
  expect(watch.view().parts.cutover.state).toBe('fresh')
  await clock.move(1)
  expect(watch.view().parts.cutover.state).toBe('stale')
})

test.each([
  [4, 30_000],
  [100, 40_000],
  [40_000, 300_000],
])('a reading that costs %i ms is followed by a rest of %i ms', async (cost_ms, rest_ms) => {
  let spent = 0
  const run = repeatRead(async () => {
    spent += cost_ms
    return makeGate()
  })
  const { clock, controller, watch } = open({
    gate: { ...PACE, every_ms: 30_000, cost: () => spent, run },
  })
  await settle()
  expect(clock.rests).toContain(rest_ms)
  controller.abort()
  await watch.ended
})

test('a change of what is read ends the rest, but not before the reading is paid for', async () => {
  let [spent, reads, mark] = [0, 0, 'a']
  const run = repeatRead(async () => {
    spent += 400
    reads += 1
    return makeGate()
  })
  const gate = { ...PACE, cost: () => spent, mark: async () => mark, run }
  const { clock, controller, watch } = open({ gate })
  await settle()
  const move = async (seconds: number): Promise<number> => {
    for (let at = 0; at < seconds; at += 1) await clock.move(1_000)
    return reads
  }
  mark = 'b'
  expect(await move(39)).toBe(1)
  expect(await move(2)).toBe(2)
  // Nothing has changed since: the long rest, until a change within it.
  expect(await move(100)).toBe(2)
  mark = 'c'
  expect(await move(2)).toBe(3)
  expect(await move(158)).toBe(3)
  expect(await move(2)).toBe(4)
  controller.abort()
  await watch.ended
})

test('an error that is a bug ends the watch with it', async () => {
  const run = repeatRead(() => Promise.reject(new TypeError('bug')))
  const { watch } = open({ gate: { ...PACE, run } })
  await expect(watch.ended).rejects.toThrow('bug')
})
