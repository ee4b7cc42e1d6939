import { expect, test } from 'vitest'
import { getEnding, throwIfEnded } from '../../src/concurrency/ended.ts'

test('a run that goes on has no ending', () => {
  const { signal } = new AbortController()
  expect(getEnding(signal)).toBeNull()
  expect(() => throwIfEnded(signal, () => new Error('ended'))).not.toThrow()
})

test.each(['interrupted', 'terminated', 'timeout'] as const)('a run ends as %s', (ending) => {
  const signal = AbortSignal.abort(ending)
  expect(getEnding(signal)).toBe(ending)
  expect(() => throwIfEnded(signal, (how) => new Error(how))).toThrow(ending)
})
