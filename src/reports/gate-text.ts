import type { GateItem, GateReport } from '../core/report/types.ts'
import {
  BLOCKING,
  describeWaiver,
  formatStates,
  formatVerdict,
  formatVerdictRest,
  formatVerdictWord,
  listChecklistChanges,
  listFailures,
  listFaults,
  listSubject,
  measuredLines,
} from './gate-words.ts'
import {
  foldLine,
  formatColumns,
  formatEnding,
  formatState,
  holdLine,
  type Style,
} from './paint.ts'

/**
 * The text of a gate report, in order: its subject, findings about the gate, groups, items one line each by state,
 * waived items, measured blockers at length, failures of this attempt, team commands, departures, then the verdict
 * with the next command. Ends with a line feed; escapes nothing.
 */
export function formatGateReport(report: GateReport, style: Style): string {
  const { items } = report
  const blockers = items.filter(isMeasuredBlocker)
  const others = BLOCKING.map((state) =>
    items.filter((one) => one.state === state && !isMeasuredBlocker(one)),
  ).filter((list) => list.length > 0)
  const waived = items.filter(({ state }) => state === 'waived')
  const parts = [
    `${foldLine(`ff gate  ${formatVerdict(report)}`, '  ', style.width)}\n${formatColumns(listSubject(report), style.width)}`,
    ...formatGeneralFindings(report, style),
    formatGroups(report, style),
    ...others.reverse().map((list) => formatItems(list, style)),
    ...(waived.length === 0 ? [] : [formatWaived(waived, report, style)]),
    ...blockers.map((item) => formatBlocker(item, style)),
    ...[...listFailures(report), ...listChecklistChanges(report)].map(([title, lines]) =>
      [`  ${title}`, ...lines.map((line) => foldLine(`  ${line}`, '    ', style.width))].join('\n'),
    ),
    formatEnd(report, style),
  ]
  return `${parts.join('\n\n')}\n`
}

/** Only an item that was measured and does not pass is printed at length; the others get one line. */
const isMeasuredBlocker = ({ state, evidence }: GateItem): boolean =>
  state === 'fail' || ((state === 'error' || state === 'inconclusive') && evidence !== null)

function formatGroups({ groups, counts }: GateReport, { width }: Style): string {
  const rows = groups.map(({ id, title, items, states }) => [
    id,
    title,
    String(items),
    formatStates(states),
  ])
  return formatColumns(
    [...rows, ['', 'all', String(counts.expected), formatStates(counts.states)]],
    width,
  )
}

/** A longer command stands behind the reason, so that its column leaves room for the reasons. */
const MOST_NEXT = 30

function formatItems(list: readonly GateItem[], style: Style): string {
  const rows = list.map(({ id, codes, detail, next }) => {
    const why = `${codes.join(', ')}${detail === '' ? '' : `: ${detail}`}`
    const short = (next ?? '').length <= MOST_NEXT
    return [id, short ? (next ?? '') : '', short ? why : `${why}. Next: \`${next}\``]
  })
  return `  ${formatState(list[0]?.state ?? '', style)} (${list.length})\n${formatColumns(rows, style.width)}`
}

function formatWaived(waived: readonly GateItem[], { waivers }: GateReport, style: Style): string {
  const lines = waived.flatMap(({ id, waiver, title }) => [
    foldLine(`  ${id}  ${title}`, '    ', style.width),
    ...waivers
      .filter((one) => one.id === waiver)
      .map((one) => foldLine(`    ${describeWaiver(one)}`, '      ', style.width)),
  ])
  return [`  ${formatState('waived', style)} (${waived.length})`, ...lines].join('\n')
}

function formatBlocker(item: GateItem, style: Style): string {
  const { id, state, title, codes, detail, evidence, why, fix, owner, next } = item
  const say = (name: string, text: string | null): readonly string[] =>
    text === null || text === '' ? [] : [foldLine(`    ${name}: ${text}`, '      ', style.width)]
  return [
    foldLine(`  ${formatState(state, style)}  ${id}  ${title}`, '    ', style.width),
    ...measuredLines(item).map((line) => foldLine(`    ${line}`, '      ', style.width)),
    ...say('because', `${codes.join(', ')}${detail === '' ? '' : ` (${detail})`}`),
    ...say('example', evidence?.example ?? null),
    ...say('why it matters', why),
    ...say('fix', fix),
    ...say('owner', owner),
    ...(next === null ? [] : [`    check again: ${next}`]),
  ].join('\n')
}

const formatGeneralFindings = ({ findings }: GateReport, { width }: Style): readonly string[] => {
  const own = listFaults({ findings })
  return own.length === 0 ? [] : [own.map((one) => foldLine(`  ${one}`, '    ', width)).join('\n')]
}

function formatEnd(report: GateReport, style: Style): string {
  const { verdict, exitCode, exitName, expires_next, remeasure, fix, next } = report
  const ends = expires_next.map(({ id, at }) => `${id} at ${at}`).join(', ')
  const rows = [
    ...(ends === '' ? [] : [['expires next', ends]]),
    ...(remeasure === null ? [] : [['measure again', holdLine(remeasure)]]),
    ...(fix === null ? [] : [['fix', fix]]),
    ...(next === null ? [] : [['next', holdLine(next)]]),
  ]
  const ending = {
    word: formatVerdictWord(report),
    sentence: `${formatVerdictRest(report)}.`,
    state: verdict,
  }
  const painted = formatEnding(ending, { exitCode, exitName }, style)
  return `${rows.length === 0 ? '' : `${formatColumns(rows, style.width)}\n\n`}${painted}`
}
