import type { SideLatency } from '../core/observe/minute.ts'
import type { ObservationReport } from '../core/observe/report.ts'
import { findDivergenceState, type WatchedTraffic } from '../core/observe/traffic.ts'
import type { WatchView } from '../core/observe/watch-view.ts'
import type { CutoverStatusDocument, SideStatus } from '../core/report/cutover-documents.ts'
import type { GateItem, GateReport } from '../core/report/types.ts'
import { escapeLine } from '../core/text/terminal.ts'
import { BLOCKING, formatVerdictWord, isAccepted, listFaults } from './gate-words.ts'

export type WatchTone = 'good' | 'bad' | 'wait' | 'plain'
/** One fact. Its texts are escaped for a terminal. */
export interface WatchRow {
  readonly name: string
  readonly text: string
  readonly tone: WatchTone
  /** A command to paste; null without one. */
  readonly command: string | null
  /** Whether a change of it is news, rather than a number that moves all the time. */
  readonly steady: boolean
}
type RowOptions = Partial<Pick<WatchRow, 'tone' | 'command' | 'steady'>>
/** Makes a row; escapes its texts. */
export const makeRow = (name: string, text: string, options: RowOptions = {}): WatchRow => ({
  name: escapeLine(name),
  text: escapeLine(text),
  tone: options.tone ?? 'plain',
  command:
    options.command === undefined || options.command === null ? null : escapeLine(options.command),
  steady: options.steady ?? true,
})

/** Phase, records and instances of the cutover, and what blocks its next step. */
export function listCutoverRows(status: CutoverStatusDocument): readonly WatchRow[] {
  const { database, lag, intent, next, instances, blocks } = status
  const isReady = next.standing === 'ready' || next.standing === 'finished'
  return [
    makeRow(
      'phase',
      `${status.phase}${status.armed ? ', armed: each write takes the switch lock' : ''}`,
    ),
    makeRow(
      'epoch',
      `${status.epoch}, attempt ${status.attempt}${status.scratch ? ', scratch copy' : ''}`,
    ),
    makeRow('standing', next.standing.replaceAll('_', ' '), { tone: isReady ? 'good' : 'bad' }),
    ...(status.drill_ends_at === null
      ? []
      : [makeRow('drill', `goes back at ${status.drill_ends_at}`, { tone: 'wait' })]),
    ...(intent === null || next.standing !== 'intent_open'
      ? []
      : [makeRow('intent', `${intent.phase}, epoch ${intent.epoch}`, { tone: 'bad' })]),
    makeRow('file', formatSide(status.file), { steady: false }),
    database === null
      ? makeRow('database', 'does not answer', { tone: 'bad' })
      : makeRow('database', formatSide(database), { steady: false }),
    lag === null
      ? makeRow('behind', 'nothing to measure')
      : makeRow('behind', `${lag.changes} changes`, {
          tone: lag.changes === 0 ? 'good' : 'wait',
          steady: false,
        }),
    ...(instances.length === 0
      ? [makeRow('instances', 'none is registered', { tone: 'wait' })]
      : []),
    ...instances.map(({ id, host, pid, epoch, live, writer }) =>
      makeRow(
        id,
        `${live ? 'live' : 'has not renewed its lease'}, epoch ${epoch}${writer === true ? ', writer' : ''}, ${host} pid ${pid}`,
        { tone: !live ? 'bad' : epoch < status.epoch ? 'wait' : 'good' },
      ),
    ),
    ...blocks.map(({ code, detail }) =>
      makeRow(`blocked: ${code}`, detail, { tone: 'wait', steady: code !== 'mirror_behind' }),
    ),
  ]
}

const formatSide = ({ epoch, phase, seq }: SideStatus): string =>
  `head ${seq}, ${phase === null ? 'no record' : `${phase} epoch ${epoch}`}`

/** What the instances do now. */
export function listTrafficRows(traffic: WatchedTraffic): readonly WatchRow[] {
  const { latency, writes, lag, audit, window_s } = traffic
  const over = `in ${Math.round(window_s)} s`
  return [
    ...traffic.instances.map((one) =>
      one.answers
        ? makeRow(one.admin, formatInstance(one), { tone: 'good' })
        : makeRow(one.admin, 'does not answer', { tone: 'bad' }),
    ),
    makeRow('file', formatLatency(latency.file), { steady: false }),
    makeRow('database', formatLatency(latency.database), { steady: false }),
    makeRow('requests', `${traffic.requests}, ${traffic.errors} failed, ${over}`, {
      tone: traffic.errors > 0 ? 'bad' : 'plain',
      steady: false,
    }),
    makeRow('writes', `${writes.count}, p99 ${formatMs(writes.p99_ms)} with any pause, ${over}`, {
      steady: false,
    }),
    makeRow('compared', `${traffic.compared}, ${traffic.dropped} dropped, since the start`, {
      steady: false,
    }),
    ...listDivergenceRows(traffic),
    makeRow(
      'mirror',
      lag === null ? 'no second side' : `${lag.changes} changes, ${formatMs(lag.ms)}`,
      {
        tone: lag !== null && lag.changes > 0 ? 'wait' : 'plain',
        steady: false,
      },
    ),
    ...listAuditRows(audit),
  ]
}

/** Of instances that do not answer nothing is counted, so what the others found may be too little. */
function listDivergenceRows(traffic: WatchedTraffic): readonly WatchRow[] {
  const state = findDivergenceState(traffic)
  if (state !== 'differ')
    return [
      makeRow('divergences', NO_DIVERGENCE[state], { tone: state === 'none' ? 'good' : 'wait' }),
    ]
  return Object.entries(traffic.divergences).map(([field, count]) =>
    makeRow(`divergence ${field}`, `${count}`, { tone: 'bad' }),
  )
}
const NO_DIVERGENCE = {
  not_known: 'not known: an instance does not answer',
  not_compared: 'nothing was compared',
  none: 'none',
} as const

const listAuditRows = (audit: WatchedTraffic['audit']): readonly WatchRow[] =>
  audit === null
    ? [makeRow('audit', 'no instance tells its backlog', { tone: 'wait' })]
    : [
        makeRow('audit', formatBacklog(audit), { steady: false }),
        ...(audit.failed === 0
          ? []
          : [makeRow('audit parked', `${audit.failed} records`, { tone: 'bad' })]),
      ]

const formatBacklog = ({ pending, oldest_s }: NonNullable<WatchedTraffic['audit']>): string =>
  pending === 0
    ? 'everything is delivered'
    : `${pending} records not delivered${oldest_s === 0 ? '' : `, the oldest ${formatSeconds(oldest_s)} old`}`

const formatInstance = ({ phase, epoch, writer }: WatchedTraffic['instances'][number]): string =>
  phase === null
    ? 'answers, in no cutover'
    : `answers, ${phase} epoch ${epoch ?? '-'}${writer === true ? ', writer' : ''}`

/** How far the 48 hours are, and what began them again. */
export function listRecordingRows(
  report: ObservationReport,
  { records, missing }: Pick<WatchView, 'records' | 'missing'>,
): readonly WatchRow[] {
  const { measured, unseen, restarts, latency } = report
  const isOld = records === false
  return [
    makeRow('clean', `${report.clean_hours} of ${report.wanted_hours} h in a row`, {
      tone: report.complete ? 'good' : 'wait',
    }),
    makeRow('missing', formatMissing(missing), {
      tone: missing?.hours === 0 ? 'good' : 'wait',
      steady: false,
    }),
    makeRow(
      'last minute',
      report.age_s === null
        ? 'none is recorded'
        : `ended ${formatSeconds(report.age_s)} ago${isOld ? ', so nothing records' : ''}`,
      { tone: isOld ? 'bad' : 'good', steady: false },
    ),
    makeRow('timeline', formatTimeline(report)),
    makeRow('compared', `${measured.comparisons} decisions`, { steady: false }),
    makeRow(
      'divergences',
      measured.comparisons === 0 ? 'nothing was compared' : `${measured.divergences}`,
      {
        tone: measured.divergences > 0 ? 'bad' : measured.comparisons === 0 ? 'wait' : 'good',
      },
    ),
    ...(latency === null
      ? []
      : [
          makeRow('file', formatLatency(latency.file), { steady: false }),
          makeRow('database', formatLatency(latency.database), { steady: false }),
        ]),
    ...(unseen.length === 0
      ? []
      : [makeRow('reasons not seen', formatUnseen(unseen), { tone: 'wait' })]),
    ...restarts
      .slice(0, MOST_RESTARTS)
      .map(({ at, cause, detail }) =>
        makeRow(`began again ${at}`, `${cause}: ${detail}`, { tone: 'bad' }),
      ),
  ]
}
const MOST_RESTARTS = 3
const MOST_UNSEEN = 5
const formatUnseen = (unseen: readonly string[]): string =>
  unseen.length > MOST_UNSEEN
    ? `${unseen.slice(0, MOST_UNSEEN).join(', ')} and ${unseen.length - MOST_UNSEEN} more`
    : unseen.join(', ')
const MARKS = { clean: '#', gap: '.', broken: 'x' } as const
const formatTimeline = ({ timeline }: ObservationReport): string =>
  timeline.length === 0
    ? 'none'
    : `${timeline.map(({ standing }) => MARKS[standing]).join('')} # clean, . gap, x broken, an hour each`

function formatMissing(missing: WatchView['missing']): string {
  if (missing === null) return 'not known'
  const { hours, complete_at } = missing
  if (hours === 0) return 'nothing'
  const when =
    complete_at === null
      ? 'and nothing records'
      : `complete ${complete_at.slice(0, 16)}Z at the earliest`
  return `${hours} h, ${when}`
}

/** The verdict as of now, and the items that are not accepted. @param verdict null where the report may be old */
export function listGateRows(
  report: GateReport,
  verdict: WatchView['verdict'],
): readonly WatchRow[] {
  const { counts, items } = report
  const blockers = BLOCKING.flatMap((state) => items.filter((one) => one.state === state))
  const accepted = items.filter(isAccepted).length
  const word =
    verdict === null
      ? `was ${formatVerdictWord(report)}`
      : verdict === report.verdict
        ? formatVerdictWord(report)
        : 'the GO is over'
  return [
    makeRow('verdict', word, {
      tone: verdict === 'go' ? 'good' : verdict === null ? 'wait' : 'bad',
    }),
    makeRow('accepted', `${accepted} of ${counts.expected} items`),
    ...listFaults(report).map((fault) => makeRow('fault', fault, { tone: 'bad' })),
    ...blockers.slice(0, MOST_BLOCKERS).map(describeBlocker),
    ...(blockers.length > MOST_BLOCKERS
      ? [makeRow('and', `${blockers.length - MOST_BLOCKERS} more items: ff gate`)]
      : []),
  ]
}
const MOST_BLOCKERS = 12

const describeBlocker = ({ id, state, title, codes }: GateItem): WatchRow =>
  makeRow(id, `${state}, ${title}${codes.length === 0 ? '' : ` (${codes.join(', ')})`}`, {
    tone: state === 'fail' || state === 'error' ? 'bad' : 'wait',
  })

const formatMs = (ms: number | null): string => (ms === null ? '-' : `${ms} ms`)
const formatLatency = ({ p50, p95, p99 }: SideLatency): string =>
  `p50 ${formatMs(p50)}, p95 ${formatMs(p95)}, p99 ${formatMs(p99)}`

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
] as const
/** A time in its two largest units: `2 d 3 h`, `3 min 5 s`; `-` for null. */
export function formatSeconds(seconds: number | null): string {
  if (seconds === null) return '-'
  const at = UNITS.findIndex(([, size]) => seconds >= size)
  const unit = UNITS[at]
  if (unit === undefined) return `${Math.round(seconds)} s`
  const [name, size] = unit
  const [below, part] = UNITS[at + 1] ?? (['s', 1] as const)
  return `${Math.floor(seconds / size)} ${name} ${Math.floor((seconds % size) / part)} ${below}`
}
