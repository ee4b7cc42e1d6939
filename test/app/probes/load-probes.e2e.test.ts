import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Adapters } from '../../../src/app/adapters.ts'
import { PROBES } from '../../../src/app/probes/index.ts'
import { underLoad } from '../../../src/app/probes/load.ts'
import type { Probe, World } from '../../../src/app/probes/probe.ts'
import { judgeMeasurement, type Measurement } from '../../../src/core/gate/judge-measurement.ts'
import { adapters } from '../../../src/main.ts'
import { handsOf, itemOf, worldOf } from './world.ts'

const probeOf = (id: string): Probe => PROBES[itemOf(id).probe.name] as Probe
/** No shorter than what it takes to have seen enough. */
const SHORT: Readonly<Record<string, object>> = { E5: { requests: 1_000, seconds: 5 } }
const planned = (peak_requests_per_second: number): World['plan'] =>
  ({ peak_requests_per_second }) as World['plan']
const worldFor = (id: string, params: object = {}, change: Partial<World> = {}): World =>
  worldOf({
    params: { ...itemOf(id).probe.params, ...SHORT[id], ...params },
    plan: planned(20),
    ...change,
  })
const valueOf = ({ measured }: Measurement, name: string): number => Number(measured[name])
/** What a quiet machine would have come to, which this one need not be. */
const judged = (id: string, found: Measurement, quiet: Measurement['measured']) =>
  judgeMeasurement(itemOf(id), { ...found, measured: { ...found.measured, ...quiet } })
const PASS = { result: 'pass', codes: [], detail: '' }
const CROWDED = { retry: 3, timeout: 240_000 }

/** Every 50th read of a scratch store is none. */
const breaking = (backing: 'file' | 'db'): Partial<Adapters> => ({
  openServedScratch: async (spec, needs) => {
    const scratch = await adapters.openServedScratch(spec, needs)
    if (scratch.store.kind !== backing) return scratch
    const read = scratch.store.read.bind(scratch.store)
    let asked = 0
    scratch.store.read = (query) => {
      asked += 1
      return asked % 50 === 0 ? Promise.reject(new Error('broken')) : read(query)
    }
    return scratch
  },
})

describe('a load', () => {
  const { signal } = new AbortController()
  test('goes on while nothing is answered, and counts from when a request was due', async () => {
    let open = (): void => undefined
    const opened = new Promise<void>((resolve) => (open = resolve))
    let sent = 0
    const load = underLoad(
      async (at) => {
        sent += 1
        if (at < 10) await opened
        return at !== 11
      },
      { per_s: 200, requests: 40 },
      signal,
    )
    while (sent < 40) await sleep(5)
    open()
    const arrivals = await load
    expect(arrivals.map(({ due_ms }) => due_ms)).toEqual(arrivals.map((_, at) => at * 5))
    expect(arrivals.every(({ due_ms, sent_ms }) => sent_ms >= due_ms)).toBe(true)
    expect(Number(arrivals[0]?.done_ms)).toBeGreaterThan(Number(arrivals[39]?.due_ms))
    expect(arrivals.flatMap(({ ok }, at) => (ok ? [] : [at]))).toEqual([11])
  })
  test('that was kept from sending owns up to it', async () => {
    const block = (): void => {
      const until = performance.now() + 200
      while (performance.now() < until);
    }
    const arrivals = await underLoad(
      (at) => {
        if (at === 0) block()
        return Promise.resolve(true)
      },
      { per_s: 100, requests: 10 },
      signal,
    )
    const waited = arrivals.map(({ due_ms, done_ms }) => done_ms - due_ms)
    expect(Number(waited[0])).toBeGreaterThanOrEqual(200)
    expect(Number(waited[5])).toBeGreaterThanOrEqual(150)
  })
  test('ends when the run does', async () => {
    const ended = AbortSignal.abort()
    expect(await underLoad(() => Promise.resolve(true), { per_s: 1, requests: 9 }, ended)).toEqual(
      [],
    )
  })
})

describe('E5', () => {
  test('passes on the real stores', CROWDED, async () => {
    const found = await probeOf('E5').measure(worldFor('E5'))
    const [file, db] = [valueOf(found, 'file_p99_ms'), valueOf(found, 'db_p99_ms')]
    expect(file).toBeGreaterThan(0)
    expect(db).toBeLessThan(2 * file + 100)
    expect(judged('E5', found, { file_p99_ms: 40, db_p99_ms: 50 })).toEqual(PASS)
    expect(found.met).toMatchObject({ declared_peak_per_s: 20, file_failed: 0, db_failed: 0 })
    expect(valueOf(found, 'load_share')).toBeGreaterThan(3)
  })
  test('sees a tenth of a second on each query', async () => {
    const found = await probeOf('E5').control(worldFor('E5'))
    expect(valueOf(found, 'db_p99_ms')).toBeGreaterThanOrEqual(100)
    expect(judged('E5', found, { file_p99_ms: 40 })).toMatchObject({ result: 'fail' })
    expect(found.measured['error_share']).toBe(0)
  })
  const short = { requests: 240, seconds: 2 }
  test.each(['file', 'db'] as const)('sees answers of the %s that are none', async (side) => {
    const world = worldFor('E5', short, { adapters: handsOf(breaking(side)) })
    const found = await probeOf('E5').measure(world)
    expect(found.measured['error_share']).toBeCloseTo(0.02, 2)
    expect(judgeMeasurement(itemOf('E5'), found)).toMatchObject({ result: 'fail' })
  })
  test('says nothing about a peak that nobody declared, or that could not be sent', async () => {
    await expect(probeOf('E5').measure(worldFor('E5', {}, { plan: null }))).rejects.toMatchObject({
      code: 'target_missing',
    })
    const world = worldFor('E5', { ...short, seconds: 0.1 }, { plan: planned(1e6) })
    await expect(probeOf('E5').measure(world)).rejects.toMatchObject({
      code: 'proof_inconclusive',
      message: expect.stringMatching(/^Too few samples: \d+ requests a second .* 1500000 are/),
    })
  })
})

describe('F5', () => {
  test('passes on the real client', CROWDED, async () => {
    const found = await probeOf('F5').measure(worldFor('F5'))
    expect(valueOf(found, 'p99_before_ms')).toBeGreaterThan(0)
    expect(valueOf(found, 'p99_change_ms')).toBeLessThan(300)
    expect(judged('F5', found, { p99_change_ms: 5 })).toEqual(PASS)
    expect(Number(found.met['calls_failed'])).toBeGreaterThanOrEqual(3 * 5)
    expect(Number(found.met['calls_kept_back'])).toBeGreaterThan(0)
  })
  test('sees one connection for everything', async () => {
    const found = await probeOf('F5').control(worldFor('F5', { runs: 1 }))
    expect(valueOf(found, 'p99_change_ms')).toBeGreaterThan(900)
    expect(judged('F5', found, { runs: 3 })).toMatchObject({ result: 'fail' })
  })
  const short = { runs: 1, requests: 100, seconds: 1 }
  test('sees answers that are none', async () => {
    const world = worldFor('F5', short, { adapters: handsOf(breaking('file')) })
    const found = await probeOf('F5').measure(world)
    expect(valueOf(found, 'error_share')).toBeGreaterThan(0.001)
    expect(judged('F5', found, { p99_change_ms: 0 })).toMatchObject({ result: 'fail' })
  })
  test('says nothing where nobody asked Admin', async () => {
    const nobody = handsOf({ openApprovals: () => adapters.openApprovals({ kind: 'none' }) })
    await expect(
      probeOf('F5').measure(worldFor('F5', short, { adapters: nobody })),
    ).rejects.toMatchObject({ code: 'proof_inconclusive' })
  })
})
