import { expect, test } from 'vitest'
import { EXIT_STATUSES, type ExitName, decideExit } from '../../src/core/exit.ts'

/** The expected precedence, independent of the code. */
const ORDER: readonly ExitName[] = [
  'internal',
  'untrusted',
  'timeout',
  'interrupted',
  'terminated',
  'usage',
  'busy',
  'no_go',
  'inconclusive',
  'not_ready',
  'ok',
]
const pairs = ORDER.flatMap((first, at) =>
  ORDER.slice(at).map((second): readonly [ExitName, ExitName] => [first, second]),
)

test('the precedence holds every exit once', () => {
  expect([...ORDER].sort()).toEqual(Object.keys(EXIT_STATUSES).sort())
})
test.each(pairs)('%s takes precedence over %s in any order', (first, second) => {
  expect([decideExit(first, second), decideExit(second, first)]).toEqual([first, first])
})
test('of many outcomes the one of highest precedence decides', () => {
  expect(decideExit('ok', 'not_ready', 'no_go', 'inconclusive')).toBe('no_go')
  expect(decideExit('ok')).toBe('ok')
})
