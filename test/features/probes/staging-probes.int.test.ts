import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adapters } from '../../../src/composition.ts'
import { loadAlerts } from '../../../src/features/probes/alert-contract.ts'
import {
  drillStaging,
  RULES_OF_ADMIN,
} from '../../../src/features/probes/testbed/staging-alerts.ts'
import type { AlertRule } from '../../../src/core/alerts/types.ts'
import { ROOT } from '../../support/run-ff.ts'
import { ADMIN_LIMITS } from '../../../src/core/admin/contract.ts'
import type { EvidenceDraft } from '../../../src/core/gate/types.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { runProbe } from '../../../src/features/probes/framework/run-probe.ts'
import type { InstanceIdentity } from '../../../src/features/serve/identity.ts'
import type { ServiceInstance } from '../../../src/features/probes/testbed/cached-services.ts'
import { putSensitiveFlag } from '../../../src/features/probes/testbed/called-events.ts'
import { PROBES } from '../../../src/features/probes/index.ts'
import type { Approval } from '../../../src/core/evaluate/approvals.ts'
import { instantFromMs } from '../../../src/core/rows/instant.ts'
import type {
  StagingNeeds,
  StagingTarget,
} from '../../../src/features/probes/framework/staging-target.ts'
import type { AdminBehaviour, AdminPlan, AdminServer } from '../../../src/ports/admin.ts'
import type { Adapters } from '../../../src/ports/adapters.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { shared } from '../../support/shared.ts'
import { planAhead, scratchIn, TERMS, toContext, toItem } from './context.ts'
import { SAID, type Staged, withStaging } from './staged.ts'

let database: TestDatabase
let staged: Staged
let admin: AdminServer
let plan: AdminPlan
const DAY_MS = 86_400_000
const APPROVAL: Approval = {
  approval_ref: 'APP-1-staging',
  flag_key: 'ff.probe.sensitive',
  tenant_id: 'T-0',
  user_id: 'U-0',
  not_before: instantFromMs(Date.now() - DAY_MS),
  expires_at: instantFromMs(Date.now() + 9 * DAY_MS),
  revoked: false,
}
let stop = (): void => undefined
let stopped: Promise<void>
/** What both instances say of themselves. */
let said: InstanceIdentity = SAID
/** The metrics of the second instance, as it shows them. */
let show = (given: string): string => given
const decorate = (given: Adapters, at: number, openApprovals: Adapters['openApprovals']) => ({
  ...given,
  openApprovals,
  openTelemetry: async (...args: Parameters<Adapters['openTelemetry']>) => {
    const telemetry = await given.openTelemetry(...args)
    const metrics = async () => {
      const read = await telemetry.metrics()
      return at === 1 ? { ...read, text: show(read.text) } : read
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
  admin = await adapters.openAdminServer([APPROVAL])
  const credential = { token: admin.token, client: null, ca: null }
  plan = { kind: 'admin', url: admin.url, credential, limits: ADMIN_LIMITS }
  const options = {
    scopes: 'ff:override:write ff:registry:write ff:tenant:any ff:operator ff:evaluate:any',
    say: () => said,
    decorate: (given: Adapters, { at }: { readonly at: number }) =>
      decorate(given, at, () => given.openApprovals(plan)),
  }
  await new Promise<void>((resolve, reject) => {
    stopped = withStaging(contextFor('H1'), options, (one) => {
      staged = one
      resolve()
      return new Promise<void>((end) => (stop = end))
    })
    stopped.catch(reject)
  })
  const headers = { authorization: `Bearer ${staged.staging.tokens[0] ?? ''}` }
  const first = staged.instances[0] as ServiceInstance
  await putSensitiveFlag(first, { headers, tenant_id: 'T-0', user_id: 'U-0' })
}, 60_000)
afterAll(async () => {
  stop()
  await stopped
  await admin.close()
  await database.drop()
})

interface Change extends Partial<Pick<StagingTarget, 'redis' | 'admin' | 'approval' | 'faults'>> {
  readonly plan?: ProbeContext['plan']
  readonly min_sample?: number
}
/** Measures an item on the pair, or with other things named as its own. */
function run(
  id: string,
  params: object = {},
  { min_sample = toItem(id).min_sample, plan: cutover = null, ...change }: Change = {},
): Promise<EvidenceDraft> {
  const item = { ...toItem(id), min_sample }
  const probe = { ...item.probe, params: { ...item.probe.params, ...params } }
  const targets = {
    ...scratchIn(database),
    staging: { ...staged.staging, admin: plan, approval: APPROVAL.approval_ref, ...change },
  }
  return runProbe({ ...item, probe }, PROBES[item.probe.name] as Probe, {
    context: contextFor(id, { targets, plan: cutover, mayDisrupt: new Set([id]) }),
    terms: TERMS,
  })
}
const LONG = { timeout: 120_000 }
const IN_SHADOW = { phase: 'shadow_read', epoch: 3, role: 'writer' } as const

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
    show = (given) => given.replaceAll('ff_store_up', 'ff_stored_up')
    const found = await run('H1').finally(() => (show = (given) => given))
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

describe('E5', () => {
  const SHORT = { requests: 200, seconds: 1 }
  const planned = (peak_requests_per_second: number): Change => ({
    min_sample: SHORT.requests,
    plan: planAhead({ peak_requests_per_second, staging_database: SAID.database }),
  })
  const countLoads = async (): Promise<number> => {
    const counts = await Promise.all(
      staged.instances.map((one) => one.count('ff_cache_loads_total')),
    )
    return counts.reduce((sum, one) => sum + one, 0)
  }

  test('loads each instance with requests that the database answers', LONG, async () => {
    const before = await countLoads()
    const found = await run('E5', SHORT, planned(20))
    const { db_p99_ms } = found.measured
    expect(found).toMatchObject({
      result: Number(db_p99_ms) <= 50 ? 'pass' : 'fail',
      where: 'staging',
      sample_size: SHORT.requests,
      met: { service: '2 instances of staging', declared_peak_per_s: 20, db_failed: 0 },
    })
    // What a file would take excuses nothing.
    expect(Object.keys(found.measured)).toEqual(['db_p99_ms', 'error_share', 'load_share'])
    // Each request read its rows of the store, of both instances.
    expect((await countLoads()) - before).toBeGreaterThanOrEqual(2 * SHORT.requests)
  })

  test.each<readonly [string, InstanceIdentity['cutover'], number, string, string]>([
    ['decide by the file', IN_SHADOW, 20, 'target_missing', 'is in shadow_read'],
    ['cannot be sent as much', undefined, 1e5, 'proof_inconclusive', 'Too few samples'],
  ])('is inconclusive for instances that %s', LONG, async (_what, cutover, peak, code, why) => {
    said = cutover === undefined ? SAID : { ...SAID, cutover }
    const short = { ...SHORT, seconds: 0.04 }
    const found = await run('E5', short, planned(peak)).finally(() => (said = SAID))
    expect([found.result, found.codes]).toEqual(['inconclusive', [code]])
    expect(found.example).toContain(why)
  })
})

/** What the program of staging was asked for, and what it has Admin do. */
const asked: string[] = []
let fail: AdminBehaviour = 'refused'
let faults: Server
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-faults-'))
  faults = createServer((request, response) => {
    asked.push(String(request.url))
    const behaviour = request.url === '/begin/admin' ? fail : 'honest'
    void admin.setBehaviour({ behaviour, delay_ms: 0 }).then(() => response.end())
  }).listen(0, '127.0.0.1')
  await once(faults, 'listening')
})
afterAll(async () => {
  faults.close()
  await rm(folder, { recursive: true })
})
/** A program that has Admin behave as the test wants, and ends with the status. */
async function writeProgram(behaviour: AdminBehaviour, status = 0): Promise<string> {
  fail = behaviour
  asked.length = 0
  const { port } = faults.address() as AddressInfo
  const path = join(folder, `faults-${status}.mjs`)
  const text = `#!/usr/bin/env node
    await fetch('http://127.0.0.1:${port}/' + process.argv.slice(2).join('/'))
    process.exitCode = process.argv[2] === 'begin' ? ${status} : 0`
  await writeFile(path, text, { mode: 0o700 })
  return path
}
const BOTH = ['/begin/admin', '/end/admin']

describe('F5', () => {
  const SHORT = { runs: 1, requests: 100, seconds: 0.5 }
  test('loads the instances while the program of the team lets Admin fail', LONG, async () => {
    const found = await run('F5', SHORT, { min_sample: 100, faults: await writeProgram('never') })
    expect(asked).toEqual(BOTH)
    expect(found).toMatchObject({ where: 'staging', sample_size: 100 })
    // One run is too few, and the numbers of a busy machine are its own.
    expect(found.result).toBe('fail')
    expect(found.measured).toMatchObject({ error_share: 0, runs: 1 })
    expect(found.met['run 1 on staging']).toMatch(/^p99 [\d.]+ ms before, [\d.]+ ms during$/)
  })

  test.each<readonly [string, AdminBehaviour, number, string, string]>([
    ['lets Admin answer', 'honest', 0, 'proof_inconclusive', 'Admin answered most calls'],
    [
      'does not end with 0',
      'refused',
      3,
      'command_unanswered',
      'begin the failure of admin: ended 3',
    ],
  ])(
    'is inconclusive where the program %s, which is asked to end it',
    LONG,
    async (_what, behaviour, status, code, why) => {
      const found = await run('F5', SHORT, { faults: await writeProgram(behaviour, status) })
      expect([found.codes, asked]).toEqual([[code], BOTH])
      expect(found.example).toContain(why)
    },
  )

  test('is inconclusive without a program, before anything is disturbed', async () => {
    const found = await run('F5', SHORT)
    expect(found.codes).toEqual(['target_missing'])
    expect(found.example).toContain('FF_STAGING_FAULTS')
  })
})

describe('H2', () => {
  const rule = (id: string, metric: string, change: Partial<AlertRule> = {}): AlertRule => ({
    id,
    measure: { kind: 'value', of: { metric, labels: {} } },
    op: 'below',
    threshold: 1,
    for_s: 15,
    ...change,
  })

  test('sees the rules of Admin fire and clear, and what is wrong with others', LONG, async () => {
    const { rules } = await loadAlerts(ROOT)
    const planted = [
      ...rules,
      rule('of_no_metric', 'ff_nothing'),
      rule('always', 'ff_store_up', { threshold: 2 }),
    ]
    const staging = { ...staged.staging, faults: await writeProgram('refused') }
    const context = contextFor('H2', { targets: { ...scratchIn(database), staging } })
    const needs = PROBES['alerts']?.staging as StagingNeeds
    expect(await drillStaging(planted, needs, context)).toEqual({
      instances: 2,
      silent: [0, 1].map((at) => `of_no_metric at instance ${at}: ff_nothing is not there`),
      stuck: [0, 1].map((at) => `always at instance ${at}: it fires without its fault`),
    })
    expect(asked).toEqual(BOTH)
  })

  test('finds a rule silent that does not fire until the run is ended', LONG, async () => {
    const controller = new AbortController()
    const { signal } = controller
    const staging = { ...staged.staging, faults: await writeProgram('honest') }
    const context = contextFor('H2', { signal, targets: { ...scratchIn(database), staging } })
    const needs = PROBES['alerts']?.staging as StagingNeeds
    const { rules } = await loadAlerts(ROOT)
    const drill = drillStaging(rules, needs, context)
    await expect.poll(() => asked, { timeout: 30_000 }).toContain('/begin/admin')
    setTimeout(() => controller.abort(), 1_500)
    const { silent } = await drill
    expect(silent).toContain('admin_failing at instance 0: it did not fire on its fault')
    expect([silent.length, asked]).toEqual([2 * RULES_OF_ADMIN.length, BOTH])
  })
})

describe('F1', () => {
  test('asks the Admin of staging, and each instance decides by its answers', LONG, async () => {
    const found = await run('F1')
    expect(found).toMatchObject({ codes: [], result: 'pass', where: 'staging', sample_size: 11 })
  })

  test.each<readonly [string, () => Change, string]>([
    ['no Admin', () => ({ admin: null }), 'FF_ADMIN_URL is not set'],
    ['no approval', () => ({ approval: null }), 'FF_STAGING_APPROVAL is not set'],
    [
      'an approval that Admin does not know',
      () => ({ approval: 'APP-2-x' }),
      'by Admin it is unknown',
    ],
  ])('is inconclusive with %s', LONG, async (_what, change, why) => {
    const found = await run('F1', {}, change())
    expect(found.codes).toEqual(['target_missing'])
    expect(found.example).toContain(why)
  })

  test(
    'fails for an Admin that answers every caller, looks at the reference alone, or is away',
    LONG,
    async () => {
      const loose = createServer((request, response) => {
        void text(request).then((body) => {
          const { check: _, ...asked } = JSON.parse(body) as Record<string, unknown>
          const { not_before, expires_at, revoked } = APPROVAL
          const answer = { ...asked, ttl_state: 'valid', not_before, expires_at, revoked }
          response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
        })
      }).listen(0, '127.0.0.1')
      await once(loose, 'listening')
      const { port } = loose.address() as AddressInfo
      const url = new URL(`http://127.0.0.1:${port}`)
      const found = await run('F1', {}, { admin: { ...plan, url } })
      loose.close()
      expect(found.measured).toEqual({
        contract_differences: 0,
        anonymous_answered: 2,
        foreign_approvals_known: 3,
      })
      const away = await run('F1', {}, { admin: { ...plan, url: new URL('http://127.0.0.1:9') } })
      expect(away).toMatchObject({ result: 'fail', measured: { contract_differences: 2 } })
    },
  )
})
