import { afterEach, describe, expect, test, vi } from 'vitest'
import { ManualClock, systemClock } from '../../../src/adapters/auth/clock.ts'
import { computeCacheSeconds, JwksClient } from '../../../src/adapters/auth/jwks-client.ts'
import type { KeyAnswer } from '../../../src/adapters/auth/key-source.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { KeyEndpoint, pass } from './key-endpoint.ts'
import { EC, published, RSA_1, RSA_2 } from './signed.ts'

const [R1, R2] = [published(RSA_1), published(RSA_2)]
const TIMES = CONTRACT.client
const ONE = { keys: [R1] }
const minute = (seconds: number) => ({ 'cache-control': `max-age=${seconds}` })

const getHeld = (answer: KeyAnswer) => {
  if (answer.status !== 'held') throw new Error(`no set is held: ${answer.status}`)
  return answer.held
}
/** Whether a promise is settled. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  void promise.finally(() => {
    settled = true
  })
  for (let turns = 0; turns < 20; turns += 1) await Promise.resolve()
  return settled
}
/** A client with a loaded set, and its endpoint. */
async function loaded(
  outcome: KeyEndpoint['outcome'] = ONE,
): Promise<{ endpoint: KeyEndpoint; client: JwksClient }> {
  const endpoint = new KeyEndpoint(outcome)
  const client = endpoint.client()
  await client.forKid(RSA_1.kid)
  return { endpoint, client }
}

describe('single flight', () => {
  test('a thousand callers without a set cost one fetch', async () => {
    const endpoint = new KeyEndpoint(ONE)
    const client = endpoint.client()
    endpoint.hold()
    const answers = Array.from({ length: 1_000 }, (_, at) =>
      client.forKid(at % 3 === 0 ? null : RSA_1.kid),
    )
    endpoint.release()
    const sets = new Set((await Promise.all(answers)).map((answer) => getHeld(answer).set))
    expect(sets.size).toBe(1)
    expect(endpoint.asked).toEqual([0])
    expect(client.metrics()).toEqual({ fetches: 1, failures: 0, age_ms: 0, usable: 1 })
  })

  test.each(['unreachable', 'misconfigured'] as const)(
    'a thousand callers share one failure: %s',
    async (kind) => {
      const endpoint = new KeyEndpoint(kind)
      const client = endpoint.client()
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, (_, at) => client.forKid(`${at}`)),
      )
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([kind]))
      expect(client.metrics()).toEqual({ fetches: 1, failures: 1, age_ms: null, usable: null })
    },
  )

  test('a caller with an unknown kid waits for the fetch in flight', async () => {
    const { endpoint, client } = await loaded()
    await pass(endpoint, client, 30)
    endpoint.hold()
    const first = client.forKid('a')
    endpoint.clock.step(29_000)
    const second = client.forKid(RSA_2.kid)
    expect(await isSettled(second)).toBe(false)
    endpoint.outcome = { keys: [R1, R2] }
    endpoint.release()
    expect(getHeld(await second).set.has(RSA_2.kid)).toBe(true)
    await first
    expect(endpoint.asked).toEqual([0, 30_000])
  })

  test('a fetch that outlives the cooldown is still the only one', async () => {
    const endpoint = new KeyEndpoint(ONE)
    const client = endpoint.client()
    endpoint.hold()
    const first = client.forKid('a')
    endpoint.clock.step(90_000)
    const second = client.forKid('b')
    endpoint.release()
    await Promise.all([first, second])
    expect(endpoint.asked).toEqual([0])
  })
})

describe('a renewal', () => {
  test('is one fetch at the end of the cooldown, however often it is asked for', async () => {
    const { endpoint, client } = await loaded()
    await pass(endpoint, client, 10)
    for (let times = 0; times < 5; times += 1) client.renew()
    await pass(endpoint, client, 100)
    expect(endpoint.asked).toEqual([0, 30_000])
  })
  test('is a fetch at once after the cooldown', async () => {
    const { endpoint, client } = await loaded()
    await pass(endpoint, client, 50)
    client.renew()
    await pass(endpoint, client, 100)
    expect(endpoint.asked).toEqual([0, 50_001])
  })
  test('during a fetch is one more, as that fetch may have begun before the change', async () => {
    const endpoint = new KeyEndpoint(ONE)
    const client = endpoint.client()
    endpoint.hold()
    const first = client.forKid(RSA_1.kid)
    client.renew()
    endpoint.release()
    await first
    await pass(endpoint, client, 100)
    expect(endpoint.asked).toEqual([0, 30_000])
  })
})

describe('the cooldown', () => {
  test('a thousand random kids cost one fetch, and a good kid is served throughout', async () => {
    const { endpoint, client } = await loaded()
    await pass(endpoint, client, 60)
    endpoint.hold()
    const random = Array.from({ length: 1_000 }, (_, at) => client.forKid(`kid-${at}`))
    for (let turn = 0; turn < 10; turn += 1) {
      const good = client.forKid(RSA_1.kid)
      expect(await isSettled(good)).toBe(true)
      expect(getHeld(await good).set.has(RSA_1.kid)).toBe(true)
    }
    endpoint.release()
    for (const answer of await Promise.all(random))
      expect(answer).toMatchObject({ status: 'held', refreshed: 'ok' })
    for (let at = 0; at < 1_000; at += 1) await client.forKid(`again-${at}`)
    expect(endpoint.asked).toEqual([0, 60_000])
  })

  test.each([
    ['after a success', ONE],
    ['after a failure', 'unreachable'],
  ] as const)('ends after 30 s and not before: %s', async (_situation, outcome) => {
    const endpoint = new KeyEndpoint(outcome)
    // The clock makes no step, so the background refresh does not run.
    const client = endpoint.client()
    await client.forKid('a')
    client.close()
    endpoint.clock.step(29_999)
    await client.forKid('b')
    expect(endpoint.asked).toEqual([0])
    endpoint.clock.step(1)
    await client.forKid('c')
    expect(endpoint.asked).toEqual([0, 30_000])
  })

  test('runs from the beginning of a fetch', async () => {
    const endpoint = new KeyEndpoint(ONE)
    const client = endpoint.client()
    endpoint.hold()
    const first = client.forKid('a')
    endpoint.clock.step(4_000)
    endpoint.release()
    await first
    endpoint.clock.step(26_000)
    await client.forKid('b')
    expect(endpoint.asked).toEqual([0, 30_000])
  })

  test('a miss within it takes the last result', async () => {
    const { endpoint, client } = await loaded()
    endpoint.outcome = 'unreachable'
    expect(await client.forKid('a')).toMatchObject({ refreshed: 'ok' })
    await pass(endpoint, client, 30)
    expect(await client.forKid('a')).toMatchObject({ refreshed: 'unreachable' })
    endpoint.outcome = 'misconfigured'
    expect(await client.forKid('a')).toMatchObject({ refreshed: 'unreachable' })
    await pass(endpoint, client, 30)
    expect(await client.forKid('a')).toMatchObject({ refreshed: 'misconfigured' })
    expect(endpoint.asked).toEqual([0, 30_000, 60_000])
  })

  test('a token without a kid causes no fetch while a set is loaded', async () => {
    const { endpoint, client } = await loaded()
    endpoint.clock.step(100_000)
    expect(await isSettled(client.forKid(null))).toBe(true)
    expect(endpoint.asked).toEqual([0])
  })
})

describe('the background refresh', () => {
  test('comes before the set ends, and goes on', async () => {
    const { endpoint, client } = await loaded({ ...ONE, headers: minute(100) })
    await pass(endpoint, client, 79.999)
    expect(endpoint.asked).toEqual([0])
    await pass(endpoint, client, 0.001)
    expect(endpoint.asked).toEqual([0, 80_000])
    await pass(endpoint, client, 1_000)
    expect(endpoint.asked).toHaveLength(14)
    expect(client.current()).toMatchObject({ stale: false })
  })

  test('after a failure tries again once a cooldown, also while there is no set', async () => {
    const { endpoint, client } = await loaded('unreachable')
    await pass(endpoint, client, 95)
    expect(endpoint.asked).toEqual([0, 30_000, 60_000, 90_000])
    endpoint.outcome = ONE
    await pass(endpoint, client, 25)
    expect(client.current()?.set.has(RSA_1.kid)).toBe(true)
    expect(endpoint.asked).toHaveLength(5)
  })

  test('is never before the cooldown is over', async () => {
    const endpoint = new KeyEndpoint({ ...ONE, headers: minute(1) })
    const client = endpoint.client({ cache_min_s: 1 })
    await client.forKid(null)
    await pass(endpoint, client, 29)
    expect(endpoint.asked).toEqual([0])
    await pass(endpoint, client, 1)
    expect(endpoint.asked).toEqual([0, 30_000])
  })

  test('loads a rotated key without a request', async () => {
    const { endpoint, client } = await loaded()
    endpoint.outcome = { keys: [R2] }
    await pass(endpoint, client, 480)
    const held = client.current()
    expect([held?.set.has(RSA_1.kid), held?.set.has(RSA_2.kid)]).toEqual([false, true])
  })

  test('a fetch for an unknown kid restarts the cache time', async () => {
    const { endpoint, client } = await loaded()
    await pass(endpoint, client, 400)
    await client.forKid('a')
    await pass(endpoint, client, 479)
    expect(endpoint.asked).toEqual([0, 400_000])
    await pass(endpoint, client, 1)
    expect(endpoint.asked).toEqual([0, 400_000, 880_000])
  })

  test('continues after a timer that fires early', async () => {
    // A timer keeps whole milliseconds and counts from the turn it was set in: it may go off before its time.
    const clock = new (class extends ManualClock {
      override later(ms: number, work: () => void): () => void {
        return super.later(ms > 1 ? ms - 0.5 : ms, work)
      }
    })()
    const endpoint = new KeyEndpoint(ONE, clock)
    const client = endpoint.client()
    await client.forKid(null)
    endpoint.outcome = 'unreachable'
    await pass(endpoint, client, 595)
    expect(client.metrics().failures).toBeGreaterThan(2)
    endpoint.outcome = { keys: [R2] }
    await pass(endpoint, client, 60)
    expect(client.current()).toMatchObject({ stale: false })
  })

  test('continues with the system clock, failure after failure', async () => {
    const endpoint = new KeyEndpoint('unreachable')
    const { fetch } = endpoint
    const times = { ...TIMES, cooldown_s: 0.005 }
    // Several, since a timer is early only most of the time.
    const clients = Array.from(
      { length: 10 },
      () => new JwksClient({ fetch, times, keys: CONTRACT.keys, clock: systemClock }),
    )
    await Promise.all(clients.map((client) => client.forKid(null)))
    await new Promise((resolve) => setTimeout(resolve, 100))
    for (const client of clients) client.close()
    expect(Math.min(...clients.map((client) => client.metrics().fetches))).toBeGreaterThan(3)
  })
})

describe('a token with a known kid', () => {
  test('never waits for a refresh that runs', async () => {
    const { endpoint, client } = await loaded()
    endpoint.hold()
    endpoint.clock.step(480_000)
    expect(endpoint.asked).toEqual([0, 480_000])
    for (const step of [0, 119_999, 1, 600_000]) {
      endpoint.clock.step(step)
      const answer = client.forKid(RSA_1.kid)
      expect(await isSettled(answer)).toBe(true)
      expect(getHeld(await answer).set.has(RSA_1.kid)).toBe(true)
      expect(client.current()).not.toBeNull()
    }
    endpoint.release()
    await client.idle()
  })

  test('does not wait while the endpoint is unreachable', async () => {
    const { endpoint, client } = await loaded()
    endpoint.outcome = 'unreachable'
    await pass(endpoint, client, 1_800)
    const before = endpoint.asked.length
    expect(await isSettled(client.forKid(RSA_1.kid))).toBe(true)
    expect(endpoint.asked).toHaveLength(before)
  })
})

describe('how old a set may be', () => {
  test('it is stale from the moment its cache time ends', async () => {
    const { endpoint, client } = await loaded()
    endpoint.outcome = 'unreachable'
    await pass(endpoint, client, 599.999)
    expect(client.current()).toMatchObject({ stale: false, age_ms: 599_999 })
    await pass(endpoint, client, 0.001)
    expect(client.current()).toMatchObject({ stale: true, age_ms: 600_000 })
  })

  test.each(['unreachable', 'misconfigured'] as const)(
    'the last good one serves for an hour and no longer: %s',
    async (kind) => {
      const { endpoint, client } = await loaded()
      endpoint.outcome = kind
      await pass(endpoint, client, 3_600)
      expect(await client.forKid(RSA_1.kid)).toMatchObject({
        status: 'held',
        refreshed: kind,
        held: { stale: true, age_ms: 3_600_000 },
      })
      await pass(endpoint, client, 0.001)
      expect(client.current()).toBeNull()
      expect(await client.forKid(RSA_1.kid)).toEqual({ status: kind })
    },
  )

  test('the hour runs from the last good answer', async () => {
    const { endpoint, client } = await loaded()
    await pass(endpoint, client, 480)
    endpoint.outcome = 'unreachable'
    await pass(endpoint, client, 3_600)
    expect(client.current()).toMatchObject({ age_ms: 3_600_000 })
  })

  test('a set that came back is fresh', async () => {
    const { endpoint, client } = await loaded()
    endpoint.outcome = 'unreachable'
    await pass(endpoint, client, 4_000)
    endpoint.outcome = ONE
    await pass(endpoint, client, 30)
    expect(client.current()).toMatchObject({ stale: false })
  })

  test('a set that has expired has no age', async () => {
    const { endpoint, client } = await loaded()
    endpoint.outcome = 'unreachable'
    await pass(endpoint, client, 3_601)
    expect(client.metrics().age_ms).toBeNull()
  })
})

describe('a machine that was suspended', () => {
  /** Moves the time without running timers. */
  async function slept(seconds: number) {
    const { endpoint, client } = await loaded()
    client.close()
    endpoint.clock.step(seconds * 1_000)
    return { endpoint, client }
  }

  test('does not serve an expired set as fresh', async () => {
    const { endpoint, client } = await slept(600)
    endpoint.outcome = { keys: [R2] }
    expect(client.current()).toBeNull()
    const { set } = getHeld(await client.forKid(RSA_1.kid))
    expect(set.has(RSA_1.kid)).toBe(false)
    expect(endpoint.asked).toEqual([0, 600_000])
  })

  test('keeps serving a set that has not expired', async () => {
    const { endpoint, client } = await slept(599.999)
    expect(client.current()).not.toBeNull()
    await client.forKid(RSA_1.kid)
    expect(endpoint.asked).toEqual([0])
  })

  test('falls back on the last good set while the endpoint is unreachable', async () => {
    const { endpoint, client } = await slept(700)
    endpoint.outcome = 'unreachable'
    expect(await client.forKid(RSA_1.kid)).toMatchObject({ status: 'held', held: { stale: true } })
    expect(client.current()).toMatchObject({ stale: true })
  })

  test('has nothing after more than an hour', async () => {
    const { endpoint, client } = await slept(3_600.001)
    endpoint.outcome = 'unreachable'
    expect(client.current()).toBeNull()
    expect(await client.forKid(RSA_1.kid)).toEqual({ status: 'unreachable' })
  })
})

describe('generations', () => {
  test('a set of the same bytes is the same generation', async () => {
    const { endpoint, client } = await loaded()
    const before = client.current()
    await pass(endpoint, client, 480)
    expect(endpoint.asked).toHaveLength(2)
    expect(client.current()?.generation).toBe(before?.generation)
    expect(client.current()?.set).toBe(before?.set)
    expect(client.current()?.age_ms).toBe(0)
  })

  test('are never reused, not even for the same bytes after another set or none', async () => {
    const endpoint = new KeyEndpoint(ONE)
    const client = endpoint.client()
    const seen: number[] = []
    for (const outcome of [ONE, { keys: [R2] }, ONE, 'unreachable', ONE] as const) {
      endpoint.outcome = outcome
      await client.forKid('a')
      await pass(endpoint, client, outcome === 'unreachable' ? 3_700 : 480)
      const held = client.current()
      if (held !== null) seen.push(held.generation)
    }
    expect(seen).toHaveLength(4)
    expect(new Set(seen).size).toBe(4)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
  })

  test('a failure changes neither set nor generation', async () => {
    const { endpoint, client } = await loaded()
    const before = client.current()
    endpoint.outcome = 'misconfigured'
    await pass(endpoint, client, 599)
    expect(client.current()).toMatchObject({ set: before?.set, generation: before?.generation })
  })
})

describe('an unusual set', () => {
  test('with many keys costs time in proportion to their number', async () => {
    const keys = Array.from({ length: 20_000 }, () => ({}))
    const endpoint = new KeyEndpoint({ keys })
    const started = performance.now()
    await endpoint.client().forKid(null)
    expect(performance.now() - started).toBeLessThan(500)
  })

  test('with a malformed key still serves the other keys', async () => {
    const nonsense = { kty: 'EC', kid: 'x', crv: { toString: null } }
    const endpoint = new KeyEndpoint({ keys: [nonsense, R1] })
    expect(await endpoint.client().forKid(RSA_1.kid)).toMatchObject({ status: 'held' })
  })
})

describe('close', () => {
  test('ends the background refresh', async () => {
    const { endpoint, client } = await loaded()
    client.close()
    await pass(endpoint, client, 10_000)
    expect(endpoint.asked).toEqual([0])
  })

  test('during a fetch schedules no other', async () => {
    const endpoint = new KeyEndpoint(ONE)
    const client = endpoint.client()
    endpoint.hold()
    const answer = client.forKid(null)
    client.close()
    endpoint.release()
    expect(await answer).toMatchObject({ status: 'held' })
    await pass(endpoint, client, 10_000)
    expect(endpoint.asked).toEqual([0])
  })

  test('can be called twice, and before the first fetch', async () => {
    const endpoint = new KeyEndpoint(ONE)
    const client = endpoint.client()
    client.close()
    client.close()
    await client.idle()
    await pass(endpoint, client, 10_000)
    expect(endpoint.asked).toEqual([])
  })
})

describe('the timers of this machine', () => {
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  afterEach(() => vi.useRealTimers())

  test('do not keep the process alive', async () => {
    const endpoint = new KeyEndpoint(ONE)
    const before = timers()
    const client = new JwksClient({
      fetch: endpoint.fetch,
      times: TIMES,
      keys: CONTRACT.keys,
      clock: systemClock,
    })
    await client.forKid(null)
    expect(timers()).toBe(before)
    client.close()
  })

  test('are cleared by close', async () => {
    vi.useFakeTimers()
    const endpoint = new KeyEndpoint(ONE)
    const client = new JwksClient({
      fetch: endpoint.fetch,
      times: TIMES,
      keys: CONTRACT.keys,
      clock: systemClock,
    })
    await client.forKid(null)
    expect(vi.getTimerCount()).toBe(1)
    client.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('computeCacheSeconds', () => {
  test.each<[string, string | undefined, string | undefined, number]>([
    ['nothing said', undefined, undefined, 600],
    ['within the bounds', 'max-age=300', undefined, 300],
    ['the least', 'max-age=60', undefined, 60],
    ['a second more than the least', 'max-age=61', undefined, 61],
    ['less than the least', 'max-age=59', undefined, 60],
    ['the most', 'max-age=600', undefined, 600],
    ['a second less than the most', 'max-age=599', undefined, 599],
    ['more than the most', 'max-age=601', undefined, 600],
    ['a year', 'max-age=31536000', undefined, 600],
    ['more than any year', `max-age=${'9'.repeat(400)}`, undefined, 600],
    ['zero', 'max-age=0', undefined, 60],
    ['no-store', 'no-store', undefined, 60],
    ['no-store and a time', 'max-age=600, no-store', undefined, 60],
    ['no-cache', 'no-cache', undefined, 60],
    ['NO-STORE', 'NO-STORE', undefined, 60],
    ['capitals', 'Max-Age=300', undefined, 300],
    ['among others', 'public, max-age=300, must-revalidate', undefined, 300],
    ['without spaces', 'public,max-age=300,immutable', undefined, 300],
    ['in quotation marks', 'max-age="300"', undefined, 300],
    ['of shared caches alone', 's-maxage=120', undefined, 600],
    ['of another name', 'x-max-age=120', undefined, 600],
    ['less the age', 'max-age=300', '100', 200],
    ['less an age that leaves the least', 'max-age=300', '240', 60],
    ['older than it may be', 'max-age=300', '299', 60],
    ['an age beyond all', 'max-age=300', '9'.repeat(400), 60],
    ['more than the most, and an age', 'max-age=900', '400', 500],
    ['an age that is no number', 'max-age=300', 'old', 300],
    ['an empty age', 'max-age=300', '', 300],
    ['an age below zero', 'max-age=300', '-200', 300],
    ['garbage', '\u0000;;=,max-age', undefined, 60],
    ['no number', 'max-age=', undefined, 60],
    ['a word', 'max-age=soon', undefined, 60],
    ['empty', '', undefined, 600],
  ])('%s', (_situation, control, age, seconds) => {
    const headers = {
      ...(control === undefined ? {} : { 'cache-control': control }),
      ...(age === undefined ? {} : { age }),
    }
    expect(computeCacheSeconds(headers, TIMES)).toBe(seconds)
  })

  test.each([
    ['max-age=1', 48_000],
    ['max-age=100', 80_000],
    ['max-age=9999', 480_000],
    ['no-store', 48_000],
  ])('%s is when the client acts', async (control, at) => {
    const { endpoint, client } = await loaded({ ...ONE, headers: { 'cache-control': control } })
    await pass(endpoint, client, at / 1_000)
    expect(endpoint.asked).toEqual([0, at])
  })
})

test('a set may hold keys other than the requested one', async () => {
  const { client } = await loaded({ keys: [published(EC)] })
  const held = getHeld(await client.forKid(EC.kid))
  expect(held.set.has(RSA_1.kid)).toBe(false)
})
