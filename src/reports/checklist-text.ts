import { formatLimit } from '../core/gate/limits.ts'
import type { Checklist, ChecklistItem } from '../core/gate/types.ts'
import type { Departure } from '../core/gate/floor.ts'
import { formatDepartures } from './gate-words.ts'
import { foldLine, formatColumns } from './paint.ts'
import type { ProbeExplanation, ProbeRow } from '../core/report/types.ts'
import { escapeForTerminal, escapeLine } from '../core/text/terminal.ts'

/**
 * The items of a checklist as text, one line each below their group, then their number. Escapes every text for a
 * terminal; ends with a line feed.
 */
export function formatChecklist(checklist: Checklist, width?: number): string {
  const { groups, items } = escapeForTerminal(checklist)
  const parts = groups.map(({ id, title }) => {
    const own = items.filter(({ group }) => group === id)
    const rows = own.map((item) => [
      item.id,
      item.where,
      item.max_age,
      WAIVED[item.waivable],
      item.title,
    ])
    return `${id}  ${title} (${own.length})\n${formatColumns(rows, width)}`
  })
  const last = `${items.length} items in ${groups.length} groups. Explain one with ff checklist explain ID.`
  return `${[...parts, foldLine(last, '', width)].join('\n\n')}\n`
}

const WAIVED = { no: 'not waivable', one: 'platform lead', two: 'both leads' } as const
const RUNS = { with_probe: 'with the probe', selftest: 'by ff probe selftest' } as const
const KINDS = {
  probe: 'measured',
  probe_and_attestation: 'measured, and attested',
  signature: 'signed',
  command: 'measured by a command of the team',
} as const

/**
 * Everything about one item as text: its kind, probe, place, limits, sample, controls, age, identity, waiver and
 * owner, its reason and fix, and the command that measures it. Escapes every text for a terminal; ends with a line
 * feed.
 */
export function formatChecklistItem(given: ChecklistItem, width?: number): string {
  const item = escapeForTerminal(given)
  const rows: readonly (readonly [string, string])[] = [
    [
      'kind',
      `${KINDS[item.kind]}${item.attest_role === null ? '' : ` by the ${item.attest_role.replace('-', ' ')}`}`,
    ],
    ['probe', `${item.probe.name}, version ${item.probe.version}`],
    ['where', `${item.where} (${item.effect})`],
    ...item.limits.map((limit, at): [string, string] => [
      at === 0 ? 'required' : '',
      formatLimit(limit),
    ]),
    ['sample', `at least ${item.min_sample}`],
    ...item.controls.map(({ limit, name, run, max_age }, at): [string, string] => [
      at === 0 ? 'controls' : '',
      `${limit}: ${name} (${RUNS[run]}, good for ${max_age})`,
    ]),
    ['good for', item.max_age],
    ['stale when', `${item.identity.join(', ')} change`],
    ['waived by', WAIVED[item.waivable]],
    ['owner', item.owner],
    ['read', item.docs],
  ]
  const parts = [
    foldLine(`${item.id}  ${item.title}`, '    ', width),
    foldLine(`  ${item.why}`, '  ', width),
    formatColumns(rows, width),
    foldLine(`  Fix: ${item.remediation}`, '  ', width),
    `  Measure it: ff probe run ${item.id}`,
  ]
  return `${parts.join('\n\n')}\n`
}

const DEPARTURE_KINDS = {
  looser: 'looser, which is refused',
  stricter: 'stricter',
  free: "free: it describes the team's service",
  text: 'text alone',
} as const

/**
 * The departures of a checklist from the package's as text, first what was taken, then by kind, and a last line with
 * their number; no value can make a line of its own. Ends with a line feed.
 */
export function formatChecklistDiff({
  file,
  departures,
  taken,
}: {
  readonly file: string
  readonly departures: readonly Departure[]
  readonly taken: readonly Departure[]
}): string {
  const kinds = Object.keys(DEPARTURE_KINDS) as (keyof typeof DEPARTURE_KINDS)[]
  const lists: readonly (readonly [string, readonly Departure[]])[] = [
    ["the package's value was written", taken],
    ...kinds.map(
      (kind) => [DEPARTURE_KINDS[kind], departures.filter((one) => one.kind === kind)] as const,
    ),
  ]
  const parts = lists
    .filter(([, own]) => own.length > 0)
    .map(([title, own]) => formatDepartures(`${title} (${own.length})`, own))
  const looser = departures.some(({ kind }) => kind === 'looser')
  const last =
    departures.length === 0
      ? "departs in nothing from the package's checklist."
      : `departs from the package's checklist in ${departures.length} member${departures.length === 1 ? '' : 's'}.`
  return `${[
    ...parts,
    `${escapeLine(file)} ${last}${looser ? " Take the package's values with ff checklist diff --take." : ''}`,
  ].join('\n\n')}\n`
}

/**
 * The probes as text, one line an item: its probe and place of measurement, or what it needs before it can be
 * measured; then the number of items that need nothing. Escapes every text for a terminal; ends with a line feed.
 */
export function formatProbeList(given: readonly ProbeRow[], width?: number): string {
  const rows = escapeForTerminal(given)
  const lines = rows.map(({ id, probe, where, effect, needs }) => [
    id,
    probe,
    needs === null ? `${where} (${effect})` : `needs ${needs}`,
  ])
  const measured = rows.filter(({ needs }) => needs === null).length
  const last = `${measured} of ${rows.length} items can be measured with ff probe run.`
  return `${formatColumns(lines, width)}\n\n${foldLine(last, '', width)}\n`
}

/**
 * What the probe of one item measures as text: its place and effect, the limits with their planted faults, and what it
 * needs to measure staging. Escapes every text for a terminal; ends with a line feed.
 */
export function formatProbeExplanation(given: ProbeExplanation, width?: number): string {
  const { id, title, probe, where, effect, needs, limits, controls, staging } =
    escapeForTerminal(given)
  const rows: readonly (readonly [string, string])[] = [
    ['probe', needs === null ? probe : `${probe}, which needs ${needs}`],
    ['where', `${where} (${effect})`],
    ...limits.map((limit, at): [string, string] => [
      at === 0 ? 'required' : '',
      formatLimit(limit),
    ]),
    ...controls.map(({ limit, name }, at): [string, string] => [
      at === 0 ? 'controls' : '',
      `${limit}: ${name}`,
    ]),
  ]
  const parts = [
    foldLine(`${id}  ${title}`, '    ', width),
    formatColumns(rows, width),
    ...(staging === null
      ? []
      : [`  On staging it needs`, ...staging.map((one) => foldLine(`  - ${one}`, '    ', width))]),
    `  Measure it: ff probe run ${id}${staging !== null && effect === 'disrupt' ? ` --allow-disrupt ${id}` : ''}`,
  ]
  return `${parts.join('\n\n')}\n`
}

interface Row {
  readonly name: string
  readonly shown: string
  /** The origin; null without `--origin`. */
  readonly from: string | null
}

/**
 * The settings as text, one line each, escaped for a terminal, with a final line feed; with a column for the origin
 * where `from` is not null.
 */
export const formatSettingsTable = (rows: readonly Row[], width?: number): string =>
  `${formatColumns(
    escapeForTerminal(rows).map(({ name, shown, from }) => [
      name,
      ...(from === null ? [] : [from]),
      shown,
    ]),
    width,
  )}\n`
