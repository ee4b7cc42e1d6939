import { describe, expect, test } from 'vitest'
import { foldLine, formatColumns, holdLine } from '../../src/reports/paint.ts'

const COMMAND =
  'ff trust rotate --end ci --lost old --runner new.pub.json:scratch,staging --key alice.key.json'

test('a line is folded at blanks to 80 characters, and keeps double blanks and its indentation', () => {
  const folded = foldLine(`  PASS  ${'word '.repeat(30)}end`, '    ')
  const lines = folded.split('\n')
  expect(lines.length).toBeGreaterThan(1)
  expect(lines[0]).toMatch(/^ {2}PASS {2}word/)
  expect(lines.slice(1).every((line) => line.startsWith('    word'))).toBe(true)
  expect(lines.every((line) => line.length <= 80)).toBe(true)
})

test('a command in backticks stays on one line, however long it is', () => {
  const folded = foldLine(
    `    Give up the log that is gone for good: \`${COMMAND}\`. Then set the pin.`,
    '    ',
  )
  expect(folded.split('\n')).toContain(`    \`${COMMAND}\`.`)
})

test('a single backtick holds nothing together', () => {
  expect(foldLine(`a \` ${'word '.repeat(30)}end`, '').split('\n')).toHaveLength(2)
})

test('a command in the last column stays on one line, and text in it is folded', () => {
  const lines = formatColumns([
    ['fix', 'word '.repeat(30).trim()],
    ['next', holdLine(COMMAND)],
  ]).split('\n')
  expect(lines.at(-1)).toBe(`  next  ${COMMAND}`)
  expect(lines).toHaveLength(4)
  expect(lines.slice(0, 3).every((line) => line.length <= 80)).toBe(true)
})

describe('a table at 40 columns', () => {
  const lines = (rows: readonly (readonly string[])[]): readonly string[] =>
    formatColumns(rows, 40).split('\n')
  test('folds its last column where that has room', () => {
    const found = lines([['next', 'word '.repeat(20).trim()]])
    expect(found.length).toBeGreaterThan(2)
    expect(found.every((line) => line.length <= 40)).toBe(true)
    expect(found[1]).toMatch(/^ {8}word/)
  })
  test('puts its last column below the others where it has none, and drops an empty first line', () => {
    expect(
      lines([
        ['FF_MAX_LISTENERS_PER_PEER', 'default', 'word '.repeat(8).trim()],
        ['', '', 'last'],
      ]),
    ).toEqual([
      '  FF_MAX_LISTENERS_PER_PEER  default',
      `      ${'word '.repeat(7).trim()}`,
      '      word',
      '      last',
    ])
  })
  test('stays as it is where it fits', () => {
    expect(lines([['a'.repeat(30), 'b'.repeat(6)]])).toEqual([
      `  ${'a'.repeat(30)}  ${'b'.repeat(6)}`,
    ])
  })
})
