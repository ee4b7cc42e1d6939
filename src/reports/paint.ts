import { Chalk } from 'chalk'
import Table from 'cli-table3'
import type { Style } from './style.ts'

/** A state is always a word; colour only repeats it. */
const COLORS: Readonly<Record<string, 'green' | 'red' | 'yellow'>> = {
  pass: 'green',
  fail: 'red',
  inconclusive: 'yellow',
  cancelled: 'yellow',
  unanswered: 'yellow',
  pending: 'yellow',
  never_reached: 'yellow',
  skipped: 'yellow',
}

export function paintState(state: string, { color }: Style): string {
  const chalk = new Chalk({ level: color ? 1 : 0 })
  const word = state.replaceAll('_', ' ').toUpperCase()
  return chalk[COLORS[state] ?? 'yellow'](word)
}

/** Columns without lines, two blanks in and between. */
export function columns(rows: readonly (readonly string[])[]): string {
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
  table.push(...rows.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => `  ${line}`.trimEnd())
    .join('\n')
}
