import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RefusalRecorder } from '../../../src/features/serve/refusal-recorder.ts'
import type { RefusedWrite, ServiceStore } from '../../../src/ports/store.ts'
import { putFlag } from '../../adapters/store-contract/requests.ts'

let written: (readonly [actor: string, code: string, count: number | undefined])[] = []
let errors: unknown[] = []
let down = false
const store: Pick<ServiceStore, 'refuse'> = {
  refuse: ({ request, code, count }) => {
    if (down) return Promise.reject(new Error('down'))
    written.push([request.actor, code, count])
    return Promise.resolve({ ok: true, head: { seq: 1, hash: '' } })
  },
}
const refused = (actor: string, code: string): RefusedWrite => ({
  request: putFlag('ff.a', {}, { actor }),
  code,
})
const create = (most = 100): RefusalRecorder =>
  new RefusalRecorder(store, (error) => errors.push(error), {
    window_ms: 60_000,
    batch_ms: 100,
    most,
  })
beforeEach(() => {
  vi.useFakeTimers()
  ;[written, errors, down] = [[], [], false]
})
afterEach(() => vi.useRealTimers())

test('S4: the first refusal is recorded at once, its repeats as one record with their number', async () => {
  const recorder = create()
  for (let at = 0; at < 300; at += 1) recorder.record(refused('U1', 'scope_missing'))
  recorder.record(refused('U1', 'form_wrong'))
  recorder.record(refused('U2', 'scope_missing'))
  await vi.advanceTimersByTimeAsync(100)
  const first = [
    ['U1', 'scope_missing', undefined],
    ['U1', 'form_wrong', undefined],
    ['U2', 'scope_missing', undefined],
  ]
  expect(written).toEqual(first)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(written).toEqual([...first, ['U1', 'scope_missing', 299]])
  recorder.record(refused('U1', 'scope_missing'))
  await vi.advanceTimersByTimeAsync(100)
  expect(written).toHaveLength(5)
})

test('what a store cannot write is written once it can', async () => {
  const recorder = create()
  down = true
  recorder.record(refused('U1', 'form_wrong'))
  await vi.advanceTimersByTimeAsync(300)
  expect([written, errors.length > 0]).toEqual([[], true])
  down = false
  await vi.advanceTimersByTimeAsync(100)
  expect(written).toEqual([['U1', 'form_wrong', undefined]])
})

test('the end writes every repeat so far', async () => {
  const recorder = create()
  for (let at = 0; at < 3; at += 1) recorder.record(refused('U1', 'form_wrong'))
  await recorder.close()
  expect(written).toEqual([
    ['U1', 'form_wrong', undefined],
    ['U1', 'form_wrong', 2],
  ])
})

test('past the most actors a refusal is reported instead', () => {
  const recorder = create(2)
  for (const actor of ['U1', 'U2', 'U3']) recorder.record(refused(actor, 'form_wrong'))
  expect(errors).toHaveLength(1)
})
