/** The shortest and the longest wait before another try, in milliseconds. */
export const SHORTEST_WAIT_MS = 500
export const LONGEST_WAIT_MS = 30_000

/**
 * The wait before the next try, in whole milliseconds: at random between the shortest and three times the wait before,
 * so that waits grow and clients that failed together do not come back together ("decorrelated jitter").
 *
 * @param previous the wait before the last try; null where it had none
 * @param random from 0 up to 1
 */
export function nextDelayMs(previous: number | null, random: number): number {
  const most = Math.max(3 * (previous ?? 0), 2 * SHORTEST_WAIT_MS)
  const wait = SHORTEST_WAIT_MS + random * (most - SHORTEST_WAIT_MS)
  return Math.round(Math.min(wait, LONGEST_WAIT_MS))
}
