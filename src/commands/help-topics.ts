import { EXIT_STATUSES } from '../core/exit.ts'
import {
  FILE_SETTINGS,
  getSettingRow,
  SETTING_NAMES,
  toFileKey,
} from '../core/settings/settings.ts'
import { foldLine, formatColumns } from '../reports/paint.ts'

/** The text of `ff help TOPIC` by topic, in so many columns, 80 by default; the manual page of `ff` has the same. */
export const HELP_TOPICS: Readonly<Record<string, (width?: number) => string>> = {
  'exit-codes': formatExitCodes,
  formats: formatFormats,
  settings: formatSettingRows,
  targets: formatTargets,
}

function formatExitCodes(width?: number): string {
  const rows = Object.entries(EXIT_STATUSES).map(([name, [status, meaning]]) => [
    String(status),
    name,
    meaning,
  ])
  const head = foldLine('Exit codes, the same in every output format.', '', width)
  return `${head}\n\n${formatColumns(rows, width)}\n`
}

const FORMATS: readonly (readonly [name: string, what: string])[] = [
  ['text', 'for people; in colour on a terminal'],
  ['json', 'one document with a schema: ff schema lists them; --json is short for it'],
  ['junit', 'XML for the test view of a CI server'],
  ['sarif', '2.1.0, for code scanning'],
  ['github', 'annotations, and the summary of the job'],
  ['markdown', 'for a comment or a wiki'],
  ['html', 'one file without scripts'],
]
const ON_A_TERMINAL = [
  'Colour: --color, then NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM=dumb, then whether it is a terminal.',
  'Text longer than a terminal goes through FF_PAGER, else PAGER, else less; --no-pager or FF_PAGER=cat prints it at once.',
  'Text fits COLUMNS, else the terminal, from 40 to 120 columns; elsewhere it has 80.',
]
function formatFormats(width?: number): string {
  const head =
    'Formats of a report, by --format for standard output and --output FORMAT=PATH for a file.'
  return [
    foldLine(head, '', width),
    '',
    formatColumns(FORMATS, width),
    '',
    ...ON_A_TERMINAL.map((line) => foldLine(line, '', width)),
    '',
  ].join('\n')
}

const TARGETS: readonly (readonly [target: string, what: string])[] = [
  ['file', 'a temporary file store'],
  ['file:DIR', 'the file store in that folder'],
  ['embedded', 'a private PostgreSQL, gone at the end'],
  ['env:NAME', 'the URL in the variable NAME'],
  ['postgres://...', 'a database; a URL with a password is refused: use env:NAME or PGPASSFILE'],
  ['https://...', 'a service, for parity replay and for a harness'],
]
function formatTargets(width?: number): string {
  const head = 'Targets of --baseline, --candidate, --database, --store and --into.'
  return `${foldLine(head, '', width)}\n\n${formatColumns(TARGETS, width)}\n`
}

function formatSettingRows(width?: number): string {
  const head =
    'Settings: the option, else the environment, else ff.config.json (found upwards), else the default.'
  const rows = SETTING_NAMES.map((name) => {
    const key = FILE_SETTINGS.includes(name) ? toFileKey(name) : 'environment only'
    return `  ${name} (${key})\n${foldLine(`      ${getSettingRow(name).what}`, '      ', width)}`
  })
  return [foldLine(head, '', width), '', ...rows, ''].join('\n')
}
