import { EXIT_STATUSES } from '../core/exit.ts'
import {
  FILE_SETTINGS,
  getSettingRow,
  SETTING_NAMES,
  toFileKey,
} from '../core/settings/settings.ts'

/** The text of `ff help TOPIC` by topic; the manual page of `ff` has the same. */
export const HELP_TOPICS: Readonly<Record<string, () => string>> = {
  'exit-codes': formatExitCodes,
  formats: () => FORMATS,
  settings: formatSettings,
  targets: () => TARGETS,
}

function formatExitCodes(): string {
  const rows = Object.entries(EXIT_STATUSES).map(
    ([name, [status, meaning]]) => `${String(status).padStart(4)}  ${name.padEnd(13)} ${meaning}`,
  )
  return ['Exit codes, the same in every output format.', '', ...rows, ''].join('\n')
}

const FORMATS = `Formats of a report, by --format for standard output and --output FORMAT=PATH for a file.

  text      for people; in colour on a terminal
  json      one document with a schema: ff schema lists them; --json is short for it
  junit     XML for the test view of a CI server
  sarif     2.1.0, for code scanning
  github    annotations, and the summary of the job
  markdown  for a comment or a wiki
  html      one file without scripts

Colour: --color, then NO_COLOR, FORCE_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM=dumb, then whether it is a terminal.
`

const TARGETS = `Targets of --baseline, --candidate, --database, --store and --into.

  file               a temporary file store
  file:DIR           the file store in that folder
  embedded           a private PostgreSQL, gone at the end
  env:NAME           the URL in the variable NAME
  postgres://...     a database; a URL with a password is refused: use env:NAME or PGPASSFILE
  https://...        a service, for parity replay and for a harness
`

function formatSettings(): string {
  const rows = SETTING_NAMES.map((name) => {
    const key = FILE_SETTINGS.includes(name) ? toFileKey(name) : 'environment only'
    return `  ${name} (${key})\n      ${getSettingRow(name).what}`
  })
  return [
    'Settings: the option, else the environment, else ff.config.json (found upwards), else the default.',
    '',
    ...rows,
    '',
  ].join('\n')
}
