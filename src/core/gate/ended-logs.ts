import type { Instant } from '../rows/instant.ts'
import type { RunnerKey, WholeLog } from './types.ts'

/** Whether the log of a runner goes on no more: its time is over, its key is revoked, or the trust file closes it. */
export const hasEnded = ({ until, revoked, closed }: RunnerKey, now: Instant): boolean =>
  revoked || closed !== null || until <= now

/** The part of each log that counts: up to the record that the trust file closes it at, and nothing of a lost log. */
export const takeCounted = (
  logs: readonly WholeLog[],
  runners: readonly RunnerKey[],
): readonly WholeLog[] =>
  logs.flatMap((log) => {
    const closed = runners.find(({ kid }) => kid === log.kid)?.closed ?? null
    if (closed === null) return [log]
    return closed === 'lost' ? [] : [{ ...log, entries: log.entries.slice(0, closed.seq) }]
  })
