import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { withDeadline } from '../../src/concurrency/deadline.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())
const never = new Promise<string>(() => undefined)

test('work within its time gives its result, and leaves no timer', async () => {
  expect(await withDeadline(Promise.resolve('done'), 100, () => 'late')).toBe('done')
  await expect(
    withDeadline(Promise.reject(new Error('failed')), 100, () => 'late'),
  ).rejects.toThrow('failed')
  await Promise.resolve()
  expect(vi.getTimerCount()).toBe(0)
})

test('work past its time gives the late result, or its error', async () => {
  const late = withDeadline(never, 100, () => 'late')
  const failing = withDeadline(never, 100, () => {
    throw new Error('too late')
  })
  vi.advanceTimersByTime(100)
  expect(await late).toBe('late')
  await expect(failing).rejects.toThrow('too late')
})

test('a result that is there in the same turn as the end of the time counts', async () => {
  let finish: (value: string) => void = () => undefined
  const work = new Promise<string>((resolve) => (finish = resolve))
  const result = withDeadline(work, 100, () => 'late')
  vi.advanceTimersByTime(100)
  finish('just in time')
  expect(await result).toBe('just in time')
})
