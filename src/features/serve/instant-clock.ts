import { type Instant, instantFromMs } from '../../core/rows/instant.ts'

/**
 * A clock of instants. It formats each millisecond once, because requests of one turn of the event loop mostly come in
 * the same one.
 *
 * @param now the clock of the system
 */
export function createInstantClock(now: () => Date): () => Instant {
  let last = { ms: 0, instant: instantFromMs(0) }
  return () => {
    const ms = now().getTime()
    if (ms !== last.ms) last = { ms, instant: instantFromMs(ms) }
    return last.instant
  }
}
