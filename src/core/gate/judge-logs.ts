import { instantToMs, type Instant } from '../rows/instant.ts'
import { findHeadFault } from './chain.ts'
import { addMs } from './duration.ts'
import { hasEnded } from './ended-logs.ts'
import { CLOCK_TOLERANCE_MS, findRetreat, type RunnerSight } from './heads.ts'
import type { EvidenceLogs, PinnedHead, RunnerKey, UntrustedLog, WholeLog } from './types.ts'

/** How old the head of a current runner's log may be, in milliseconds. */
const HEAD_AGE_MS = 3_600_000

/** Whether the head of a log is of the last hour, and not ahead of `now` by more than clocks may differ. */
export function isHeadYoung(sealed_at: Instant, now: Instant): boolean {
  const age = instantToMs(now) - instantToMs(sealed_at)
  return age < HEAD_AGE_MS && age >= -CLOCK_TOLERANCE_MS
}

/** All inputs of the judgement of the logs, besides the logs. */
export interface LogsInput {
  /** What verifies at the gate: trust file and withdrawals. */
  readonly sight: RunnerSight
  /** Records that the logs must hold: those of the signed statement, and those of FF_EVIDENCE_HEAD. */
  readonly must_hold: readonly PinnedHead[]
}

/**
 * Judges the logs against what came from elsewhere: each must hold the records that are pinned or signed for
 * (`evidence_missing`, `evidence_cut`, `evidence_forked`), its head must name as many withdrawals as are pinned
 * (`evidence_cut`), and no head may name a newer trust file than the one here, another one of its version, or a withdrawal
 * that is gone. Returns the logs, or the first fault.
 */
export function checkLogs(evidence: EvidenceLogs, { sight, must_hold }: LogsInput): EvidenceLogs {
  if (evidence.status === 'untrusted') return evidence
  const { logs } = evidence
  const retreat = logs.flatMap((log) => toFaults(log, findRetreat(log.head, sight)))
  const unheld = must_hold.flatMap((head) => findUnheld(logs, head))
  return [...unheld, ...retreat][0] ?? evidence
}

const toFaults = (
  { kid }: Pick<WholeLog, 'kid'>,
  found: Pick<UntrustedLog, 'code' | 'detail'> | null,
): readonly UntrustedLog[] =>
  found === null
    ? []
    : [{ status: 'untrusted', code: found.code, detail: `${found.detail}, log ${kid}` }]

function findUnheld(logs: readonly WholeLog[], head: PinnedHead): readonly UntrustedLog[] {
  const log = logs.find(({ kid }) => kid === head.kid)
  const missing = {
    code: 'evidence_missing',
    detail: `a log of ${head.seq} records is missing`,
  } as const
  const fault =
    log === undefined ? missing : (findHeadFault(log.entries, head) ?? findForgotten(log, head))
  return toFaults(head, fault)
}

/** A head names each withdrawal that the one before named: one that names fewer than are pinned was put back. */
const findForgotten = (
  { head: { withdrawn } }: WholeLog,
  pinned: PinnedHead,
): Pick<UntrustedLog, 'code' | 'detail'> | null =>
  withdrawn.length >= (pinned.withdrawn ?? 0)
    ? null
    : {
        code: 'evidence_cut',
        detail: `the head names ${withdrawn.length} withdrawals of ${pinned.withdrawn}`,
      }

/** A runner whose log does not show now that it is whole. */
export interface LateLog {
  readonly kid: string
  readonly code: 'log_missing' | 'head_stale'
  /** The name of the runner, and the time of its head. */
  readonly detail: string
  /** The command that comes next. */
  readonly next: string
  /** Its runner has ended, and the trust file has to close it. */
  readonly unclosed?: true
}
interface LogsContext {
  readonly runners: readonly RunnerKey[]
  readonly now: Instant
}

/**
 * The current runners without a log, and those whose head is older than one hour or than the trust file: a record could
 * have been taken away since, or the file put back later. A head without a trust file counts as sealed under version 1.
 * Of the runners that have ended, those whose log the trust file does not close (`head_stale`), and those whose log
 * does not hold the record that closes it (`log_missing`); nothing is wanted of a lost log.
 */
export const findLateLogs = (
  logs: readonly WholeLog[],
  context: LogsContext & { readonly sight: RunnerSight },
): readonly LateLog[] =>
  listHeads(logs, context.runners).flatMap((one) =>
    hasEnded(one.runner, context.now) ? findUnclosed(one) : findLate(one, context),
  )

/** The command of a late head, which works on the machine of the runner alone. */
export const SEAL = 'ff evidence seal'

function findLate(
  { runner: { kid, name, from }, log, end }: RunnerHead,
  { now, sight }: LogsContext & { readonly sight: RunnerSight },
): readonly LateLog[] {
  if (now < from) return []
  if (log === null || end === null)
    return [{ kid, code: 'log_missing', detail: `runner ${name}, ${kid}`, next: `${SEAL} --first` }]
  const late = (detail: string): LateLog => ({ kid, code: 'head_stale', detail, next: SEAL })
  if (now >= end) return [late(`runner ${name}, sealed at ${log.head.time}`)]
  const [sealed, present] = [log.head.trust?.version ?? 1, sight.trust?.version ?? 1]
  return sealed < present
    ? [late(`runner ${name}, sealed under version ${sealed} of the trust file, now ${present}`)]
    : []
}

function findUnclosed({ runner: { kid, name, closed }, log }: RunnerHead): readonly LateLog[] {
  if (closed === 'lost') return []
  if (closed === null) {
    const detail = `runner ${name} has ended, and the trust file does not close its log ${kid}`
    const next = 'ff trust rotate --key alice.key.json'
    return [{ kid, code: 'head_stale', detail, next, unclosed: true }]
  }
  return log !== null && findHeadFault(log.entries, closed) === null
    ? []
    : [
        {
          kid,
          code: 'log_missing',
          detail: `runner ${name}, ${kid}, closed at record ${closed.seq}`,
          next: 'ff evidence list',
        },
      ]
}

/**
 * When the log of each runner will be late, by `log NAME`: once its head is too old or its time is over, whichever is
 * first; for a runner whose time has not begun at the earliest then. None for a log that is late, or has ended.
 */
export const listHeadExpiries = (
  logs: readonly WholeLog[],
  { runners, now }: LogsContext,
): readonly { readonly id: string; readonly at: Instant }[] =>
  listHeads(logs, runners).flatMap(({ runner, end }) => {
    const { name, from, until } = runner
    const late = end !== null && end > from ? end : from
    const at = late < until ? late : until
    return now < at && !hasEnded(runner, now) ? [{ id: `log ${name}`, at }] : []
  })

/** A runner with its log, and the time at which the head is too old; null without a log. */
interface RunnerHead {
  readonly runner: RunnerKey
  readonly log: WholeLog | null
  readonly end: Instant | null
}
const listHeads = (
  logs: readonly WholeLog[],
  runners: readonly RunnerKey[],
): readonly RunnerHead[] =>
  runners.map((runner) => {
    const log = logs.find(({ kid }) => kid === runner.kid) ?? null
    return { runner, log, end: log === null ? null : addMs(log.head.time, HEAD_AGE_MS) }
  })

/**
 * Whether any record or head is more than 60 s ahead of the gate's clock: then one of the clocks is wrong, and no age
 * is known.
 */
export function isClockBehind(logs: readonly WholeLog[], now: Instant): boolean {
  const latest = instantToMs(now) + CLOCK_TOLERANCE_MS
  const times = logs.flatMap(({ head, entries }) => [
    head.time,
    ...entries.flatMap(({ record }) => [record.ended_at, record.recorded_at]),
  ])
  return times.some((time) => instantToMs(time) > latest)
}
