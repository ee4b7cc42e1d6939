import { createHash } from 'node:crypto'
import type {
  GateItem,
  GateReport,
  ParityReport,
  Report,
  ReportSide,
} from '../core/report/types.ts'
import type { ObservationView } from '../core/observe/series.ts'
import { escapeForTerminal } from '../core/text/terminal.ts'
import { type ReportCase, listCases } from './cases.ts'
import {
  BLOCKING,
  describeWaiver,
  isAccepted,
  formatStates,
  formatVerdictRest,
  formatSubject,
  formatVerdictWord,
  listChecklistChanges,
  listFailures,
  listFaults,
  listSubject,
} from './gate-words.ts'
import { facts, type Html, markup, table } from './html-markup.ts'
import { observationSection } from './html-observation.ts'
import { STYLE } from './html-style.ts'
import type { Style } from './paint.ts'
import { formatHeadline } from './words.ts'

/**
 * The report as one HTML file without scripts and network requests, under a policy that forbids both: it can be
 * mailed, opened from disk and printed. A gate shows its subject, items, groups, the observation of staging and signatures,
 * any other report a table of its cases, failed ones first. Escapes every text.
 */
export function formatHtmlReport(
  report: Report,
  { observation = null }: Partial<Pick<Style, 'observation'>> = {},
): string {
  const shown = escapeForTerminal(report)
  const title = formatHeadline(shown)
  // The policy allows this one style and nothing else, even where an escape was missed.
  const digest = createHash('sha256').update(STYLE).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="${policy}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<title>${title}</title>
<meta name="description" content="${shown.kind === 'gate' ? formatSubject(shown) : title}" />
<style>${{ html: STYLE }}</style>
</head>
<body>
${shown.kind === 'gate' ? gateBody(shown, observation) : casesBody(shown)}
</body>
</html>
`
  return page.html
}

const classify = (state: string): string =>
  ['pass', 'waived', 'go'].includes(state)
    ? 'good'
    : ['fail', 'no_go', 'untrusted'].includes(state)
      ? 'bad'
      : 'wait'
const stateMark = (state: string): Html =>
  markup`<span class="state ${classify(state)}">${state.replaceAll('_', ' ').toUpperCase()}</span>`

function gateBody(report: GateReport, observation: ObservationView | null): Html {
  const { items, verdict, fix, next, remeasure } = report
  const blocking = BLOCKING.flatMap((state) => items.filter((one) => one.state === state))
  const accepted = items.filter(isAccepted)
  return markup`<header>
<h1 class="${classify(verdict)}">${formatVerdictWord(report)}</h1>
<p>${formatVerdictRest(report)}</p>
${listFaults(report).map((one) => markup`<p class="bad">${one}</p>`)}
</header>
${facts([
  ...listSubject(report),
  ['decided at', report.timing.started_at],
  ['schema', report.identity.schema_head],
  ['checklist', report.identity.checklist_digest],
  ['build', report.identity.build],
  ['expires next', report.expires_next.map(({ id, at }) => `${id} at ${at}`).join(', ')],
  ['measure again', remeasure],
  ['fix', fix],
  ['next', next],
])}
${section('Not accepted', blocking, report)}
<h2>Groups</h2>
${groupsTable(report)}
${section('Accepted', accepted, report)}
${observation === null ? '' : observationSection(observation)}
${[...listFailures(report), ...listChecklistChanges(report)].map(([title, lines]) => linesList(title, lines))}
<h2>Signatures</h2>
${signaturesTable(report)}`
}

const linesList = (title: string, lines: readonly string[]): Html =>
  markup`<h2>${title}</h2>
<ul>
${lines.map((line) => markup`<li>${line}</li>`)}
</ul>`

const groupsTable = ({ groups, counts }: GateReport): Html =>
  table(
    ['group', 'items', 'states'],
    [
      ...groups.map(({ id, title, items, states }) => [
        `${id} ${title}`,
        String(items),
        formatStates(states),
      ]),
      ['all', String(counts.expected), formatStates(counts.states)],
    ],
  )

/** The items below a title; failed ones are open. */
const section = (title: string, items: readonly GateItem[], { waivers }: GateReport): Html =>
  items.length === 0
    ? markup``
    : markup`<h2>${title} (${items.length})</h2>
${items.map((item) => itemDetails(item, waivers))}`

const itemDetails = (item: GateItem, waivers: GateReport['waivers']): Html =>
  markup`<details id="${item.id}"${{ html: item.state === 'fail' ? ' open' : '' }}>
<summary>${stateMark(item.state)} <strong>${item.id}</strong> ${item.title}</summary>
${facts([
  ['because', `${item.codes.join(', ')}${item.detail === '' ? '' : ` (${item.detail})`}`],
  ['example', item.evidence?.example ?? null],
  ['why it matters', item.why],
  ['fix', item.fix],
  ['owner', item.owner],
  ['waiver', waivers.filter(({ id }) => id === item.waiver).map(describeWaiver)[0] ?? null],
  ['runs', `measured ${item.runs.measured} times, failed ${item.runs.failed}`],
  ['good until', isAccepted(item) ? item.valid_until : null],
  ['check again', item.next],
])}
${table(
  ['measured', 'required', ''],
  item.measured.map(({ measure, value, required, held }) => [
    value === null ? `${measure}: nothing` : `${measure} ${value}`,
    required,
    stateMark(value === null ? 'not measured' : held ? 'pass' : 'fail'),
  ]),
)}
${toEvidence(item)}
</details>`

function toEvidence({ evidence, history }: GateItem): Html {
  if (evidence === null) return markup`<p>There is no evidence.</p>`
  const { seq, result, where, sample_size, started_at, ended_at, met, hash, runner } = evidence
  return markup`${facts([
    ['record', `${seq}, ${result}, measured on ${where}`],
    ['measured', `${started_at} to ${ended_at}, ${sample_size} samples`],
    [
      'it met',
      Object.entries(met)
        .map(([name, value]) => `${name}: ${value}`)
        .join(', '),
    ],
    ['digest', hash],
    ['runner', runner],
  ])}
${
  history.length === 0
    ? markup``
    : table(
        ['earlier record', 'ended', 'result', 'where'],
        history.map((one) => [String(one.seq), one.ended_at, stateMark(one.result), one.where]),
      )
}`
}

const signaturesTable = ({ signatures }: GateReport): Html =>
  signatures.length === 0
    ? markup`<p>No signature was verified.</p>`
    : table(
        ['role', 'person', 'signed at', 'attests', 'fingerprint of the key'],
        signatures.map(({ role, person, signed_at, attests, kid }) => [
          role,
          person,
          signed_at,
          attests.join(', '),
          markup`<code>${kid}</code>`,
        ]),
      )

/** Failed cases first, skipped ones last. */
const rank = ({ passed, state }: ReportCase): number => (state === 'skipped' ? 2 : passed ? 1 : 0)

/** The body for a report that is no gate report: what was compared and when, and every case. */
function casesBody(report: Exclude<Report, GateReport>): Html {
  const sorted = listCases(report).toSorted((a, b) => rank(a) - rank(b))
  return markup`<h1>${formatHeadline(report)}</h1>
${'controls' in report ? comparedFacts(report) : ''}
${table(
  ['', 'state', 'why', 'next'],
  sorted.map(({ id, title: what, state, passed, lines, next }) => [
    `${id} ${what}`.trim(),
    stateMark(passed ? 'pass' : state),
    passed ? '' : lines.join('; '),
    next === null || passed ? '' : markup`<code>${next}</code>`,
  ]),
)}`
}

/** Both sides with their servers, the time and the counts of a comparison. */
function comparedFacts({ sides, timing, counts }: ParityReport): Html {
  const name = ({ target, server }: ReportSide): string =>
    server === null ? target : `${target}  PostgreSQL ${server}`
  return facts([
    ['baseline', name(sides.baseline)],
    ['candidate', name(sides.candidate)],
    ['started', timing.started_at],
    ['compared', `${counts.compared} of ${counts.expected}, ${counts.skipped} skipped`],
  ])
}
