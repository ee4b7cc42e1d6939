import type { EachBatchPayload } from 'kafkajs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SpanReading } from '../../../src/adapters/kafka/topic-reader.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const batch = (partition: number, offset: number): EachBatchPayload => {
  const messages = [{ offset: String(offset), key: null, value: null, headers: {} }]
  return { batch: { partition, messages, lastOffset: () => String(offset) } } as never
}
const SECONDS = 60

test('a partition that gives nothing ends a reading, however much the others grow', async () => {
  const spans = [0, 1].map((partition) => ({ partition, first: 0, end: 1 }))
  const reading = new SpanReading(spans, () => undefined)
  let failed: unknown = null
  void reading.whenDone(new AbortController().signal).catch((error: unknown) => (failed = error))
  for (let second = 0; second < SECONDS; second += 1) {
    reading.takeBatch(batch(0, second))
    await vi.advanceTimersByTimeAsync(1_000)
  }
  expect(failed).toMatchObject({ code: 'proof_inconclusive' })
})

test('a slow reading comes to its end', async () => {
  const taken: number[] = []
  const reading = new SpanReading([{ partition: 0, first: 0, end: 4 }], ({ offset }) =>
    taken.push(offset),
  )
  const done = reading.whenDone(new AbortController().signal)
  for (const offset of [0, 1, 2, 3]) {
    await vi.advanceTimersByTimeAsync(20_000)
    reading.takeBatch(batch(0, offset))
  }
  await done
  expect(taken).toEqual([0, 1, 2, 3])
})
