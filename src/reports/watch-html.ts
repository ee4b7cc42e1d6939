import { createHash } from 'node:crypto'
import type { ObservedHour } from '../core/observe/report.ts'
import { findDivergenceState, type WatchedTraffic } from '../core/observe/traffic.ts'
import { getFresh, type WatchView } from '../core/observe/watch-view.ts'
import { type Html, markup } from './html-markup.ts'
import { WATCH_SCRIPT } from './watch-script.ts'
import { WATCH_STYLE } from './watch-style.ts'
import { formatAge } from './watch-text.ts'
import type { WatchRow, WatchTone } from './watch-rows.ts'
import { describeWatch, type WatchSection } from './watch-words.ts'

const digest = (text: string): string =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** The policy of the live page: its own style, script and stream of events, and nothing else. */
export const WATCH_POLICY = [
  "default-src 'none'",
  `style-src ${digest(WATCH_STYLE)}`,
  `script-src ${digest(WATCH_SCRIPT)}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The live page as it is now, one HTML file that loads nothing but its stream of events. Escapes every text. */
export function formatWatchPage(view: WatchView): string {
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${formatTitle(view)}</title>
<style>${{ html: WATCH_STYLE }}</style>
</head>
<body>
<header>
<h1>ff observe watch</h1>
<p id="at">${formatTime(view)}</p>
</header>
<p id="lost" role="alert" hidden>ff observe watch does not answer: everything on this page is old.</p>
<noscript><p class="bad">Without scripts this page stays as it is: load it again.</p></noscript>
<p id="summary" class="unseen" role="status">${formatSummary(view)}</p>
<main>
${describeWatch(view).map((section) => formatPart(section, view))}
</main>
<script>${{ html: WATCH_SCRIPT }}</script>
</body>
</html>
`
  return page.html
}

const formatPart = (section: WatchSection, view: WatchView): Html =>
  markup`<details open id="${section.id}" data-state="${section.state}">
<summary><h2>${section.title}</h2><span class="age">${formatAge(section)}</span></summary>
<div class="rows">${formatRows(section, view)}</div>
</details>`

function formatRows({ id, rows }: WatchSection, view: WatchView): Html {
  const { recording } = view.parts
  const hours = id === 'recording' && 'value' in recording ? recording.value.timeline : []
  // The hours stand for the row.
  const listed = hours.length === 0 ? rows : rows.filter(({ name }) => name !== 'timeline')
  return markup`<dl>
${listed.map(formatFact)}
</dl>
${hours.length === 0 ? markup`` : formatHours(hours)}`
}

const MARKS: Readonly<Record<WatchTone, Html>> = {
  good: markup`<span class="mark good" aria-hidden="true">+</span>`,
  bad: markup`<span class="mark bad" role="img" aria-label="bad">!</span>`,
  wait: markup`<span class="mark wait" role="img" aria-label="attention">~</span>`,
  plain: markup`<span class="mark"></span>`,
}
const formatFact = ({ name, text, command, tone }: WatchRow): Html =>
  markup`<dt>${name}</dt>
<dd>${MARKS[tone]}${command === null ? markup`` : markup`<code>${command}</code> `}<span class="${tone}">${text}</span></dd>`

const HOUR_MARKS: Readonly<Record<ObservedHour['standing'], string>> = {
  clean: '',
  gap: '.',
  broken: 'x',
}
const formatHours = (hours: readonly ObservedHour[]): Html =>
  markup`<ol class="hours" aria-label="Hours, oldest first">
${hours.map(
  ({ hour, standing }) =>
    markup`<li class="${standing}" title="${hour.slice(0, 13)}h ${standing}"><span class="unseen">${hour.slice(0, 13)}h ${standing}</span>${HOUR_MARKS[standing]}</li>`,
)}
</ol>`

const formatTime = ({ at }: WatchView): string => `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`

function formatTitle({ parts }: WatchView): string {
  const status = getFresh(parts.cutover)
  return status === null ? 'ff observe watch' : `${status.phase} ${status.epoch} - ff`
}

/** What is read out where it changes: no number that moves all the time. */
function formatSummary({ parts, verdict, on }: WatchView): string {
  const status = getFresh(parts.cutover)
  return [
    status === null ? 'phase not known' : `phase ${status.phase}, epoch ${status.epoch}`,
    verdict === null ? 'gate not known' : `gate ${verdict.replaceAll('_', ' ')}`,
    formatDiverged(getFresh(parts.traffic)),
    `next: ${on.command ?? on.why}`,
  ].join('; ')
}

function formatDiverged(traffic: WatchedTraffic | null): string {
  if (traffic === null) return 'divergences not known'
  const state = findDivergenceState(traffic)
  return state === 'differ'
    ? `divergences in ${Object.keys(traffic.divergences).join(', ')}`
    : NO_DIVERGENCE[state]
}
const NO_DIVERGENCE = {
  not_known: 'divergences not known',
  not_compared: 'nothing compared',
  none: 'no divergence',
} as const

/** What a client was sent of each part, by its id. */
export type SentParts = ReadonlyMap<string, string>

/** The data of an event, in one line: the parts that a client was not sent yet, and the age of each part. */
export function formatWatchEvent(
  view: WatchView,
  sent: SentParts,
): { readonly data: string; readonly sent: SentParts } {
  const sections = describeWatch(view)
  const now = new Map(
    sections.map((section) => [section.id as string, formatRows(section, view).html]),
  )
  const changed = [...now].filter(([id, html]) => sent.get(id) !== html)
  const ages = sections.map((section) => [
    section.id,
    { state: section.state, age: formatAge(section) },
  ])
  const data = JSON.stringify({
    title: formatTitle(view),
    at: formatTime(view),
    said: formatSummary(view),
    sections: Object.fromEntries(changed),
    ages: Object.fromEntries(ages) as object,
  })
  return { data, sent: now }
}
