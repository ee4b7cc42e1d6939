import { escapeForTerminal } from '../core/text/terminal.ts'
import { formatColumns } from './paint.ts'

interface Row {
  readonly name: string
  readonly shown: string
  /** Where it came from; null where that was not asked. */
  readonly from: string | null
}

/** The settings, a line each. */
export const formatSettingsTable = (rows: readonly Row[]): string =>
  `${formatColumns(escapeForTerminal(rows).map(({ name, shown, from }) => [name, ...(from === null ? [] : [from]), shown]))}\n`
