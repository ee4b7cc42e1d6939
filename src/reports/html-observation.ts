import { MINUTE_MS, type SideLatency, sumCounts } from '../core/observe/minute.ts'
import type {
  MinuteState,
  ObservationAway,
  ObservationSeries,
  ObservationView,
  ObservedSeriesHour,
} from '../core/observe/series.ts'
import { instantToMs } from '../core/rows/instant.ts'
import { escapeForTerminal } from '../core/text/terminal.ts'
import { type Html, markup, table } from './html-markup.ts'

const AWAY: Readonly<Record<ObservationAway, string>> = {
  not_measured: 'H3 has no record, so no recording was judged.',
  not_said:
    'The record of H3 does not name its recording: it was made by an earlier version of ff, or nothing was measured.',
  not_here:
    'The recording is not in this folder. Write this report on the runner that recorded staging to see it.',
  unreadable: 'There is a recording in this folder, and it cannot be read.',
  altered: 'There is a recording in this folder, and it does not verify, so it is not shown.',
  other_runner: 'The recording in this folder is that of another runner than measured H3.',
  other_recording: 'The recording in this folder is another one than H3 was measured on.',
}

/** The 48 hours of staging: timeline, latency, values by hour, and parity by field; or why they are not here. */
export function observationSection(view: ObservationView): Html {
  if (view.status === 'away')
    return markup`<h2>Observation of staging</h2>
<p>${AWAY[view.why]}</p>`
  const series = escapeForTerminal(view.series)
  return markup`<h2>Observation of staging</h2>
<p>A row is an hour (UTC), from its first minute to its last.</p>
${timeline(series)}
${restartsList(series)}
<h3>Latency</h3>
${latencyLines(series.hours)}
<details>
<summary>Values by hour</summary>
<div class="wide">
${valuesTable(series.hours)}
</div>
</details>
<h3>Parity by field</h3>
${parityTables(series)}`
}

interface StateLook {
  readonly mark: string
  readonly words: string
}
const STATES: Readonly<Record<MinuteState, StateLook>> = {
  clean: { mark: '', words: 'clean' },
  disturbed: { mark: 'p', words: 'a probe disturbed staging' },
  drill: { mark: 'd', words: 'a drill' },
  idle: { mark: '-', words: 'does not count: hardly compared, or an instance started anew' },
  gap: { mark: '', words: 'not recorded' },
  broken: { mark: 'x', words: 'broke a bound' },
}
const LABEL = 62
const MINUTE = 5.5
const ROW = 9
const HEIGHT = 8
const WIDTH = 400
const LABEL_EVERY = 6
const HOUR_MS = 60 * MINUTE_MS

const formatHour = (hour: string): string => `${hour.slice(5, 10)} ${hour.slice(11, 16)}`
const round = (value: number): string => String(Math.round(value * 10) / 10)

/** One row an hour, a minute after the other from left to right. */
function timeline({ hours }: ObservationSeries): Html {
  const height = hours.length * ROW + 14
  return markup`<svg class="chart" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="staging-title staging-desc">
<title id="staging-title">Timeline of staging</title>
<desc id="staging-desc">${describeStates(hours)}. Times are UTC.</desc>
<defs><pattern id="hatch" width="4" height="4" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 4L4 0" /></pattern></defs>
${[0, 15, 30, 45].map((minute) => markup`<text x="${round(LABEL + minute * MINUTE)}" y="9">:${String(minute).padStart(2, '0')}</text>`)}
${hours.map((hour, row) => timelineRow(hour, { row, isAfterJump: isJump(hours[row - 1], hour) }))}
</svg>
<ul class="legend">
${Object.entries(STATES).map(
  ([state, { mark, words }]) =>
    markup`<li><svg viewBox="0 0 12 8" width="18" height="12" aria-hidden="true">${cell(state as MinuteState, { x: 0, y: 0, width: 12 })}</svg> ${mark === '' ? '' : `${mark}: `}${words}</li>`,
)}
</ul>`
}

/** Whether hours without a minute are left out between two rows. */
const isJump = (before: ObservedSeriesHour | undefined, { hour }: ObservedSeriesHour): boolean =>
  before !== undefined && instantToMs(hour) - instantToMs(before.hour) > HOUR_MS

const countStates = (hours: readonly ObservedSeriesHour[], state: MinuteState): number =>
  hours
    .flatMap(({ spans }) => spans)
    .reduce((sum, one) => sum + (one.state === state ? one.minutes : 0), 0)
const describeStates = (hours: readonly ObservedSeriesHour[]): string =>
  Object.entries(STATES)
    .map(([state, { words }]) => `${countStates(hours, state as MinuteState)} minutes ${words}`)
    .join(', ')

function timelineRow(
  { hour, spans }: ObservedSeriesHour,
  { row, isAfterJump }: { readonly row: number; readonly isAfterJump: boolean },
): Html {
  const y = 14 + row * ROW
  const label = row % LABEL_EVERY === 0 || isAfterJump ? formatHour(hour) : ''
  return markup`${label === '' ? '' : markup`<text x="0" y="${y + HEIGHT - 1}">${label}</text>`}
${spans.map(
  ({ state, from, minutes }) =>
    markup`<g><title>${formatHour(hour).slice(0, -2)}${String(from).padStart(2, '0')}, ${minutes} minutes: ${STATES[state].words}</title>${cell(state, { x: LABEL + from * MINUTE, y, width: minutes * MINUTE })}</g>`,
)}`
}

/** What a minute shows is told by its mark or its pattern too, not by its colour alone. */
function cell(
  state: MinuteState,
  { x, y, width }: { readonly x: number; readonly y: number; readonly width: number },
): Html {
  const fill = state === 'gap' ? markup` fill="url(#hatch)"` : ''
  const { mark } = STATES[state]
  return markup`<rect class="m-${state}"${fill} x="${round(x)}" y="${y}" width="${round(width)}" height="${HEIGHT}" />${
    mark === ''
      ? ''
      : markup`<text class="mark" x="${round(x + 0.6)}" y="${y + HEIGHT - 1.5}">${mark}</text>`
  }`
}

const restartsList = ({ restarts }: ObservationSeries): Html =>
  restarts.length === 0
    ? markup`<p>Nothing began the time again.</p>`
    : markup`<h3>What began the time again (${restarts.length})</h3>
<ul>
${restarts.map(({ at, cause, detail }) => markup`<li class="bad">${at} ${cause}: ${detail}</li>`)}
</ul>`

const CHART = { left: 40, top: 8, width: 350, height: 120 } as const
const SIDES = ['file', 'database'] as const

/** The highest p99 of each hour, of both sides. */
function latencyLines(hours: readonly ObservedSeriesHour[]): Html {
  const most = Math.max(
    0,
    ...hours.flatMap((one) => SIDES.map((side) => one.latency[side].p99 ?? 0)),
  )
  if (most === 0) return markup`<p>No latency was recorded.</p>`
  const { left, top, width, height } = CHART
  const x = (at: number): string =>
    round(left + (hours.length < 2 ? 0 : (at / (hours.length - 1)) * width))
  const y = (ms: number): string => round(top + height - (ms / most) * height)
  const [first, last] = [hours[0], hours.at(-1)].map((one) => formatHour(one?.hour ?? ''))
  return markup`<svg class="chart" viewBox="0 0 ${WIDTH} ${height + 30}" role="img" aria-labelledby="latency-title latency-desc">
<title id="latency-title">p99 of both sides by hour</title>
<desc id="latency-desc">${SIDES.map((side) => `${side}: at most ${findMost(hours, side)} ms`).join(', ')}. The table below has the values.</desc>
<path class="axis" d="M${left} ${top}V${top + height}H${left + width}" />
${[most, most / 2, 0].map((ms) => markup`<text x="0" y="${Number(y(ms)) + 3}">${Math.round(ms * 100) / 100} ms</text>`)}
<text x="${left}" y="${top + height + 14}">${first ?? ''}</text>
<text class="end" x="${left + width}" y="${top + height + 14}">${last ?? ''}</text>
${SIDES.map((side) => markup`<path class="line-${side}" d="${drawLine(hours, side, { x, y })}" />`)}
</svg>
<ul class="legend">
${SIDES.map((side) => markup`<li><svg viewBox="0 0 24 8" width="36" height="12" aria-hidden="true"><path class="line-${side}" d="M0 4H24" /></svg> ${side}, p99, ${side === 'file' ? 'dashed' : 'solid'}</li>`)}
</ul>`
}

const findMost = (hours: readonly ObservedSeriesHour[], side: (typeof SIDES)[number]): number =>
  Math.max(0, ...hours.map(({ latency }) => latency[side].p99 ?? 0))

/** An hour without a value breaks the line; one between two of these is a dot. */
function drawLine(
  hours: readonly ObservedSeriesHour[],
  side: (typeof SIDES)[number],
  { x, y }: { readonly x: (at: number) => string; readonly y: (ms: number) => string },
): string {
  let command = 'M'
  const parts = hours.map(({ latency }, at) => {
    const { p99 } = latency[side]
    if (p99 === null) {
      command = 'M'
      return ''
    }
    const point = `${x(at)} ${y(p99)}`
    const part = command === 'M' ? `M${point}L${point}` : `L${point}`
    command = 'L'
    return part
  })
  return parts.join('')
}

const formatLatency = ({ p50, p95, p99 }: SideLatency): string =>
  [p50, p95, p99].map((ms) => ms ?? '-').join(' / ')

const valuesTable = (hours: readonly ObservedSeriesHour[]): Html =>
  table(
    [
      'hour (UTC)',
      'minutes clean',
      'compared',
      'differ',
      'failed',
      'file p50 / p95 / p99 ms',
      'database p50 / p95 / p99 ms',
    ],
    hours.map((one) => [
      formatHour(one.hour),
      String(countStates([one], 'clean')),
      String(one.compared),
      String(one.divergences),
      `${one.errors} of ${one.requests}`,
      formatLatency(one.latency.file),
      formatLatency(one.latency.database),
    ]),
  )

/** None of n bounds the share p with 95 % confidence, where (1 - p) to the n is 5 %. */
const boundShare = (count: number): number => -Math.expm1(Math.log(0.05) / count)
function formatNoneDiffer(compared: Readonly<Record<string, number>>): string {
  const count = sumCounts(compared)
  return count === 0
    ? 'Nothing was compared.'
    : `No field differed in ${count} decisions: with 95 % confidence fewer than ${Math.ceil(1e6 * boundShare(count))} of a million differ.`
}

function parityTables({ compared, divergences }: ObservationSeries): Html {
  const byCount = (counts: Readonly<Record<string, number>>): readonly string[][] =>
    Object.entries(counts)
      .toSorted((a, b) => b[1] - a[1])
      .map(([name, count]) => [name, String(count)])
  const fields = byCount(divergences)
  return markup`${
    fields.length === 0
      ? markup`<p>${formatNoneDiffer(compared)}</p>`
      : table(['field that differed', 'decisions'], fields)
  }
${table(['reason of the decision', 'compared'], byCount(compared))}`
}
