import { once } from 'node:events'
import { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RequestTracker } from '../../../src/adapters/http/request-tracker.ts'
import { PROOF_LIMITS } from '../../../src/features/serve/serve.ts'

const LIMITS = { ...PROOF_LIMITS, request_ms: 1_000, answer_ms: 2_000 }
let tracker: RequestTracker
let ended: string[] = []
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  tracker = new RequestTracker(LIMITS)
  ended = []
})
afterEach(() => vi.useRealTimers())

function connected(): Socket {
  const socket = new Socket()
  tracker.connect(socket)
  return socket
}
function arrive(name: string, socket: Socket) {
  const request = tracker.arrive({
    socket,
    refuse: () => undefined,
    ended: () => void ended.push(name),
  })
  tracker.begin(request)
  return request
}

test('a request is cut once it is older than both time-outs, with all that its connection holds', async () => {
  const [old, young] = [connected(), connected()]
  arrive('old', old)
  vi.advanceTimersByTime(1)
  arrive('young', young)
  arrive('behind', old)
  vi.advanceTimersByTime(2_998)
  tracker.cutLate()
  expect([old.destroyed, young.destroyed]).toEqual([false, false])
  vi.advanceTimersByTime(1)
  tracker.cutLate()
  tracker.cutLate()
  expect([old.destroyed, young.destroyed]).toEqual([true, false])
  await once(old, 'close')
  expect([ended, tracker.inFlight, tracker.unanswered]).toEqual([['old', 'behind'], 1, 1])
})

test('a request that was answered in time, or goes on as a stream, is not cut, and ends once', () => {
  const [kept, listening] = [connected(), connected()]
  const answered = arrive('answered', kept)
  const stream = arrive('stream', listening)
  tracker.end(answered)
  tracker.stream(stream)
  vi.advanceTimersByTime(10_000)
  tracker.cutLate()
  for (const one of [answered, stream]) tracker.end(one)
  expect([kept.destroyed, listening.destroyed]).toEqual([false, false])
  expect([ended, tracker.inFlight, tracker.unanswered]).toEqual([['answered', 'stream'], 0, 0])
})
