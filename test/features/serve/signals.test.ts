import { expect, test } from 'vitest'
import { Signals } from '../../../src/features/serve/signals.ts'

/** Signals, with a list of what they have done. */
function createSignals() {
  const done: string[] = []
  const signals = new Signals(
    { abandon: (ref) => void done.push(`abandon ${ref}`) },
    { refreshKeys: () => void done.push('refresh') },
  )
  return { signals, done }
}

test('an approval and a key set are announced each to its own, a row to neither', () => {
  const { signals, done } = createSignals()
  signals.apply({ kind: 'approval', target: 'approval/APP-1-a' })
  signals.apply({ kind: 'jwks', target: 'jwks' })
  signals.apply({ kind: 'flag', target: 'flag/ff.x' })
  expect(done).toEqual(['abandon APP-1-a', 'refresh'])
})

test('after a gap that the feed does not fill both may have been announced, at the start neither', () => {
  const { signals, done } = createSignals()
  signals.reset()
  expect(done).toEqual([])
  signals.reset()
  expect(done).toEqual(['abandon null', 'refresh'])
})
