import { expect, test, vi } from 'vitest'
import { SnapshotSaver } from '../../../src/features/serve/snapshot-saver.ts'

test('no save begins while another one runs, also the first', async () => {
  vi.useFakeTimers()
  let version = 1
  const running: (() => void)[] = []
  const saver = new SnapshotSaver({
    keep: () => ({ rows: [], age_ms: 0, version }),
    save: () => new Promise((resolve) => running.push(resolve)),
    stale_max_ms: 60_000,
    failed: (error) => expect.unreachable(String(error)),
  })
  await vi.advanceTimersByTimeAsync(30_000)
  expect(running).toHaveLength(1)
  version = 2
  running[0]?.()
  await vi.advanceTimersByTimeAsync(700_000)
  expect(running).toHaveLength(2)
  const closed = saver.close()
  running[1]?.()
  await vi.advanceTimersByTimeAsync(0)
  expect(running).toHaveLength(3)
  running[2]?.()
  await closed
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})
