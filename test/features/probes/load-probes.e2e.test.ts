import { setTimeout as sleep } from 'node:timers/promises'
import type { Adapters } from '../../../src/ports/adapters.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROBES } from '../../../src/features/probes/index.ts'
import { runLoad } from '../../../src/features/probes/testbed/load-generator.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { ADMIN_LIMITS } from '../../../src/core/admin/contract.ts'
import { isDetected } from '../../../src/core/gate/controls.ts'
import { judgeMeasurement, type Measurement } from '../../../src/core/gate/judge-measurement.ts'
import { adapters } from '../../../src/composition.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { runFaults, toAdapters, toContext, toItem } from './context.ts'

const getProbe = (id: string): Probe => PROBES[toItem(id).probe.name] as Probe
/** Parameters for a short run that still reaches the minimum sample. */
const SHORT: Readonly<Record<string, object>> = { E5: { requests: 1_000, seconds: 2.5 } }
const planned = (peak_requests_per_second: number): ProbeContext['plan'] =>
  ({ peak_requests_per_second }) as ProbeContext['plan']
let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('18')
})
afterAll(() => database.drop())
const contextFor = (
  id: string,
  params: object = {},
  change: Partial<ProbeContext> = {},
): ProbeContext =>
  toContext({
    params: { ...toItem(id).probe.params, ...SHORT[id], ...params },
    plan: planned(20),
    targets: {
      scratch: { kind: 'postgres', url: database.url, name: database.name },
      database: null,
      store: null,
    },
    ...change,
  })
const getValue = ({ measured }: Measurement, name: string): number => Number(measured[name])
/** The result of an item for a measurement with these values. */
const getResult = (id: string, measured: Measurement['measured']) =>
  judgeMeasurement(toItem(id), { measured, met: {}, sample_size: 1_000, example: null }).result
const LONG = { timeout: 120_000 }

/** Fails one read in `every` of a scratch store. */
const withFailingReads = (backing: 'file' | 'db', every = 50): Partial<Adapters> => ({
  openScratchServiceStore: async (spec, needs) => {
    const scratch = await adapters.openScratchServiceStore(spec, needs)
    if (scratch.store.kind !== backing) return scratch
    const read = scratch.store.read.bind(scratch.store)
    let asked = 0
    scratch.store.read = (query) => {
      asked += 1
      return asked % every === 0 ? Promise.reject(new Error('broken')) : read(query)
    }
    return scratch
  },
})

describe('a load', () => {
  const { signal } = new AbortController()
  test('continues while no request is answered, and measures latency from the due time', async () => {
    let open = (): void => undefined
    const opened = new Promise<void>((resolve) => (open = resolve))
    let sent = 0
    const load = runLoad(
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
  test('includes the delay of requests that could not be sent in time', async () => {
    const block = (): void => {
      const until = performance.now() + 200
      while (performance.now() < until);
    }
    const arrivals = await runLoad(
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
  test('ends when the run is aborted', async () => {
    const ended = AbortSignal.abort()
    expect(await runLoad(() => Promise.resolve(true), { per_s: 1, requests: 9 }, ended)).toEqual([])
  })
})

describe.concurrent('E5', () => {
  test('measures both real stores, and the result follows the limits', LONG, async () => {
    const found = await getProbe('E5').measure(contextFor('E5'))
    const [file, db] = [getValue(found, 'file_p99_ms'), getValue(found, 'db_p99_ms')]
    expect(file).toBeGreaterThan(0)
    expect(db).toBeGreaterThan(0)
    expect(found.measured['error_share']).toBe(0)
    expect(found.met).toMatchObject({ declared_peak_per_s: 20, file_failed: 0, db_failed: 0 })
    expect(getValue(found, 'load_share')).toBeGreaterThanOrEqual(1.5)
    expect(found.sample_size).toBeGreaterThanOrEqual(toItem('E5').min_sample)
    expect(judgeMeasurement(toItem('E5'), found).result).toBe(
      db <= Math.max(50, 1.25 * file) ? 'pass' : 'fail',
    )
  })
  test.each([
    [{ file_p99_ms: 40, db_p99_ms: 50 }, 'pass'],
    [{ file_p99_ms: 40, db_p99_ms: 50.01 }, 'fail'],
    [{ file_p99_ms: 100, db_p99_ms: 125 }, 'pass'],
    [{ file_p99_ms: 100, db_p99_ms: 125.01 }, 'fail'],
    [{ error_share: 0.0011 }, 'fail'],
    [{ load_share: 1.49 }, 'fail'],
  ])('with %o is a %s', (change, result) => {
    const bound = { file_p99_ms: 40, db_p99_ms: 50, error_share: 0.001, load_share: 1.5 }
    expect(getResult('E5', { ...bound, ...change })).toBe(result)
  })
  const short = { requests: 240, seconds: 1 }
  test('detects slow and rejected reads, and a load that is too small', LONG, async () => {
    const faults = await runFaults(getProbe('E5'), contextFor('E5', {}, { plan: null }))
    const found = faults.get('db_p99_ms') as Measurement
    expect([...faults.keys()]).toEqual(['db_p99_ms', 'error_share', 'load_share'])
    expect(getValue(found, 'db_p99_ms')).toBeGreaterThanOrEqual(100)
    // A tenth is rejected, and the circuit breaker of the store may open and refuse more.
    expect(getValue(found, 'error_share')).toBeGreaterThan(0.05)
    expect(getValue(found, 'load_share')).toBeLessThan(1.5)
    // The added delay alone breaks the limit where the file answers within 79 ms.
    const least = { measured: { db_p99_ms: 100, file_p99_ms: 79 } }
    expect(isDetected(toItem('E5'), 'db_p99_ms', least)).toBe(true)
  })
  test.each(['file', 'db'] as const)('detects failed answers of the %s', async (side) => {
    const context = contextFor('E5', short, { adapters: toAdapters(withFailingReads(side)) })
    const found = await getProbe('E5').measure(context)
    expect(found.measured['error_share']).toBeCloseTo(0.02, 2)
    expect(judgeMeasurement(toItem('E5'), found)).toMatchObject({ result: 'fail' })
  })
  test('is inconclusive where the plan is missing or the rate cannot be sent', async () => {
    await expect(
      getProbe('E5').measure(contextFor('E5', {}, { plan: null })),
    ).rejects.toMatchObject({
      code: 'target_missing',
    })
    const context = contextFor('E5', { ...short, seconds: 0.1 }, { plan: planned(1e6) })
    await expect(getProbe('E5').measure(context)).rejects.toMatchObject({
      code: 'proof_inconclusive',
      message: expect.stringMatching(/^Too few samples: \d+ requests a second .* 1500000 are/),
    })
  })
})

describe('F5', () => {
  test('measures the real client, and the result follows the limits', LONG, async () => {
    const found = await getProbe('F5').measure(contextFor('F5', { seconds: 1.2 }))
    const [before, change] = [getValue(found, 'p99_before_ms'), getValue(found, 'p99_change_ms')]
    expect(before).toBeGreaterThan(0)
    // Less than the timeout of one call to Admin: no ordinary decision waited for one.
    expect(change).toBeLessThan(ADMIN_LIMITS.timeout_ms)
    expect(found.measured).toMatchObject({ error_share: 0, runs: 3 })
    expect(Number(found.met['calls_failed'])).toBeGreaterThanOrEqual(3 * 5)
    expect(Number(found.met['calls_kept_back'])).toBeGreaterThan(0)
    expect(found.sample_size).toBeGreaterThanOrEqual(toItem('F5').min_sample)
    expect(judgeMeasurement(toItem('F5'), found).result).toBe(
      change <= Math.max(5, 0.1 * before) ? 'pass' : 'fail',
    )
  })
  test.each([
    [{ p99_before_ms: 10, p99_change_ms: 5 }, 'pass'],
    [{ p99_before_ms: 10, p99_change_ms: 5.01 }, 'fail'],
    [{ p99_before_ms: 100, p99_change_ms: 10 }, 'pass'],
    [{ p99_before_ms: 100, p99_change_ms: 10.01 }, 'fail'],
    [{ error_share: 0.0011 }, 'fail'],
    [{ runs: 2 }, 'fail'],
  ])('with %o is a %s', (change, result) => {
    const bound = { error_share: 0.001, p99_before_ms: 10, p99_change_ms: 5, runs: 3 }
    expect(getResult('F5', { ...bound, ...change })).toBe(result)
  })
  const short = { runs: 1, requests: 100, seconds: 1 }
  const hasty: Partial<Adapters> = {
    openApprovals: (plan) =>
      adapters.openApprovals(
        plan.kind === 'admin' ? { ...plan, limits: { ...plan.limits, timeout_ms: 300 } } : plan,
      ),
  }
  test('detects a shared connection, rejected reads and a single run', async () => {
    const context = contextFor('F5', {}, { adapters: toAdapters(hasty) })
    const faults = await runFaults(getProbe('F5'), context)
    const { measured } = faults.get('runs') as Measurement
    expect([...faults.keys()]).toEqual(['error_share', 'p99_change_ms', 'runs'])
    const during = Number(measured['p99_before_ms']) + Number(measured['p99_change_ms'])
    // Ordinary decisions waited until a call to Admin timed out.
    expect(during).toBeGreaterThanOrEqual(300)
    expect(measured['runs']).toBe(1)
    // One request in five is rejected, of those that the load got to send.
    expect(Number(measured['error_share'])).toBeGreaterThan(0.1)
    expect(Number(measured['error_share'])).toBeLessThan(0.3)
    const least = { measured: { p99_before_ms: 100, p99_change_ms: 200 } }
    expect(isDetected(toItem('F5'), 'p99_change_ms', least)).toBe(true)
  })
  test.concurrent('detects failed answers', async () => {
    const context = contextFor('F5', short, { adapters: toAdapters(withFailingReads('file', 5)) })
    const found = await getProbe('F5').measure(context)
    expect(getValue(found, 'error_share')).toBeGreaterThan(0.001)
    expect(judgeMeasurement(toItem('F5'), found)).toMatchObject({
      result: 'fail',
      detail: expect.stringContaining('error_share'),
    })
  })
  test.concurrent('is inconclusive where no call reaches Admin', async () => {
    const anonymous = toAdapters({ openApprovals: () => adapters.openApprovals({ kind: 'none' }) })
    await expect(
      getProbe('F5').measure(contextFor('F5', short, { adapters: anonymous })),
    ).rejects.toMatchObject({ code: 'proof_inconclusive' })
  })
})
