import { describe, expect, test, vi } from 'vitest'
import { satisfiesRequiredAuth } from '../../src/core/evaluate/required-auth.ts'
import { computeTtlState } from '../../src/core/evaluate/ttl-state.ts'
import { ManualClock } from '../../src/adapters/auth/clock.ts'
import { replace, withFault } from './faults.ts'

const { replaceable } = await vi.hoisted(() => import('./faults.ts'))
vi.mock(import('../../src/core/evaluate/required-auth.ts'), replaceable)
vi.mock(import('../../src/adapters/auth/clock.ts'), replaceable)

describe('a fault', () => {
  const open = replace(satisfiesRequiredAuth, () => () => true)

  test('is in the program while something runs, and gone afterwards', async () => {
    const seen = await withFault(open, async () => satisfiesRequiredAuth('none', 'verified'))
    expect([seen, satisfiesRequiredAuth('none', 'verified')]).toEqual([true, false])
  })

  test('can be a class', async () => {
    const fault = replace(
      ManualClock,
      (real) =>
        class extends real {
          override now(): number {
            return super.now() + 7
          }
        },
    )
    const clock = await withFault(fault, async () => new ManualClock())
    expect(clock).toBeInstanceOf(ManualClock)
    expect([clock.now(), new ManualClock().now()]).toEqual([7, 0])
  })

  test('whose place the program never comes to is an error', async () => {
    await expect(withFault(open, async () => 'done')).rejects.toThrow(
      'satisfiesRequiredAuth was replaced and never called',
    )
  })

  test('of a run that fails is gone too', async () => {
    const failing = withFault(open, () => Promise.reject(new Error('no')))
    await expect(failing).rejects.toThrow('no')
    expect(satisfiesRequiredAuth('none', 'verified')).toBe(false)
  })

  test('in a module that is not replaceable is an error', () => {
    expect(() => replace(computeTtlState, (real) => real)).toThrow('not replaceable')
  })
})
