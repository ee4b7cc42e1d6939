import type { ObservationView } from '../core/observe/series.ts'
import Table from 'cli-table3'
import { stripVTControlCharacters, styleText } from 'node:util'

/** Colours of states. The state is also a word, so a reader without colour loses nothing. */
const COLORS: Readonly<Record<string, 'green' | 'red' | 'yellow'>> = {
  pass: 'green',
  fail: 'red',
  go: 'green',
  waived: 'green',
  no_go: 'red',
  untrusted: 'red',
  inconclusive: 'yellow',
  cancelled: 'yellow',
  unanswered: 'yellow',
  pending: 'yellow',
  never_reached: 'yellow',
  skipped: 'yellow',
}

/**
 * The state that a headline says: the exit name for `not_ready`, `untrusted` and `busy`, for which a report's verdict
 * has no word of its own; else the verdict.
 */
export const toHeadlineState = (exitName: string, verdict: string): string =>
  HEADLINES.has(exitName) ? exitName : verdict
const HEADLINES: ReadonlySet<string> = new Set(['not_ready', 'untrusted', 'busy'])

/** A state as a word in capitals with blanks for underscores, such as `NO GO`, in its colour where `color` is set. */
export function formatState(state: string, { color }: Style): string {
  return colorWord(state.replaceAll('_', ' ').toUpperCase(), state, { color })
}

/**
 * A word in the colour of a state, yellow for an unknown one, as ANSI escapes; the plain word where `color` is false.
 */
export const colorWord = (word: string, state: string, { color }: Style): string =>
  // The caller knows whether the output takes colour.
  color ? styleText(COLORS[state] ?? 'yellow', word, { validateStream: false }) : word

interface Ending {
  /** The verdict in words, such as `NOT READY`. */
  readonly word: string
  readonly sentence: string
  /** The state that gives the word its colour. */
  readonly state: string
}
/**
 * The last line of a report: the verdict in its colour, sentence and exit code with name. Folded to the width, the
 * exit never within itself. No final line feed.
 */
export function formatEnding(
  { word, sentence, state }: Ending,
  { exitCode, exitName }: { readonly exitCode: number; readonly exitName: string },
  style: Style,
): string {
  const exit = `exit ${exitCode} (${exitName})`
  const folded = foldLine(`${word}  ${sentence}`, '  ', style.width)
  const room = (style.width ?? WIDTH) - (folded.length - folded.lastIndexOf('\n') - 1)
  const line = room < exit.length + 2 ? `${folded}\n  ${exit}` : `${folded}  ${exit}`
  return colorWord(word, state, style) + line.slice(word.length)
}

/** Width of text in columns where none is given. */
const WIDTH = 80
/** Its width in columns, without escapes of colours. */
export const getWidth = (cell: string): number => stripVTControlCharacters(cell).length

/** Stands for a blank at which no line is folded. Values cannot hold it: their controls are escaped. */
const HELD = '\0'
/** A command as a cell that is not folded, so that it can be pasted. */
export const holdLine = (command: string): string => command.replaceAll(' ', HELD)

/**
 * Folds a line at blanks to a width, 80 by default, joined by line feeds, and indents the following ones; keeps the indentation
 * of the first. A single word may exceed the width, and so may a command in backticks, which stays on one line.
 */
export function foldLine(line: string, indent: string, width: number = WIDTH): string {
  return foldText(line, { indent, width })
}

/** As `foldLine`, to a given width. */
export function foldText(
  line: string,
  { indent, width }: { readonly indent: string; readonly width: number },
): string {
  const [first = '', ...words] = line
    .trimStart()
    .replaceAll(/`[^`]*`/g, holdLine)
    .split(' ')
  const lines = [line.slice(0, line.length - line.trimStart().length) + first]
  for (const word of words) {
    const longer = `${lines.at(-1) ?? ''} ${word}`
    if (getWidth(longer) > width) lines.push(indent + word)
    else lines[lines.length - 1] = longer
  }
  return lines.join('\n').replaceAll(HELD, ' ')
}

/**
 * Formats rows as columns without rules, indented by two blanks and separated by two; folds the last column to the width,
 * 80 by default, as `foldLine` does. Where too little is left for that column, its cell follows on lines of its own. No
 * final line feed; empty for no rows.
 */
export function formatColumns(rows: readonly (readonly string[])[], width: number = WIDTH): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => getWidth(row[at] ?? ''))),
  )
  const left = width - widths.slice(0, -1).reduce((all, one) => all + one + 2, 2)
  if ((widths.at(-1) ?? 0) <= left) return formatTable(rows, Infinity)
  return left > LEAST ? formatTable(rows, left) : rows.map((row) => stack(row, width)).join('\n')
}
/** The least width to fold a column to. */
const LEAST = 20

/** A row whose last cell stands below the others. */
function stack(row: readonly string[], width: number): string {
  const first = row.slice(0, -1).filter((cell) => cell !== '')
  const lines = [
    ...(first.length === 0 ? [] : [foldText(`  ${first.join('  ')}`, { indent: '    ', width })]),
    ...row.slice(-1).map((cell) => foldText(`      ${cell}`, { indent: '      ', width })),
  ]
  return lines.filter((line) => line.trim() !== '').join('\n')
}

/** @param most width of the last column, to which it is folded */
function formatTable(rows: readonly (readonly string[])[], most: number): string {
  const none = Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
    ]
      .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
      .map((name) => [name, '']),
  )
  const table = new Table({
    chars: { ...none, middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, border: [], head: [] },
  })
  table.push(
    ...rows.map((row) => [
      ...row.slice(0, -1),
      ...row.slice(-1).map((cell) => foldText(cell, { indent: '', width: most })),
    ]),
  )
  return table
    .toString()
    .split('\n')
    .map((line) => `  ${line}`.trimEnd())
    .join('\n')
}

/** Options of a reporter; only the text format uses `color` and `width`, and only the HTML of a gate `observation`. */
export interface Style {
  readonly color: boolean
  /** Columns of text; 80 where absent. */
  readonly width?: number | undefined
  /** What the recording of staging shows; null or absent where it was not read. */
  readonly observation?: ObservationView | null
}
