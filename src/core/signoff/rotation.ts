import { type Instant, instantFromMs, instantToMs } from '../rows/instant.ts'
import { isHeadYoung } from '../gate/judge-logs.ts'
import type { ChainHead } from '../gate/types.ts'
import type { TrustedRunner, TrustFile } from './types.ts'

/** Keys are valid longer than the trust file, so that its signers can sign its successor. */
const KEYS_LONGER_MS = 90 * 86_400_000
/**
 * Computes the time at which the keys of a trust file end: 90 days after the file expires, so that they can still
 * sign the next one.
 */
export const getKeysEnd = (expires: Instant): Instant =>
  instantFromMs(instantToMs(expires) + KEYS_LONGER_MS)

/** What the next version of a trust file changes. Runners that it ends are named by name or kid. */
export interface TrustChanges {
  /** New runners; one that is named already gets this name and these places. */
  readonly add: readonly Pick<TrustedRunner, 'name' | 'kid' | 'jwk' | 'places'>[]
  /** The time of these is over from now on. */
  readonly end: readonly string[]
  readonly revoke: readonly string[]
  /** The logs of these are gone or damaged; their time is over too. */
  readonly lost: readonly string[]
  /** Why keys are revoked. */
  readonly reason: string
  /** Null to keep it. */
  readonly expires: Instant | null
}
/** Why the next version cannot be made or signed. */
export interface RotationFault {
  readonly code:
    | 'runner_unknown'
    | 'runner_ambiguous'
    | 'runner_ended'
    | 'log_not_here'
    | 'log_damaged'
    | 'log_not_sealed'
    | 'runner_left_out'
    | 'runner_reopened'
  readonly name: string
  /** The kids concerned. */
  readonly kids: readonly string[]
  /** When the log was sealed that is not sealed lately. */
  readonly sealed_at?: Instant
}
export type Rotation =
  | { readonly ok: true; readonly trust: TrustFile }
  | { readonly ok: false; readonly fault: RotationFault }

const isOpen = ({ closed, lost }: TrustedRunner): boolean => closed === undefined && lost !== true
const isOver = (runner: TrustedRunner, trust: TrustFile, now: Instant): boolean =>
  !isOpen(runner) || runner.until <= now || isRevoked(trust, runner.kid)
/**
 * The runners of a trust file whose logs go on: their time is not over at `now`, their key is not revoked, and their
 * log is neither closed nor lost.
 */
export const listCurrentRunners = (trust: TrustFile, now: Instant): readonly TrustedRunner[] =>
  trust.runners.filter((one) => !isOver(one, trust, now))

/**
 * The next version of a trust file with these changes, valid from `now`; its logs are not closed yet. A name may be that
 * of several runners, of which one goes on. The fault is `runner_unknown`, `runner_ambiguous`, or `runner_ended` for a
 * new runner whose key has ended before.
 */
export function buildNextVersion(before: TrustFile, changes: TrustChanges, now: Instant): Rotation {
  const { add, end, revoke, lost, reason } = changes
  for (const name of [...end, ...revoke, ...lost]) {
    const kids = findKids(before, name)
    if (kids.length === 0) return refuse('runner_unknown', name, kids)
    if (kids.length > 1) return refuse('runner_ambiguous', name, kids)
  }
  const over = before.runners.find(
    (one) => isOver(one, before, now) && add.some(({ kid }) => kid === one.kid),
  )
  if (over !== undefined) return refuse('runner_ended', over.name, [over.kid])
  const toKids = (names: readonly string[]) => names.flatMap((name) => findKids(before, name))
  const [gone, ended] = [toKids(lost), toKids([...end, ...lost])]
  const expires = changes.expires ?? (before.expires as Instant)
  const added = add.filter(({ kid }) => !before.runners.some((one) => one.kid === kid))
  const keys = toKids(revoke).map((kid) => ({ kid, at: now, reason }))
  const runners = [
    ...before.runners.map((one) => {
      const next = {
        ...one,
        ...add.find(({ kid }) => kid === one.kid),
        ...(ended.includes(one.kid) && now < one.until ? { until: now } : {}),
      }
      return gone.includes(one.kid) ? toLost(next) : next
    }),
    ...added.map((one) => ({ ...one, from: now, until: getKeysEnd(expires) })),
  ]
  const revoked = { ...before.revoked, keys: [...before.revoked.keys, ...keys] }
  return { ok: true, trust: { ...before, version: before.version + 1, expires, runners, revoked } }
}

/** A closed log that is gone is lost too. */
const toLost = ({ closed: _closed, ...one }: TrustedRunner): TrustedRunner => ({
  ...one,
  lost: true,
})

const findKids = ({ runners }: TrustFile, name: string): readonly string[] =>
  runners
    .filter((one) => one.kid === name || (one.name === name && isOpen(one)))
    .map(({ kid }) => kid)

const refuse = (
  code: RotationFault['code'],
  name: string,
  kids: readonly string[],
): { readonly ok: false; readonly fault: RotationFault } => ({
  ok: false,
  fault: { code, name, kids },
})

/** The last record of a log that is here, and the time of its head. */
export interface LogEnd extends ChainHead {
  readonly sealed_at: Instant
}
/** Where each log ends that is here, by kid. */
export type LogEnds = ReadonlyMap<string, LogEnd | 'damaged'>

/**
 * Closes the log of each runner that has ended by `now` at its last record, where the trust file does not close it or
 * declare it lost. The fault is `log_not_here`, `log_damaged`, or `log_not_sealed` where its head is not of the last
 * hour: what the runner recorded since is not here, a failure maybe, and would never count.
 */
export function closeLogs(trust: TrustFile, ends: LogEnds, now: Instant): Rotation {
  const runners: TrustedRunner[] = []
  for (const one of trust.runners) {
    if (!isOpen(one) || !isOver(one, trust, now)) {
      runners.push(one)
      continue
    }
    const end = ends.get(one.kid)
    if (end === undefined) return refuse('log_not_here', one.name, [one.kid])
    if (end === 'damaged') return refuse('log_damaged', one.name, [one.kid])
    const { seq, hash, sealed_at } = end
    if (!isHeadYoung(sealed_at, now))
      return {
        ok: false,
        fault: { code: 'log_not_sealed', name: one.name, kids: [one.kid], sealed_at },
      }
    runners.push({ ...one, closed: { seq, hash } })
  }
  return { ok: true, trust: { ...trust, runners } }
}

/**
 * What the next version would take back of the runners: one that is left out (`runner_left_out`), which would take
 * its failures along, or a log that goes on after it was closed or lost, or a key that is no longer revoked (both
 * `runner_reopened`). Null where it takes nothing back; a closed log may be declared lost.
 */
export function findRunnerRetreat(before: TrustFile, after: TrustFile): RotationFault | null {
  for (const one of before.runners) {
    const next = after.runners.find(({ kid }) => kid === one.kid)
    if (next === undefined) return refuse('runner_left_out', one.name, [one.kid]).fault
    const unrevoked = isRevoked(before, one.kid) && !isRevoked(after, one.kid)
    if (unrevoked || (!isOpen(one) && next.lost !== true && !hasSameEnd(one, next)))
      return refuse('runner_reopened', one.name, [one.kid]).fault
  }
  return null
}

const isRevoked = ({ revoked }: TrustFile, kid: string): boolean =>
  revoked.keys.some((one) => one.kid === kid)
const hasSameEnd = (one: TrustedRunner, next: TrustedRunner): boolean =>
  one.lost === next.lost &&
  one.closed?.seq === next.closed?.seq &&
  one.closed?.hash === next.closed?.hash

/**
 * The trust file without the records that close its logs, to compare two versions that were made at different times;
 * that a log is lost stays.
 */
export const withoutEnds = (trust: TrustFile): TrustFile => ({
  ...trust,
  runners: trust.runners.map(({ closed: _closed, ...one }) => one),
})
