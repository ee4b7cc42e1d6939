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

  test('is active during the run, and removed afterwards', async () => {
    const seen = await withFault(open, async () => satisfiesRequiredAuth('none', 'verified'))
    expect([seen, satisfiesRequiredAuth('none', 'verified')]).toEqual([true, false])
  })

  test('can replace a class', async () => {
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

  test('that the run never calls is an error', async () => {
    await expect(withFault(open, async () => 'done')).rejects.toThrow(
      'satisfiesRequiredAuth was replaced and never called',
    )
  })

  test('is removed after a failed run too', async () => {
    const failing = withFault(open, () => Promise.reject(new Error('no')))
    await expect(failing).rejects.toThrow('no')
    expect(satisfiesRequiredAuth('none', 'verified')).toBe(false)
  })

  test('in a module that is not mocked is an error', () => {
    expect(() => replace(computeTtlState, (real) => real)).toThrow('not replaceable')
  })
})
