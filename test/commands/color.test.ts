import { expect, test } from 'vitest'
import { useColor } from '../../src/commands/run-report.ts'

const ON = true
const OFF = false
/** Option, environment, whether stdout is a terminal; the rows are in the order of precedence. */
const ROWS: readonly (readonly [boolean | null, Record<string, string>, boolean, boolean])[] = [
  [true, { NO_COLOR: '1', TERM: 'dumb' }, OFF, ON],
  [false, { FORCE_COLOR: '1' }, ON, OFF],
  [null, { NO_COLOR: '1', FORCE_COLOR: '1' }, ON, OFF],
  [null, { NO_COLOR: '' }, ON, ON],
  [null, { FORCE_COLOR: '1', CLICOLOR: '0' }, OFF, ON],
  [null, { FORCE_COLOR: '0', CLICOLOR_FORCE: '1' }, ON, OFF],
  [null, { CLICOLOR_FORCE: '1', TERM: 'dumb' }, OFF, ON],
  [null, { CLICOLOR_FORCE: '0' }, OFF, OFF],
  [null, { CLICOLOR: '0' }, ON, OFF],
  [null, { CLICOLOR: '1' }, OFF, OFF],
  [null, { TERM: 'dumb' }, ON, OFF],
  [null, {}, ON, ON],
  [null, {}, OFF, OFF],
]

test.each(ROWS)('N13: colour by option %j and %j, terminal %j: %j', (chosen, env, terminal, is) => {
  expect(useColor({ env, io: { stdoutIsTerminal: terminal } }, chosen)).toBe(is)
})
