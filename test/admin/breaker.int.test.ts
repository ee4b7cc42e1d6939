import { describe, expect, test, vi } from 'vitest'
import { Breaker } from '../../src/admin/breaker.ts'
import { ADMIN_LIMITS } from '../../src/core/admin/limits.ts'
import type { Approvals } from '../../src/ports.ts'
import { asked, clientOf, startAdmin, timed, UNREACHABLE } from './stage.ts'

/** One with a clock that the test moves. */
function breaker() {
  let time = 0
  const made = new Breaker(ADMIN_LIMITS.breaker, () => time)
  return {
    made,
    pass: (ms: number): void => {
      time += ms
    },
    fails: async (times = 1): Promise<void> => {
      for (let at = 0; at < times; at += 1) {
        await made.run(() => Promise.reject(new Error('it failed'))).catch(() => undefined)
      }
    },
    succeeds: () => made.run(() => Promise.resolve('done')),
  }
}

describe('a breaker', () => {
  test('opens at the fifth failure, and passes on what was thrown until then', async () => {
    const { made, fails } = breaker()
    await fails(4)
    expect(made.state).toBe('closed')
    await expect(made.run(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(made.state).toBe('open')
  })

  test('counts failures within 10 s, whatever succeeds between them', async () => {
    const { made, fails, succeeds, pass } = breaker()
    await fails(4)
    pass(10_000)
    await fails(4)
    expect(made.state).toBe('closed')
    await succeeds()
    pass(9_999)
    await fails()
    expect(made.state).toBe('open')
  })

  test('lets one through after 5 s, and nobody before or beside it', async () => {
    const { made, fails, succeeds, pass } = breaker()
    await fails(5)
    pass(4_999)
    expect(await succeeds()).toBeNull()
    pass(1)
    const waiting: ((result: string) => void)[] = []
    const probe = made.run(() => new Promise<string>((resolve) => waiting.push(resolve)))
    expect(made.state).toBe('half_open')
    expect(await Promise.all(Array.from({ length: 99 }, succeeds))).toEqual(
      Array.from({ length: 99 }, () => null),
    )
    for (const finish of waiting) finish('probed')
    expect(await probe).toBe('probed')
    expect([made.state, await succeeds()]).toEqual(['closed', 'done'])
  })

  test('that closed has forgotten what failed before', async () => {
    const { made, fails, succeeds, pass } = breaker()
    await fails(5)
    pass(5_000)
    await succeeds()
    await fails(4)
    expect(made.state).toBe('closed')
  })

  test('opens for another 5 s where the one fails, again and again', async () => {
    const { made, fails, succeeds, pass } = breaker()
    await fails(5)
    for (let round = 0; round < 5; round += 1) {
      pass(5_000)
      await fails()
      expect([made.state, await succeeds()]).toEqual(['open', null])
      pass(4_999)
      expect(await succeeds()).toBeNull()
      pass(-4_999)
    }
  })

  test.each([-3_600_000, 3_600_000])('minds no wall clock that is set by %i ms', async (ms) => {
    const { fails, succeeds, pass } = breaker()
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      await fails(5)
      vi.setSystemTime(Date.now() + ms)
      expect(await succeeds()).toBeNull()
      pass(5_000)
      expect(await succeeds()).toBe('done')
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a client whose Admin is dead', () => {
  const opened = async (client: Approvals): Promise<void> => {
    for (let at = 0; at < 5; at += 1) {
      expect(client.metrics().breaker).toBe('closed')
      expect(await client.begin()(asked(at))).toEqual(UNREACHABLE)
    }
    expect(client.metrics().breaker).toBe('open')
  }

  test('sends nothing while it is open and answers at once; half open it sends one of 100', async () => {
    const admin = await startAdmin()
    await admin.become({ behaviour: 'error_500', delay_ms: 0 })
    const soon = { ...ADMIN_LIMITS.breaker, half_open_after_ms: 1_000 }
    const client = await clientOf(admin, { limits: { breaker: soon } })
    await opened(client)
    expect(admin.requests()).toBe(5)
    const took: number[] = []
    for (let at = 0; at < 20; at += 1) {
      const { ms, result } = await timed(() => client.begin()(asked(at)))
      expect(result).toEqual(UNREACHABLE)
      took.push(ms)
    }
    // One of them may meet a machine that does something else.
    expect(took.filter((ms) => ms >= 10).length).toBeLessThanOrEqual(1)
    expect(admin.requests()).toBe(5)
    expect(client.metrics().calls).toEqual({ answered: 0, failed: 5, refused: 20 })

    await new Promise((resolve) => setTimeout(resolve, 1_050))
    await admin.become({ behaviour: 'honest', delay_ms: 100 })
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => client.begin()(asked(at))),
    )
    expect(admin.requests()).toBe(6)
    expect(answers.filter(({ status }) => status === 'known')).toHaveLength(1)
    expect(client.metrics().breaker).toBe('closed')
    expect(await client.begin()(asked(1))).toMatchObject({ status: 'known' })
  })

  test('without a breaker goes on asking', async () => {
    const admin = await startAdmin()
    await admin.become({ behaviour: 'error_500', delay_ms: 0 })
    const client = await clientOf(admin, { limits: { breaker: null } })
    for (let at = 0; at < 12; at += 1) await client.begin()(asked(at))
    expect([admin.requests(), client.metrics().breaker]).toEqual([12, null])
  })
})
