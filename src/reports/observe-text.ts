import type { ObservationReport, ObservedHour } from '../core/observe/report.ts'
import type { SideLatency } from '../core/observe/minute.ts'
import { formatColumns } from './paint.ts'

const MARKS: Readonly<Record<ObservedHour['standing'], string>> = {
  clean: '#',
  gap: '.',
  broken: 'x',
}
const MOST_UNSEEN = 5

/** Lines of text: how many hours are clean, the timeline, what is missing, and what began the time again. */
export function formatObservation(report: ObservationReport, width?: number): string {
  const { measured, timeline, unseen, restarts } = report
  const marks = timeline.map(({ standing }) => MARKS[standing]).join('')
  const rows = [
    ['clean', `${report.clean_hours} of ${report.wanted_hours} h in a row`],
    ['recorded', `${report.minutes} minutes, the last one ${formatAge(report.age_s)}`],
    ['compared', `${measured.comparisons} decisions, ${measured.divergences} diverged`],
    ['timeline', marks === '' ? 'none' : `${marks}   # clean, . gap, x broken; one hour each`],
    ...(report.latency === null
      ? []
      : [
          ['file', formatLatency(report.latency.file)],
          ['database', formatLatency(report.latency.database)],
        ]),
    [
      'reasons not seen',
      unseen.length === 0
        ? 'none'
        : `${unseen.slice(0, MOST_UNSEEN).join(', ')}${unseen.length > MOST_UNSEEN ? ` and ${unseen.length - MOST_UNSEEN} more` : ''}`,
    ],
    ...restarts.map(({ at, cause, detail }) => ['began again', `${at} ${cause}: ${detail}`]),
  ]
  return `${formatColumns(rows, width)}\n${formatNext(report)}\n`
}

const formatAge = (age_s: number | null): string =>
  age_s === null ? 'is not there yet' : `ended ${age_s} s ago`
const formatMs = (ms: number | null): string => (ms === null ? '-' : `${ms} ms`)
const formatLatency = ({ p50, p95, p99 }: SideLatency): string =>
  `p50 ${formatMs(p50)}, p95 ${formatMs(p95)}, p99 ${formatMs(p99)}`

const formatNext = ({ complete, minutes, unseen }: ObservationReport): string => {
  if (minutes === 0) return 'Record with `ff observe start`.'
  if (!complete) return 'Go on with `ff observe start`.'
  return unseen.length === 0
    ? 'Measure with `ff probe run H3 H4`.'
    : 'Send requests that are decided for the reasons that were not seen.'
}
