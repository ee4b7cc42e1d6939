import { afterEach, describe, expect, test } from 'vitest'
import { loadArtefact, packagedArtefact } from '../../../src/artefacts/load.ts'
import { parseExposition } from '../../../src/core/alerts/exposition.ts'
import { SAMPLE_FLAG } from '../../../src/features/serve/sample.ts'
import type { AdminMetrics } from '../../../src/ports/admin.ts'
import { adapters } from '../../../src/composition.ts'
import { promtoolSays } from '../../support/promtool.ts'
import { ROOT } from '../../support/run-ff.ts'
import { askFlag, except, type RunningService, getService } from '../../support/service-here.ts'

let service: RunningService | null = null
afterEach(async () => {
  await service?.close()
  service = null
})
async function started(options: Parameters<typeof getService>[0] = {}): Promise<RunningService> {
  service = await getService(options)
  return service
}

const loaded = await loadArtefact('alert_rules', packagedArtefact(ROOT, 'alert_rules'))
if (!loaded.ok) throw new Error('the contract does not fit its schema')
const signals = loaded.loaded.value.signals.filter(({ process }) => process === undefined)

async function scrape(origin: string) {
  const response = await fetch(`${origin}/metrics`)
  const text = await response.text()
  const read = parseExposition(text)
  if (!read.ok) throw new Error(`${read.code}: ${text.split('\n')[read.line - 1]}`)
  const value = (name: string, labels: object = {}): number | undefined =>
    read.samples.find(
      (one) =>
        one.name === name &&
        Object.entries(labels).every(([label, wanted]) => one.labels[label] === wanted),
    )?.value
  return { response, text, ...read, value }
}

describe('a scrape', () => {
  test('is Prometheus text with exactly the metrics of the contract', async () => {
    const { origin } = await started()
    await askFlag(origin, { flag_key: SAMPLE_FLAG })
    const { response, text, families } = await scrape(origin)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(promtoolSays(['check', 'metrics'], text)).toBe('')
    const own = [...families].filter(([name]) => name.startsWith('ff_'))
    expect(Object.fromEntries(own.map(([name, { type }]) => [name, type]))).toEqual(
      Object.fromEntries(signals.map(({ metric, type }) => [metric, type])),
    )
    expect([...families.values()].filter(({ help }) => help === '')).toEqual([])
    expect([...families.keys()]).toEqual(
      expect.arrayContaining([
        'process_resident_memory_bytes',
        'nodejs_heap_size_used_bytes',
        'nodejs_eventloop_lag_p99_seconds',
        'process_open_fds',
      ]),
    )
  })
  test('has the labels of the contract, and no value of a request', async () => {
    const { origin } = await started()
    for (let at = 0; at < 30; at += 1) {
      await askFlag(origin, { flag_key: `ff.canary.n${at}`, user_id: `canary${at}` })
      await fetch(`${origin}/canary/${at}`, { headers: { 'x-request-id': `canary-${at}` } })
      await fetch(`${origin}/v1/flags/override/tenant/canary${at}/ff.canary.n${at}`)
    }
    const { text, samples } = await scrape(origin)
    expect(text).not.toContain('canary')
    for (const { metric, labels } of signals)
      for (const sample of samples.filter(({ name }) => name === metric))
        expect(Object.keys(sample.labels).sort()).toEqual([...labels].sort())
    expect(samples.length).toBeLessThan(250)
  })
  test('is served on the admin port only, if there is one', async () => {
    const { origin, admin_origin } = await started({ settings: { FF_ADMIN_LISTEN: '127.0.0.1:0' } })
    expect((await fetch(`${origin}/metrics`)).status).toBe(404)
    await askFlag(origin, { flag_key: SAMPLE_FLAG })
    const { value } = await scrape(String(admin_origin))
    expect(value('ff_decisions_total')).toBe(1)
  })
})

describe('the metrics count', () => {
  test('requests by route and status, refusals by code, decisions by reason', async () => {
    const { origin } = await started()
    await askFlag(origin, { flag_key: SAMPLE_FLAG })
    await askFlag(origin, { flag_keys: [SAMPLE_FLAG, 'ff.unknown.flag'] })
    await askFlag(origin, { flag: 'none' })
    await fetch(`${origin}/v1/flags`)
    await fetch(`${origin}/nothing`)
    const { value } = await scrape(origin)
    const evaluated = { route: 'flags.evaluate' }
    expect(value('ff_http_requests_total', { ...evaluated, status: '200' })).toBe(2)
    expect(value('ff_http_requests_total', { ...evaluated, status: '400' })).toBe(1)
    expect(value('ff_http_requests_total', { route: 'none', status: '404' })).toBe(1)
    expect(value('ff_http_request_duration_seconds_count', evaluated)).toBe(3)
    expect(value('ff_http_refusals_total', { code: 'token_missing' })).toBe(1)
    expect(value('ff_decisions_total', { decision: 'allow', reason: 'global_default' })).toBe(2)
    expect(value('ff_decisions_total', { decision: 'deny', reason: 'flag_unknown' })).toBe(1)
  })
  test('refusals before there is a route or a request', async () => {
    const { origin } = await started()
    expect((await fetch(`${origin}/%zz`)).status).toBe(400)
    const headers = { 'x-long': 'x'.repeat(20_000) }
    expect((await fetch(`${origin}/v1/flags`, { headers })).status).toBe(431)
    const { value } = await scrape(origin)
    expect(value('ff_http_refusals_total', { code: 'request_malformed' })).toBe(1)
    expect(value('ff_http_refusals_total', { code: 'headers_too_large' })).toBe(1)
    expect(value('ff_http_requests_total', { route: 'none', status: '431' })).toBe(1)
  })
  test('writes by outcome', async () => {
    const auth = {
      FF_ENV: 'dev',
      FF_ALLOW_DEV_HEADERS: 'true',
      FF_DEV_SCOPES: 'ff:override:write',
    }
    const failing: { store: boolean } = { store: false }
    const { origin } = await started({
      settings: { ...auth, FF_STORE_DIR: '/unused' },
      deps: {
        openServiceStore: async (_spec, { tools }) => {
          const made = await adapters.openSampleStore(
            { flag_registry: [], tenant_override: [], user_override: [] },
            tools,
          )
          const write: typeof made.store.write = (request) =>
            failing.store ? Promise.reject(new Error('a bug')) : made.store.write(request)
          const store = except(made.store, { write })
          return { ...made, store }
        },
      },
    })
    const headers = {
      'x-ff-user': 'U1',
      'x-ff-tenant': 'T1',
      'x-ff-scopes': 'ff:override:write',
      'content-type': 'application/json',
    }
    const put = (tenant: string) =>
      fetch(`${origin}/v1/flags/override/tenant/${tenant}/ff.a`, {
        method: 'PUT',
        headers,
        body: '{"value":true}',
      })
    expect((await put('T1')).status).toBe(404)
    expect((await put('T2')).status).toBe(403)
    failing.store = true
    expect((await put('T1')).status).toBe(500)
    const { value } = await scrape(origin)
    expect(value('ff_changes_total', { action: 'put', outcome: 'refused' })).toBe(2)
    expect(value('ff_changes_total', { action: 'put', outcome: 'failed' })).toBe(1)
    expect(value('ff_changes_total', { action: 'put', outcome: 'applied' })).toBe(0)
    // Refusals are recorded behind their answers.
    const readHead = async () => (await scrape(origin)).value('ff_audit_head_seq')
    await expect.poll(readHead).toBe(2)
  })
  test('approval checks, and the state of the breaker', async () => {
    const anonymous = await adapters.openApprovals({ kind: 'none' })
    const metrics = (): AdminMetrics => ({
      ...anonymous.metrics(),
      calls: { answered: 3, failed: 2, refused: 1 },
      breaker: 'half_open',
    })
    const { origin } = await started({
      deps: { openApprovals: () => Promise.resolve({ ...anonymous, metrics }) },
    })
    const { value } = await scrape(origin)
    expect(value('ff_admin_calls_total', { outcome: 'answered' })).toBe(3)
    expect(value('ff_admin_calls_total', { outcome: 'failed' })).toBe(2)
    expect(value('ff_admin_calls_total', { outcome: 'refused' })).toBe(1)
    expect(value('ff_admin_breaker', { state: 'half_open' })).toBe(1)
    expect(value('ff_admin_breaker', { state: 'open' })).toBe(0)
  })
  test('requests in flight, and a hanging store as down', async () => {
    const { origin } = await started({
      deps: {
        openSampleStore: async (sample, tools) => {
          const made = await adapters.openSampleStore(sample, tools)
          let asked = 0
          // A start asks it once.
          const never: typeof made.store.auditHead = () =>
            (asked += 1) === 1 ? made.store.auditHead() : new Promise<never>(() => undefined)
          return { ...made, store: except(made.store, { auditHead: never }) }
        },
      },
    })
    const began = performance.now()
    const { value } = await scrape(origin)
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(value('ff_store_up')).toBe(0)
    expect(value('ff_audit_head_seq')).toBeUndefined()
    // A scrape stands outside of the bound.
    expect(value('ff_http_requests_in_flight')).toBe(0)
  })
})
