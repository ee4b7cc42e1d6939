import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { validateSchema } from '../../src/artefacts/schemas.ts'
import { adapters } from '../../src/composition.ts'
import { readKafkaOptions } from '../../src/commands/kafka-options.ts'
import { DEFAULT_SETTINGS, type SettingValues } from '../../src/core/settings/settings.ts'
import type { FfError } from '../../src/errors.ts'
import {
  checkBacklog,
  checkDelivery,
  type DeliveryRequest,
} from '../../src/features/setup/delivery-checks.ts'
import { FileStore } from '../../src/adapters/file-store/file-store.ts'
import { FileShipStore } from '../../src/adapters/file-store/ship-store.ts'
import { loggedRecords, TOOLS } from '../adapters/store-contract/opened-store.ts'
import { putFlag, taken } from '../adapters/store-contract/requests.ts'
import { auditedFolder, inStore } from '../support/audited.ts'
import { KafkaProxy } from '../faults/kafka-proxy.ts'
import { type KafkaCluster, readTopic, startKafka } from '../support/kafka.ts'
import { finished, ROOT, type Run, runFf, startFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { getCheck, toError, until } from './outcome.ts'

const KILLS = FULL ? 24 : 3
const CHILD = fileURLToPath(new URL('../features/audit/ship-child.mjs', import.meta.url))
/** Where a shipper is killed. */
const POINTS = ['claimed', 'sent', 'failed-marked', 'marked', 'released']
let kafka: KafkaCluster
let topic = ''
let made = 0
let cwd = ''
let env: Record<string, string> = {}
beforeAll(async () => {
  kafka = await startKafka(1)
})
afterAll(() => kafka.stop())
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ff-ship-file-'))
  await auditedFolder(join(cwd, 'store'))
  topic = `file-${(made += 1)}`
  await kafka.createTopic(topic, 3)
  env = { FF_KAFKA_BROKERS: kafka.brokers.join(','), FF_KAFKA_TOPIC: topic }
})
afterEach(() => rm(cwd, { recursive: true, force: true }))

const STORE = ['--store', 'file:store']
const audit = (...args: readonly string[]): Promise<Run> =>
  runFf(['audit', ...args, ...STORE, '--format', 'json'], { cwd, env })
const startShipping = (...args: readonly string[]) =>
  startFf(['audit', 'ship', '--follow', ...STORE, ...args], { cwd, env })
const backlog = () => inStore(join(cwd, 'store'), (store) => store.sinkBacklog())

async function countDelivered(store: FileStore): Promise<number> {
  const { pending } = await store.sinkBacklog()
  return (await store.auditHead()).seq - pending
}

describe('ff audit ship of a file store', () => {
  test('delivers the whole log once', async () => {
    const run = await audit('ship')
    expect([run.status, run.stderr]).toEqual([0, ''])
    expect(JSON.parse(run.stdout)).toMatchObject({ delivered: 10, left: { pending: 0, failed: 0 } })
    expect(JSON.parse((await audit('ship')).stdout)).toMatchObject({ delivered: 0 })
    const logged = await loggedRecords(join(cwd, 'store'))
    const messages = await readTopic(kafka, topic)
    expect(messages).toHaveLength(logged.length)
    expect(new Set(messages.map(({ headers }) => headers[1]))).toEqual(
      new Set(logged.map(({ audit_id }) => audit_id)),
    )
    expect((await backlog()).pending).toBe(0)
  })

  test('killed again and again beside a writer loses nothing, and keeps the order per target', async () => {
    const store = await FileStore.open(join(cwd, 'store'), TOOLS)
    let writing = true
    const writer = (async () => {
      for (let at = 0; writing; at += 1) {
        await taken(store, putFlag(`ff.n${at % 5}`))
        await sleep(5)
      }
    })()
    try {
      for (let kill = 0; kill < KILLS; kill += 1) {
        const before = await countDelivered(store)
        const child = startShipping()
        const ended = finished(child)
        await until('more is delivered', async () => (await countDelivered(store)) > before)
        child.kill('SIGKILL')
        expect((await ended).signal).toBe('SIGKILL')
      }
    } finally {
      writing = false
      await writer
      await store.close()
    }
    expect((await audit('ship')).status).toBe(0)
    const logged = await loggedRecords(join(cwd, 'store'))
    const byId = new Map(logged.map((record) => [record.audit_id, record]))
    const messages = await readTopic(kafka, topic)
    const first = new Map<string, number[]>()
    const seen = new Set<string>()
    for (const { key, headers, payload } of messages) {
      const id = headers[1] ?? ''
      const record = byId.get(id)
      expect([record?.target, record?.hash]).toEqual([
        key,
        (JSON.parse(payload) as { readonly hash: string }).hash,
      ])
      if (!seen.has(id)) first.set(key, [...(first.get(key) ?? []), record?.seq ?? 0])
      seen.add(id)
    }
    expect(seen.size).toBe(logged.length)
    for (const [target, seqs] of first)
      expect([target, seqs]).toEqual([target, seqs.toSorted((one, other) => one - other)])
  })

  test.each(FULL ? POINTS : POINTS.slice(1, 3))(
    'killed when it has %s loses nothing',
    async (point) => {
      const refused = point === 'failed-marked' ? 'flag/ff.b' : null
      const given = { folder: join(cwd, 'store'), brokers: kafka.brokers, topic, point, refused }
      const argument = JSON.stringify({ ...given, lease_ms: 60_000, send_ms: 10_000 })
      const died = await promisify(execFile)(process.execPath, [CHILD, argument]).then(
        () => null,
        (error: unknown) => (error as { readonly signal?: string }).signal,
      )
      expect(died).toBe('SIGKILL')
      expect((await backlog()).failed).toBe(refused === null ? 0 : 1)
      expect(JSON.parse((await audit('redrive', '--all')).stdout)).toMatchObject({
        redriven: refused === null ? 0 : 1,
      })
      expect((await audit('ship')).status).toBe(0)
      const logged = await loggedRecords(join(cwd, 'store'))
      const ids = (await readTopic(kafka, topic)).map(({ headers }) => headers[1])
      expect(new Set(ids)).toEqual(new Set(logged.map(({ audit_id }) => audit_id)))
      // What was sent and not marked is there twice, elsewhere at most what another worker sent.
      if (point === 'sent') expect(ids.length).toBeGreaterThan(logged.length)
    },
  )

  test('serves metrics, and has the store alone until SIGTERM', async () => {
    const child = startShipping('--admin-listen', '127.0.0.1:0')
    const ended = finished(child)
    let log = ''
    child.stderr?.on('data', (text: string) => (log += text))
    await until('the address is logged', () => Promise.resolve(log.includes('"origin"')))
    const { origin } = JSON.parse(log.split('\n')[0] ?? '') as { readonly origin: string }
    const metrics = async (): Promise<string> => (await fetch(`${origin}/metrics`)).text()
    await until('all is delivered', async () =>
      (await metrics()).includes('\nff_ship_delivered_total 10\n'),
    )
    expect((await fetch(`${origin}/health/live`)).status).toBe(200)
    const second = await audit('ship')
    expect([second.status, toError(second).code]).toEqual([24, 'store_locked'])
    const redrive = JSON.parse((await audit('redrive', '--all')).stdout) as unknown
    expect(redrive).toMatchObject({ redriven: 0 })
    expect(validateSchema('audit-redrive', redrive, '')).toEqual([])
    child.kill('SIGTERM')
    expect((await ended).status).toBe(0)
    expect((await audit('ship')).status).toBe(0)
  })
})

describe('ff doctor', () => {
  const request = (more: Partial<SettingValues> = {}): DeliveryRequest => {
    const settings: SettingValues = {
      ...DEFAULT_SETTINGS,
      FF_STORE_DIR: join(cwd, 'store'),
      FF_KAFKA_BROKERS: kafka.brokers,
      FF_KAFKA_TOPIC: topic,
      ...more,
    }
    return { root: ROOT, adapters, settings, readKafka: () => readKafkaOptions(settings) }
  }
  const fault = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => null,
      (error: unknown) => (error as FfError).code,
    )

  test('asks the brokers for the topic, and counts the backlog of the store', async () => {
    const run = await runFf(['doctor', '--format', 'json'], {
      cwd,
      env: { ...env, FF_STORE_DIR: join(cwd, 'store') },
    })
    expect(run.status).toBe(22)
    const items = getCheck(run).items.filter(({ id }) => id.startsWith('audit'))
    expect(items).toMatchObject([
      { id: 'audit delivery', state: 'pass', title: `topic ${topic} with 3 partitions` },
      // The records of the test are of January.
      { id: 'audit backlog', state: 'inconclusive', codes: ['audit_undelivered'] },
    ])
  })

  test('says that nothing is lost where no broker is set', async () => {
    expect(await checkDelivery(request({ FF_KAFKA_BROKERS: null }))).toContain('none is lost')
  })

  test('says what is failed, until a redrive', async () => {
    const ship = await FileShipStore.open(join(cwd, 'store'))
    try {
      const claim = await ship.claim()
      if (claim === null) throw new Error('there is nothing to ship')
      const [record] = await ship.read(claim, 1)
      const seq = record?.seq ?? 0
      await ship.mark(claim, [{ kind: 'failed', seq, attempts: 1, reason: 'planted' }])
    } finally {
      await ship.close()
    }
    expect(await checkBacklog(request())).toMatchObject({
      state: 'inconclusive',
      findings: [{ code: 'audit_undelivered' }, { code: 'audit_failed' }],
    })
    expect((await audit('redrive', '--all')).status).toBe(0)
    expect((await audit('ship')).status).toBe(0)
    expect(await checkBacklog(request())).toBe('0 pending; 0 failed')
  })

  test('says which topic is missing, and which brokers do not answer', async () => {
    const proxy = await KafkaProxy.to(kafka.brokers)
    try {
      proxy.answer({ kind: 'topic_refused', error: 'unknown_topic' })
      const missing = request({ FF_KAFKA_BROKERS: proxy.brokers })
      expect(await fault(checkDelivery(missing))).toBe('target_unreachable')
    } finally {
      await proxy.close()
    }
    const away = request({ FF_KAFKA_BROKERS: ['127.0.0.1:1'], FF_KAFKA_TIMEOUT: 1 })
    expect(await fault(checkDelivery(away))).toBe('target_unreachable')
  })
})
