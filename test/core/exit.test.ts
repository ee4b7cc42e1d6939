import { expect, test } from 'vitest'
import { EXIT_STATUSES, type ExitName, decideExit } from '../../src/core/exit.ts'

/** The order in which outcomes decide, written down a second time. */
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

test('the order names every exit once', () => {
  expect([...ORDER].sort()).toEqual(Object.keys(EXIT_STATUSES).sort())
})
test.each(pairs)('%s decides over %s, whichever comes first', (first, second) => {
  expect([decideExit(first, second), decideExit(second, first)]).toEqual([first, first])
})
test('of many outcomes the weightiest decides', () => {
  expect(decideExit('ok', 'not_ready', 'no_go', 'inconclusive')).toBe('no_go')
  expect(decideExit('ok')).toBe('ok')
})
