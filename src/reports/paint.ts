import Table from 'cli-table3'
import { stripVTControlCharacters } from 'node:util'
import { Chalk } from 'chalk'

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

export function formatState(state: string, { color }: Style): string {
  return colorWord(state.replaceAll('_', ' ').toUpperCase(), state, { color })
}

/** Paints any word in the colour of a state. */
export const colorWord = (word: string, state: string, { color }: Style): string =>
  new Chalk({ level: color ? 1 : 0 })[COLORS[state] ?? 'yellow'](word)

/** Width of text in columns. */
const WIDTH = 80
const getWidth = (cell: string): number => stripVTControlCharacters(cell).length

/** Folds a line at blanks and indents the following ones. A single word may exceed the width. */
export function foldLine(line: string, indent: string): string {
  const [first = '', ...words] = line.trimStart().split(' ')
  const lines = [line.slice(0, line.length - line.trimStart().length) + first]
  for (const word of words) {
    const longer = `${lines.at(-1) ?? ''} ${word}`
    if (longer.length > WIDTH) lines.push(indent + word)
    else lines[lines.length - 1] = longer
  }
  return lines.join('\n')
}

/** Formats rows as columns without rules, indented and separated by two blanks; folds the last column to the width. */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const first = rows[0] ?? []
  const before = first
    .slice(0, -1)
    .map((_, at) => Math.max(...rows.map((row) => getWidth(row[at] ?? ''))))
  const left = WIDTH - before.reduce((all, width) => all + width + 2, 2)
  // Words are never cut, and a column of 20 or less stays unfolded.
  const words = rows.flatMap((row) => (row.at(-1) ?? '').split(' '))
  const room = left > 20 ? Math.max(left, ...words.map(getWidth)) : null
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
    ...(room !== null ? { wordWrap: true, colWidths: [...before, room] } : {}),
    style: { 'padding-left': 0, 'padding-right': 0, border: [], head: [] },
  })
  table.push(...rows.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => `  ${line}`.trimEnd())
    .join('\n')
}

/** Options of a reporter; only the text format uses `color`. */
export interface Style {
  readonly color: boolean
}
