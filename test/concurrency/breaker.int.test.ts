import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { Breaker } from '../../src/concurrency/breaker.ts'
import { ADMIN_LIMITS } from '../../src/core/admin/contract.ts'
import type { ApprovalService } from '../../src/ports/admin.ts'
import { asked, getClient, startAdmin, timed, UNREACHABLE } from '../adapters/admin/stage.ts'

/** A breaker with a clock that the test moves. */
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
  test('opens at the fifth failure, and rethrows each error', async () => {
    const { made, fails } = breaker()
    await fails(4)
    expect(made.state).toBe('closed')
    await expect(made.run(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(made.state).toBe('open')
  })

  test('counts failures within 10 s, despite successes between them', async () => {
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

  test('lets one call through after 5 s, and none before or in parallel', async () => {
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

  test('that closed has forgotten earlier failures', async () => {
    const { made, fails, succeeds, pass } = breaker()
    await fails(5)
    pass(5_000)
    await succeeds()
    await fails(4)
    expect(made.state).toBe('closed')
  })

  test('opens for another 5 s each time the trial call fails', async () => {
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

/** Starts a call that the test ends. */
function started(made: Breaker) {
  let [asked, finish] = [false, (_ok: boolean): void => undefined]
  const work = () =>
    new Promise<string>((resolve, reject) => {
      asked = true
      finish = (ok) => (ok ? resolve('done') : reject(new Error('it failed')))
    })
  const result = made.run(work).catch((error: unknown) => error)
  const end = async (ok: boolean): Promise<void> => {
    finish(ok)
    await result
  }
  return { asked, result, end }
}

describe('a call that ends after the state has changed', () => {
  test.each([true, false])(
    'changes nothing while it is open, half open, and closed again: succeeds %s',
    async (ok) => {
      const { made, fails, succeeds, pass } = breaker()
      const late = [started(made), started(made), started(made)] as const
      await fails(5)
      pass(4_999)
      await late[0].end(ok)
      expect([made.state, await succeeds()]).toEqual(['open', null])
      pass(1)
      const probe = started(made)
      await late[1].end(ok)
      expect([made.state, await succeeds()]).toEqual(['half_open', null])
      await probe.end(true)
      await fails(4)
      await late[2].end(ok)
      expect(made.state).toBe('closed')
    },
  )
})

/** An event of a breaker: time passes, a call begins, or the oldest (or newest) call in flight ends. */
type Event =
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'call' }
  | { readonly kind: 'end'; readonly ok: boolean; readonly which: number }
const EVENT: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constant('pass' as const),
    ms: fc.constantFrom(1, 999, 1_000, 4_999, 5_000, 9_999, 10_000),
  }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('call' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      ok: fc.boolean(),
      which: fc.nat(7),
    }),
  },
)

/** A model of the breaker: it keeps all events of the current state and searches them each time. */
class Model {
  time = 0
  state: 'closed' | 'open' | 'half_open' = 'closed'
  private since = 0
  private failed: number[] = []
  private changes = 0

  /** @returns the state in which the call is let through; null for a refused call */
  call(): number | null {
    const waits = this.state === 'open' && this.time - this.since < 5_000
    if (waits || this.state === 'half_open') return null
    if (this.state === 'open') this.setBehaviour('half_open')
    return this.changes
  }
  end(began: number, ok: boolean): void {
    if (began !== this.changes) return
    if (this.state === 'half_open') return this.setBehaviour(ok ? 'closed' : 'open')
    if (ok) return
    this.failed.push(this.time)
    if (this.failed.filter((at) => at > this.time - 10_000).length >= 5) this.setBehaviour('open')
  }
  private setBehaviour(state: Model['state']): void {
    this.state = state
    this.since = this.time
    this.failed = []
    this.changes += 1
  }
}

test('under any sequence of events a breaker agrees with the model', async () => {
  const states = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.array(EVENT, { minLength: 20, maxLength: 80 }), async (events) => {
      const model = new Model()
      const made = new Breaker(ADMIN_LIMITS.breaker, () => model.time)
      const running: { readonly began: number; readonly end: (ok: boolean) => Promise<void> }[] = []
      for (const event of events) {
        if (event.kind === 'pass') model.time += event.ms
        else if (event.kind === 'call') {
          const began = model.call()
          const { asked, result, end } = started(made)
          expect(asked).toBe(began !== null)
          if (began === null) expect(await result).toBeNull()
          else running.push({ began, end })
        } else if (running.length > 0) {
          const [one] = running.splice(event.which % running.length, 1)
          await one?.end(event.ok)
          if (one !== undefined) model.end(one.began, event.ok)
        }
        expect(made.state).toBe(model.state)
        states.add(made.state)
      }
    }),
    { numRuns: 500 },
  )
  expect([...states].toSorted()).toEqual(['closed', 'half_open', 'open'])
})

describe('a client whose Admin is dead', () => {
  const opened = async (client: ApprovalService): Promise<void> => {
    for (let at = 0; at < 5; at += 1) {
      expect(client.metrics().breaker).toBe('closed')
      expect(await client.begin()(asked(at))).toEqual(UNREACHABLE)
    }
    expect(client.metrics().breaker).toBe('open')
  }

  test('sends nothing while it is open and answers at once; half open it sends one of 100', async () => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'error_500', delay_ms: 0 })
    const soon = { ...ADMIN_LIMITS.breaker, half_open_after_ms: 1_000 }
    const client = await getClient(admin, { limits: { breaker: soon } })
    await opened(client)
    expect(admin.requests()).toBe(5)
    const took: number[] = []
    for (let at = 0; at < 20; at += 1) {
      const { ms, result } = await timed(() => client.begin()(asked(at)))
      expect(result).toEqual(UNREACHABLE)
      took.push(ms)
    }
    // One call may be slow on a busy machine.
    expect(took.filter((ms) => ms >= 10).length).toBeLessThanOrEqual(1)
    expect(admin.requests()).toBe(5)
    expect(client.metrics().calls).toEqual({ answered: 0, failed: 5, refused: 20 })

    await new Promise((resolve) => setTimeout(resolve, 1_050))
    await admin.setBehaviour({ behaviour: 'honest', delay_ms: 100 })
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => client.begin()(asked(at))),
    )
    expect(admin.requests()).toBe(6)
    expect(answers.filter(({ status }) => status === 'known')).toHaveLength(1)
    expect(client.metrics().breaker).toBe('closed')
    expect(await client.begin()(asked(1))).toMatchObject({ status: 'known' })
  })

  test('without a breaker keeps sending', async () => {
    const admin = await startAdmin()
    await admin.setBehaviour({ behaviour: 'error_500', delay_ms: 0 })
    const client = await getClient(admin, { limits: { breaker: null } })
    for (let at = 0; at < 12; at += 1) await client.begin()(asked(at))
    expect([admin.requests(), client.metrics().breaker]).toEqual([12, null])
  })
})
