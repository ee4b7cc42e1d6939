import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadArrival, LoadPace } from '../../../core/load-stats/load.ts'

/**
 * Sends one request.
 *
 * @param at its index in the load
 * @returns whether the answer was the expected one; never rejects
 */
export type SendRequest = (at: number) => Promise<boolean>

/**
 * Runs an open-loop load of `requests` at `per_s`: a request goes out when it is due, however long earlier ones take.
 * An overdue request goes out at once, and its latency still counts from its due time.
 *
 * @returns one arrival for each request sent, in order, with times in ms since the start, after all are answered; fewer
 *   than `requests`, or none, where `signal` is aborted, which stops the sending but does not reject
 * @throws what `send` rejects with, which it should not
 */
export async function runLoad(
  send: SendRequest,
  { per_s, requests }: LoadPace,
  signal: AbortSignal,
): Promise<readonly LoadArrival[]> {
  const began = performance.now()
  const passed = (): number => performance.now() - began
  const sent: Promise<LoadArrival>[] = []
  while (sent.length < requests && !signal.aborted) {
    const due_ms = (sent.length * 1000) / per_s
    const early_ms = due_ms - passed()
    if (early_ms > 0) await sleep(early_ms)
    else sent.push(sendWhenDue(send, { at: sent.length, due_ms, passed }))
  }
  return Promise.all(sent)
}

interface DueRequest {
  readonly at: number
  readonly due_ms: number
  readonly passed: () => number
}
async function sendWhenDue(
  send: SendRequest,
  { at, due_ms, passed }: DueRequest,
): Promise<LoadArrival> {
  const sent_ms = passed()
  const ok = await send(at)
  return { due_ms, sent_ms, done_ms: passed(), ok }
}
