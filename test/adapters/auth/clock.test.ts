import { describe, expect, test } from 'vitest'
import { ManualClock, SystemClock, systemClock } from '../../../src/adapters/auth/clock.ts'

describe('ManualClock', () => {
  test('runs the timers in order, each at its time', () => {
    const clock = new ManualClock()
    const done: (readonly [string, number])[] = []
    const note = (name: string) => (): void => void done.push([name, clock.now()])
    clock.later(20, note('b'))
    clock.later(10, note('a'))
    clock.later(20, note('c'))
    clock.later(31, note('d'))
    expect([clock.step(30), clock.step(20), clock.step(10)]).toEqual([20, 10, 10])
    expect(clock.step(10)).toBeNull()
    expect(done).toEqual([
      ['a', 10],
      ['b', 20],
      ['c', 20],
    ])
    expect(clock.now()).toBe(30)
  })

  test('does not run a cancelled timer', () => {
    const clock = new ManualClock()
    const off = clock.later(1, () => {
      throw new Error('it was called off')
    })
    off()
    off()
    expect(clock.step(2)).toBeNull()
  })

  test('runs a timer of 0 ms', () => {
    const clock = new ManualClock()
    let done = 0
    clock.later(0, () => (done += 1))
    expect(clock.step(0)).toBe(0)
    expect(done).toBe(1)
  })

  test('never goes back, not even for a timer of the past', () => {
    const clock = new ManualClock()
    clock.step(1_000)
    clock.later(-500, () => undefined)
    clock.step(10)
    expect(clock.now()).toBeGreaterThanOrEqual(1_000)
  })
})

describe('systemClock', () => {
  test('goes forward and runs a timer when it is due', async () => {
    const started = systemClock.now()
    const came = await new Promise<number>((resolve) => {
      systemClock.later(20.9, () => resolve(systemClock.now()))
      // Keeps the process alive meanwhile.
      setTimeout(() => undefined, 60)
    })
    expect(came - started).toBeLessThan(1_000)
  })

  test('does not run a cancelled timer', async () => {
    let done = false
    systemClock.later(5, () => {
      done = true
    })()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(done).toBe(false)
  })
})

describe('the clock of a machine that is suspended', () => {
  const at = { monotonic: 5_000, wall: 1_000_000 }
  const clock = (): SystemClock =>
    new SystemClock(
      () => at.monotonic,
      () => at.wall,
    )
  const pass = (monotonic: number, wall: number): void => {
    at.monotonic += monotonic
    at.wall += wall
  }

  test('counts the time of the suspension', () => {
    const own = clock()
    const before = own.now()
    pass(10, 3_600_010)
    expect(own.now() - before).toBe(3_600_010)
    pass(5, 5)
    expect(own.now() - before).toBe(3_600_015)
  })

  test('does not go back with a wall clock that is set back', () => {
    const own = clock()
    const before = own.now()
    pass(10, -86_400_000)
    expect(own.now() - before).toBe(10)
    pass(10, 86_400_010)
    expect(own.now() - before).toBe(86_400_020)
  })

  test('does not count drift as a suspension', () => {
    const own = clock()
    const before = own.now()
    pass(1_000, 1_999)
    expect(own.now() - before).toBe(1_000)
    pass(1_000, 1_001)
    expect(own.now() - before).toBe(3_000)
  })
})
