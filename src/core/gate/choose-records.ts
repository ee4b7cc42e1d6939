import type { EvidenceEntry, EvidenceRecord, RunnerKey, WholeLog } from './types.ts'

/**
 * The records that count among those of `fits`: the last one of each log; of several the one with the newest
 * `ended_at`, and those that overlap with it in time. Records of runners that the trust file does not name are returned
 * only where no named runner has one; of a revoked key only failures count. Empty where there is none.
 */
export function chooseRecords(
  logs: readonly WholeLog[],
  runners: readonly RunnerKey[],
  fits: (record: EvidenceRecord) => boolean,
): readonly EvidenceEntry[] {
  const findRunner = ({ kid }: WholeLog) => runners.find((one) => one.kid === kid)
  const named = logs.flatMap((log): readonly LastRecord[] => {
    const runner = findRunner(log)
    if (runner === undefined) return []
    return findLast(log, (one) => fits(one) && (!runner.revoked || one.result === 'fail'))
  })
  return takeNewest(named.length > 0 ? named : logs.flatMap((log) => findLast(log, fits)))
}

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
