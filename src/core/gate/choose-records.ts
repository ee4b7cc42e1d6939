import type { Instant } from '../rows/instant.ts'
import { hasEnded } from './ended-logs.ts'
import type { EvidenceEntry, EvidenceRecord, RunnerKey, WholeLog } from './types.ts'

/**
 * The records that count among those of `fits`: the last one of each log; of several the one with the newest
 * `ended_at`, and those that overlap with it in time. Records of runners that the trust file does not name are returned
 * only where no named runner has one; of a revoked key only failures count. The failure of a runner that has ended also
 * counts until a current runner measures anew at its place. Empty where there is none.
 */
export function chooseRecords(
  logs: readonly WholeLog[],
  { runners, now }: { readonly runners: readonly RunnerKey[]; readonly now: Instant },
  fits: (record: EvidenceRecord) => boolean,
): readonly EvidenceEntry[] {
  const named = logs.flatMap((log) => {
    const runner = runners.find(({ kid }) => kid === log.kid)
    if (runner === undefined) return []
    const last = findLast(log, (one) => fits(one) && (!runner.revoked || one.result === 'fail'))
    return last.map((one) => ({ ...one, ended: hasEnded(runner, now) }))
  })
  if (named.length === 0) return takeNewest(logs.flatMap((log) => findLast(log, fits)))
  const current = named.filter(({ ended }) => !ended)
  const standing = named.filter(
    ({ ended, entry, ended_at }) =>
      ended &&
      entry.record.result === 'fail' &&
      current.every(
        (one) => !isOfSamePlace(one.entry, entry) || one.entry.record.started_at <= ended_at,
      ),
  )
  return [...new Set([...takeNewest(named), ...standing.map(({ entry }) => entry)])]
}

/** Whether a record answers another one: a pass or a failure at its place. */
const isOfSamePlace = ({ record }: EvidenceEntry, { record: other }: EvidenceEntry): boolean =>
  record.where === other.where && (record.result === 'pass' || record.result === 'fail')

/** The last record of a log, and the newest `ended_at` of those before it: a late record cannot hide them. */
interface LastRecord {
  readonly entry: EvidenceEntry
  readonly ended_at: string
}
function findLast(
  { entries }: WholeLog,
  fits: (record: EvidenceRecord) => boolean,
): readonly LastRecord[] {
  const own = entries.filter(({ record }) => fits(record))
  const ended_at = own.reduce((end, { record }) => max(end, record.ended_at), '')
  return own.slice(-1).map((entry) => ({ entry, ended_at }))
}
const max = (a: string, b: string): string => (a < b ? b : a)

function takeNewest(found: readonly LastRecord[]): readonly EvidenceEntry[] {
  const newest = found.reduce((end, one) => max(end, one.ended_at), '')
  const started = found.flatMap(({ entry, ended_at }) =>
    ended_at === newest ? [entry.record.started_at] : [],
  )
  return found
    .filter(({ ended_at }) => ended_at === newest || started.some((start) => ended_at >= start))
    .map(({ entry }) => entry)
}
