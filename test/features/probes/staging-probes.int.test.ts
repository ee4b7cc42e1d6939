import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adapters } from '../../../src/composition.ts'
import { ADMIN_LIMITS } from '../../../src/core/admin/contract.ts'
import type { EvidenceDraft } from '../../../src/core/gate/types.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { runProbe } from '../../../src/features/probes/framework/run-probe.ts'
import { PROBES } from '../../../src/features/probes/index.ts'
import type { Adapters } from '../../../src/ports/adapters.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { shared } from '../../support/shared.ts'
import { scratchIn, TERMS, toContext, toItem } from './context.ts'
import { type Staged, withStaging } from './staged.ts'

let database: TestDatabase
let staged: Staged
let stop = (): void => undefined
let stopped: Promise<void>
/** The metrics of the second instance, as it shows them. */
let show = (text: string): string => text
const decorate = (given: Adapters, at: number, openApprovals: Adapters['openApprovals']) => ({
  ...given,
  openApprovals,
  openTelemetry: async (...args: Parameters<Adapters['openTelemetry']>) => {
    const telemetry = await given.openTelemetry(...args)
    const metrics = async () => {
      const { type, text } = await telemetry.metrics()
      return { type, text: at === 1 ? show(text) : text }
    }
    return { ...telemetry, metrics }
  },
})
const contextFor = (id: string, change: Partial<ProbeContext> = {}): ProbeContext =>
  toContext({ params: toItem(id).probe.params, targets: scratchIn(database), ...change })

/** One pair of instances for all items of this file, with an Admin on loopback. */
beforeAll(async () => {
  const missing = await shared('redis')
  if (missing !== null) throw new Error(missing)
  database = await createDatabase('18')
  const admin = await adapters.openAdminServer([])
  const credential = { token: admin.token, client: null, ca: null }
  const plan = { kind: 'admin', url: admin.url, credential, limits: ADMIN_LIMITS } as const
  const options = {
    scopes: 'ff:override:write ff:registry:write ff:tenant:any ff:operator',
    decorate: (given: Adapters, { at }: { readonly at: number }) =>
      decorate(given, at, () => given.openApprovals(plan)),
  }
  await new Promise<void>((resolve, reject) => {
    stopped = withStaging(contextFor('H1'), options, (one) => {
      staged = one
      resolve()
      return new Promise<void>((end) => (stop = end))
    }).finally(() => admin.close())
    stopped.catch(reject)
  })
}, 60_000)
afterAll(async () => {
  stop()
  await stopped
  await database.drop()
})

/** Measures an item on the pair, or on the pair with another Redis. */
function run(
  id: string,
  params: object = {},
  change: { readonly min_sample?: number; readonly redis?: string } = {},
): Promise<EvidenceDraft> {
  const { min_sample = toItem(id).min_sample, redis = staged.staging.redis } = change
  const item = { ...toItem(id), min_sample }
  const probe = { ...item.probe, params: { ...item.probe.params, ...params } }
  const targets = { ...scratchIn(database), staging: { ...staged.staging, redis } }
  return runProbe({ ...item, probe }, PROBES[item.probe.name] as Probe, {
    context: contextFor(id, { targets, mayDisrupt: new Set([id]) }),
    terms: TERMS,
  })
}
const LONG = { timeout: 120_000 }

describe('H1', () => {
  test('moves on each instance what a request moves, and names the others', LONG, async () => {
    const found = await run('H1')
    expect(found).toMatchObject({
      result: 'pass',
      where: 'staging',
      met: { staging: '2 instances', moved_on_staging: 10 },
    })
    const elsewhere = String(found.met['moved_in_this_process_alone']).split(', ')
    expect(elsewhere).toHaveLength(12)
    expect(elsewhere).toContain('ff_store_up')
  })

  test('fails for a metric that one instance does not have', LONG, async () => {
    show = (text) => text.replaceAll('ff_store_up', 'ff_stored_up')
    const found = await run('H1').finally(() => (show = (text) => text))
    expect(found).toMatchObject({
      result: 'fail',
      measured: { metrics_missing: 1 },
      example: expect.stringContaining('ff_store_up is not there'),
    })
  })
})

describe('D4', () => {
  const SMALL = { requests: 160 }
  /** As many as it has to look at. */
  const enough = { min_sample: SMALL.requests }
  test('measures the Redis of the instances, which may hold keys of ff alone', LONG, async () => {
    const found = await run('D4', SMALL, enough)
    expect(found).toMatchObject({
      codes: [],
      result: 'pass',
      where: 'staging',
      sample_size: 160,
      met: { staging: '2 instances of staging' },
    })
    expect(found.met['staging_cache_hits']).toBeGreaterThan(0)
  })

  test('is inconclusive where FF_REDIS_URL is another Redis', LONG, async () => {
    const other = await adapters.openScratchRedis(new AbortController().signal)
    try {
      const found = await run('D4', SMALL, { ...enough, redis: other.url })
      expect(found.codes).toEqual(['target_missing'])
    } finally {
      await other.close()
    }
  })
})
