import type {
  CutoverDrill,
  CutoverPlanDocument,
  CutoverReconciliation,
  CutoverStatusDocument,
  CutoverStep,
  DrillStep,
  InstanceStatus,
  ReconciledRow,
  RowReconciliation,
  SideStatus,
  StagingDrill,
} from '../core/report/cutover-documents.ts'
import type { WayOut } from '../core/cutover/way-out.ts'
import { escapeLine } from '../core/text/terminal.ts'
import { foldLine, formatColumns } from './paint.ts'

const STANDINGS: Readonly<Record<WayOut['standing'], string>> = {
  ready: 'the next step may be taken',
  finished: 'there is no further step',
  drill: 'a drill is under way, and ends by itself',
  copies_differ: 'a command ended in the middle of a step: the two records differ',
  armed: 'a command ended in the middle of a step: writes take the switch lock',
  intent_open: 'a command ended in the middle of a step: it may have been decided',
  chains_forked: 'both sides go on differently',
  database_left: 'this database was left, and is never joined again',
  other_database: 'the database is not the one of this cutover',
  database_unreachable: 'the database does not answer',
}

/** The status as text; the last line is the command that comes next. */
export function formatCutoverStatus(status: CutoverStatusDocument, width?: number): string {
  const { database, lag, intent, next } = status
  const rows = [
    ['phase', status.armed ? `${status.phase}, armed for a change of authority` : status.phase],
    ['epoch', `${status.epoch}`],
    ['attempt', `${status.attempt}${status.scratch ? ', scratch' : ''}`],
    ['file', formatSide(status.file)],
    ['database', database === null ? 'does not answer' : formatSide(database)],
    ['lag', lag === null ? 'none to measure' : `${lag.changes} changes`],
    ...(intent === null ? [] : [['intent', `${intent.phase}, epoch ${intent.epoch}`]]),
    ...(status.drill_ends_at === null ? [] : [['drill', `until ${status.drill_ends_at}`]]),
    ['standing', STANDINGS[next.standing]],
  ]
  return [
    formatColumns(rows, width),
    ...formatList('instances', status.instances.map(formatInstance), width),
    ...formatList(
      'blocks the next step',
      status.blocks.map(({ code, detail }) => `${code}: ${escapeLine(detail)}`),
      width,
    ),
    `next: ${next.command}\n`,
  ].join('\n')
}

const formatSide = ({ epoch, phase, seq, hash }: SideStatus): string =>
  `${phase === null ? 'no record' : `${phase}, epoch ${epoch}`}, head ${seq} ${hash.slice(0, 12)}`

function formatInstance(one: InstanceStatus): string {
  const role = one.writer === true ? ', writer' : ''
  const life = one.live ? 'live' : 'has not renewed'
  return `${escapeLine(one.id)} on ${escapeLine(one.host)}, pid ${one.pid}${role}: ${life}, epoch ${one.epoch}, ${one.places.join(' and ')}`
}

const formatList = (title: string, lines: readonly string[], width?: number): readonly string[] =>
  lines.length === 0
    ? []
    : [`${title}:`, ...lines.map((line) => foldLine(`  ${line}`, '    ', width))]

export function formatCutoverStep(step: CutoverStep): string {
  const { from, phase, epoch, attempt, filled, paused_ms, next } = step
  const moved = from === phase ? `The phase is ${phase}` : `From ${from} to ${phase}`
  const lines = [
    `${moved}, epoch ${epoch}, attempt ${attempt}.`,
    ...(filled === null ? [] : [`Copied ${filled} records into the database first.`]),
    ...(paused_ms === null ? [] : [`Writes waited ${Math.round(paused_ms)} ms for the switch.`]),
    ...(phase === 'complete'
      ? ['From here a rollback fills the folder from the database first.']
      : []),
    `next: ${next.command}`,
  ]
  return `${lines.join('\n')}\n`
}

export function formatStagingDrill({ steps, next }: StagingDrill, width?: number): string {
  const rows = steps.map(({ from, phase, epoch, seconds, paused_ms }) => [
    `${from} to ${phase}`,
    `epoch ${epoch}`,
    `${seconds.toFixed(2)} s`,
    paused_ms === null ? 'no pause' : `writes waited ${Math.round(paused_ms)} ms`,
  ])
  return `${formatColumns(rows, width)}\nnext: ${next.command}\n`
}

export function formatCutoverPlan(
  { phase, steps, next }: CutoverPlanDocument,
  width?: number,
): string {
  const list = steps.map(({ to, command, what }, at) =>
    foldLine(`${at + 1}. ${to}: \`${command}\`: ${what}.`, '   ', width),
  )
  return [`The phase is ${phase}.`, ...list, `next: ${next.command}\n`].join('\n')
}

export function formatCutoverReconciliation(found: CutoverReconciliation): string {
  const { phase, common_seq, file_only, database_only, rows, next } = found
  return [
    `The phase is ${phase}; both sides have one chain up to record ${common_seq}.`,
    ...formatOwn('the file', file_only),
    ...formatOwn('the database', database_only),
    ...(rows === null ? ['Rows are not compared.'] : formatRows(rows)),
    `next: ${next.command}\n`,
  ].join('\n')
}

function formatRows(rows: RowReconciliation): readonly string[] {
  const { compared, complete, in_flight, found, repaired, left } = rows
  const counts = [
    `${compared} rows compared`,
    ...[[found, 'differ'] as const, [repaired, 'repaired'] as const, [left, 'left'] as const]
      .filter(([count]) => count > 0)
      .map(([count, what]) => `${count} ${what}`),
    ...(in_flight === 0 ? [] : [`${in_flight} changed at each look`]),
    ...(complete ? [] : ['there may be more']),
  ]
  const listed = rows.rows.length
  return [
    ...formatList(counts.join(', '), rows.rows.map(formatRow)),
    ...(listed === 0 ? [`${counts.join(', ')}.`] : []),
    ...(found + repaired + left > listed ? [`  and ${found + repaired + left - listed} more`] : []),
  ]
}

const KINDS: Readonly<Record<ReconciledRow['kind'], string>> = {
  differs: 'differs',
  file_only: 'only in the file',
  database_only: 'only in the database',
}
function formatRow({
  table,
  scope_id,
  flag_key,
  kind,
  fields,
  outcome,
  seq,
  reason,
}: ReconciledRow): string {
  const key = [...(scope_id === null ? [] : [scope_id]), flag_key].map(escapeLine).join(' ')
  const where = fields.length === 0 ? '' : ` in ${fields.map(escapeLine).join(', ')}`
  const done = outcome === 'repaired' ? `, repaired by record ${seq}` : ''
  const why = outcome === 'left' ? `, left: ${reason}` : ''
  return `${table} ${key}: ${KINDS[kind]}${where}${done}${why}`
}

const formatOwn = (
  side: string,
  { count, records }: CutoverReconciliation['file_only'],
): readonly string[] => [
  ...formatList(
    `only in ${side}, ${count}`,
    records.map(
      ({ seq, occurred_at, actor, action, target, outcome }) =>
        `${seq} ${occurred_at} ${escapeLine(actor)} ${action} ${escapeLine(target)} ${outcome}`,
    ),
  ),
  ...(count > records.length && records.length > 0 ? [`  and ${count - records.length} more`] : []),
]

/** One step of a drill in a line, as it is told while the drill goes on. */
export const formatDrillStep = ({ from, to, seconds, requests, failed, lost }: DrillStep): string =>
  `${from} to ${to}: ${seconds} s, ${requests} requests, ${failed} failed, ${lost} lost`

const DRILL_HEAD = ['from', 'to', 'seconds', 'lock ms', 'gap ms', 'requests', 'failed', 'lost']
/** The cells of a step, in the order of the head. */
const toDrillRow = (step: DrillStep): readonly string[] => [
  step.from,
  step.to,
  step.seconds.toFixed(2),
  step.paused_ms === null ? '-' : `${step.paused_ms}`,
  `${step.write_gap_ms}`,
  `${step.requests}`,
  `${step.failed}`,
  `${step.lost}`,
]
/** The table of the steps, head first. */
export const listDrillRows = ({ steps }: CutoverDrill): readonly (readonly string[])[] => [
  DRILL_HEAD,
  ...steps.map(toDrillRow),
]

/** What was measured beside the steps, as terms. */
export const listDrillFacts = (drill: CutoverDrill): readonly (readonly [string, string])[] => {
  const { total, writes, decisions } = drill
  return [
    ['server', drill.server],
    ['store', drill.store === null ? 'made for the drill' : `a copy of ${drill.store}`],
    ['load', `${drill.seconds} s in each phase, ${total.requests} requests`],
    ['failed', `${total.failed} (${(total.failed_share * 100).toFixed(2)} %)`],
    ['marked stale', `${total.stale} decisions`],
    [
      'writes',
      `${total.acknowledged} acknowledged, ${writes.missing} lost, ${writes.repeated} made twice`,
    ],
    ['decisions', `${decisions.compared} compared, ${decisions.differing} differ`],
    ...drill.because.map((one) => ['because', one] as const),
  ]
}

/** Steps, totals and the verdict; `gap` is the longest time without an acknowledged write. */
export function formatCutoverDrill(drill: CutoverDrill, width?: number): string {
  const examples = drill.examples.map((one) => escapeLine(one))
  return [
    formatColumns(listDrillRows(drill), width),
    '',
    formatColumns(
      listDrillFacts(drill).map(([name, text]) => [name, escapeLine(text)]),
      width,
    ),
    ...formatList('examples', examples),
    `${drill.verdict.toUpperCase()}  It is no evidence: \`ff probe run I1\` writes that.\n`,
  ].join('\n')
}
