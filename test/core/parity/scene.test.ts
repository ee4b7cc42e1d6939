import { expect, test } from 'vitest'
import { AUTH_MODES } from '../../../src/core/evaluate/types.ts'
import { SCENE_HEADER } from '../../../src/core/parity/harness-scene.ts'
import { CALLERS } from '../../../src/core/parity/scene.ts'

test('the callers have one for each auth mode first, and each a name of its own', () => {
  expect(CALLERS.slice(0, AUTH_MODES.length)).toEqual(AUTH_MODES)
  expect(CALLERS.length).toBeGreaterThan(AUTH_MODES.length)
  expect(new Set(CALLERS).size).toBe(CALLERS.length)
  expect(CALLERS).not.toContain('')
})

test('a request can name its scene in a header', () => {
  expect(new Headers([[SCENE_HEADER, 'a']]).get('x-ff-scene')).toBe('a')
})
