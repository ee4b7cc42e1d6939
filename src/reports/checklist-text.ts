import { formatLimit } from '../core/gate/limits.ts'
import type { Checklist, ChecklistItem } from '../core/gate/types.ts'
import { foldLine, formatColumns } from './paint.ts'
import type { ProbeRow } from '../core/report/types.ts'
import { escapeForTerminal } from '../core/text/terminal.ts'

/** The items by group, one line each. */
export function formatChecklist({ groups, items }: Checklist): string {
  const parts = groups.map(({ id, title }) => {
    const own = items.filter(({ group }) => group === id)
    const rows = own.map((item) => [
      item.id,
      item.where,
      item.max_age,
      WAIVED[item.waivable],
      item.title,
    ])
    return `${id}  ${title} (${own.length})\n${formatColumns(rows)}`
  })
  const last = `${items.length} items in ${groups.length} groups. ff checklist explain ID says more of one.`
  return `${[...parts, last].join('\n\n')}\n`
}

const WAIVED = { no: 'not waivable', one: 'platform lead', two: 'both leads' } as const
const KINDS = {
  probe: 'measured',
  probe_and_attestation: 'measured, and attested to',
  signature: 'signed',
  command: "measured by a command of the team's own",
} as const

/** Everything about one item. */
export function formatChecklistItem(item: ChecklistItem): string {
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
    ['control', item.control.name],
    ['good for', item.max_age],
    ['stale when', `${item.identity.join(', ')} change`],
    ['waived by', WAIVED[item.waivable]],
    ['owner', item.owner],
    ['read', item.docs],
  ]
  const parts = [
    `${item.id}  ${item.title}`,
    foldLine(`  ${item.why}`, '  '),
    formatColumns(rows),
    foldLine(`  To leave a failure: ${item.remediation}`, '  '),
    `  Measure it: ff probe run ${item.id}`,
  ]
  return `${parts.join('\n\n')}\n`
}

/** A line an item: its probe and where that measures, or what it needs. */
export function formatProbeList(rows: readonly ProbeRow[]): string {
  const lines = rows.map(({ id, probe, where, effect, needs }) => [
    id,
    probe,
    needs === null ? `${where} (${effect})` : `needs ${needs}`,
  ])
  const measured = rows.filter(({ needs }) => needs === null).length
  return `${formatColumns(lines)}\n\n${measured} of ${rows.length} items can be measured: ff probe run.\n`
}

interface Row {
  readonly name: string
  readonly shown: string
  /** Where it came from; null where that was not asked. */
  readonly from: string | null
}

/** The settings, a line each. */
export const formatSettingsTable = (rows: readonly Row[]): string =>
  `${formatColumns(escapeForTerminal(rows).map(({ name, shown, from }) => [name, ...(from === null ? [] : [from]), shown]))}\n`
