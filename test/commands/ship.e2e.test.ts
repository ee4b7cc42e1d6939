import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { validateSchema } from '../../src/artefacts/schemas.ts'
import { KafkaProxy } from '../faults/kafka-proxy.ts'
import { addRecords } from '../features/audit/audit-records.ts'
import { connect, getUrl, migratedDatabase, type TestDatabase } from '../support/database.ts'
import { type KafkaCluster, readTopic, startKafka } from '../support/kafka.ts'
import { finished, type Run, runFf, startFf } from '../support/run-ff.ts'
import { until } from './outcome.ts'

const ROLE = 'ship_command_login'
let kafka: KafkaCluster
let database: TestDatabase
let sql: pg.Client
let env: Record<string, string> = {}
let made = 0
beforeAll(async () => {
  kafka = await startKafka(1)
  const admin = await connect('15')
  await admin.query(`CREATE ROLE ${ROLE} LOGIN`)
  await admin.end()
})
afterAll(async () => {
  await kafka.stop()
  const admin = await connect('15')
  await admin.query(`DROP ROLE ${ROLE}`)
  await admin.end()
})
beforeEach(async () => {
  database = await migratedDatabase('15')
  sql = await connect('15', database.database)
  await sql.query(
    `GRANT ff_ship TO ${ROLE}; SET search_path = ff; UPDATE audit SET sink_status = 'delivered'`,
  )
  const topic = `command-${(made += 1)}`
  await kafka.createTopic(topic, 2)
  env = {
    FF_DATABASE_URL: getUrl('15', database.database, ROLE),
    FF_KAFKA_BROKERS: kafka.brokers.join(','),
    FF_KAFKA_TOPIC: topic,
  }
})
afterEach(async () => {
  await sql.end()
  await database.drop()
})
const ship = (more: Record<string, string> = {}, ...args: readonly string[]): Promise<Run> =>
  runFf(['audit', 'ship', ...args], { env: { ...env, ...more } })
const statuses = async (): Promise<unknown> =>
  (
    await sql.query(
      `SELECT sink_status AS status, count(*)::integer AS records FROM audit WHERE phase = 'file' AND target LIKE 'flag/%'
       GROUP BY 1 ORDER BY 1`,
    )
  ).rows

describe('ff audit ship', () => {
  test('delivers what is pending, and says that nothing is left', async () => {
    const records = await addRecords(sql, ['flag/ff.a', 'flag/ff.b', 'flag/ff.a'])
    const run = await ship({}, '--format', 'json')
    expect(run.stderr).toBe('')
    expect(validateSchema('audit-ship', JSON.parse(run.stdout), '')).toEqual([])
    expect(JSON.parse(run.stdout)).toEqual({
      schemaVersion: 1,
      delivered: 3,
      retried: 0,
      failed: 0,
      unavailable: null,
      left: { pending: 0, failed: 0, oldest_seconds: null },
    })
    expect(run.status).toBe(0)
    const messages = await readTopic(kafka, env['FF_KAFKA_TOPIC'] ?? '')
    const { rows } = await sql.query<{ place: string; audit_id: string }>(
      `SELECT sink_partition || '/' || sink_offset AS place, audit_id::text FROM audit WHERE sink_topic = $1`,
      [env['FF_KAFKA_TOPIC']],
    )
    const placed = messages.map(({ partition, offset, headers }) => ({
      place: `${partition}/${offset}`,
      audit_id: headers[1],
    }))
    expect(placed).toHaveLength(3)
    expect(placed).toEqual(expect.arrayContaining(rows))
    const [first] = records
    const message = messages.find(({ headers }) => headers[1] === first?.audit_id)
    expect(message).toMatchObject({ key: 'flag/ff.a', headers: ['audit_id', first?.audit_id] })
    expect(JSON.parse(message?.payload ?? '')).toMatchObject({ seq: first?.seq, after: { a: 1 } })
  })

  test('without brokers ends 2, says that nothing is lost, and leaves records pending', async () => {
    await addRecords(sql, ['flag/ff.a'])
    const run = await ship({ FF_KAFKA_BROKERS: '' })
    expect([run.status, run.stdout]).toEqual([2, ''])
    expect(run.stderr).toContain('They stay pending, and none is lost.')
    expect(run.stderr).toContain('[target_invalid, exit usage]')
    expect(await statuses()).toEqual([{ status: 'pending', records: 1 }])
  })

  test('ends 22 where no broker answers, and delivers once one does', async () => {
    await addRecords(sql, ['flag/ff.a', 'flag/ff.b'])
    const run = await ship({ FF_KAFKA_BROKERS: '127.0.0.1:1', FF_KAFKA_TIMEOUT: '1' })
    expect([run.status, run.stdout]).toEqual([22, expect.stringContaining('ECONNREFUSED')])
    expect(await statuses()).toEqual([{ status: 'pending', records: 2 }])
    await sql.query('UPDATE audit SET sink_next_at = NULL')
    expect((await ship()).status).toBe(0)
    expect(await statuses()).toEqual([{ status: 'delivered', records: 2 }])
  })

  test('ends 22 where the topic is missing, and names it as the reason', async () => {
    await addRecords(sql, ['flag/ff.a'])
    // The test cluster makes a topic at its first use.
    const proxy = await KafkaProxy.to(kafka.brokers)
    proxy.answer({ kind: 'topic_refused', error: 'unknown_topic' })
    const run = await ship({ FF_KAFKA_BROKERS: proxy.brokers.join(',') })
    await proxy.close()
    const reason = expect.stringContaining('UNKNOWN_TOPIC_OR_PARTITION') as string
    expect([run.status, run.stdout]).toEqual([22, reason])
  })

  test('ends 20 beside a failed record, until a redrive', async () => {
    await addRecords(sql, ['flag/ff.a', 'flag/ff.a', 'flag/ff.b'])
    await sql.query(`UPDATE audit SET sink_status = 'failed', sink_reason = 'too large'
      WHERE seq = (SELECT min(seq) FROM audit WHERE target = 'flag/ff.a')`)
    expect((await ship()).status).toBe(20)
    expect(await statuses()).toEqual([
      { status: 'delivered', records: 1 },
      { status: 'failed', records: 1 },
      { status: 'pending', records: 1 },
    ])
    const redrive = await runFf(['audit', 'redrive', '--target', 'flag/ff.a'], { env })
    expect([redrive.status, redrive.stdout]).toEqual([0, '1 failed record is pending again\n'])
    expect((await ship()).status).toBe(0)
    expect(await statuses()).toEqual([{ status: 'delivered', records: 3 }])
  })

  test.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)('with --follow delivers new records until %s, which ends %i', async (signal, end) => {
    const child = startFf(['audit', 'ship', '--follow'], { env })
    const ended = finished(child)
    const all = async (count: number): Promise<boolean> =>
      JSON.stringify(await statuses()) === JSON.stringify([{ status: 'delivered', records: count }])
    await addRecords(sql, ['flag/ff.a'])
    await until('the first record', () => all(1))
    await addRecords(sql, ['flag/ff.a', 'flag/ff.b'])
    await until('later records', () => all(3))
    child.kill(signal)
    expect(await ended).toMatchObject({ status: end, stderr: '' })
    const { rows } = await sql.query('SELECT FROM ship_slots WHERE owner IS NOT NULL')
    expect(rows).toEqual([])
  })
})

describe('ff audit redrive and ship refuse', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ff-ship-'))
    await writeFile(join(folder, 'secret'), 'hunter2\n', { mode: 0o600 })
    await writeFile(join(folder, 'open'), 'hunter2\n')
    await chmod(join(folder, 'open'), 0o644)
  })
  afterAll(() => rm(folder, { recursive: true }))
  const LOGIN = { FF_KAFKA_SASL: 'plain', FF_KAFKA_USER: 'ff' }

  test.each<[string, readonly string[], () => Record<string, string>, string]>([
    ['neither --target nor --all', ['redrive'], () => ({}), 'option_invalid'],
    ['both of them', ['redrive', '--all', '--target', 'a'], () => ({}), 'option_invalid'],
    ['--once with --follow', ['ship', '--once', '--follow'], () => ({}), 'option_invalid'],
    ['a bad broker', ['ship'], () => ({ FF_KAFKA_BROKERS: 'kafka' }), 'setting_invalid'],
    ['a bad topic', ['ship'], () => ({ FF_KAFKA_TOPIC: 'a b' }), 'setting_invalid'],
    ['a login without password', ['ship'], () => LOGIN, 'setting_invalid'],
    [
      'a password that others may read',
      ['ship'],
      () => ({ ...LOGIN, FF_KAFKA_PASSWORD_FILE: join(folder, 'open') }),
      'setting_invalid',
    ],
    [
      'a password in clear text over a network',
      ['ship'],
      () => ({
        ...LOGIN,
        FF_KAFKA_PASSWORD_FILE: join(folder, 'secret'),
        FF_KAFKA_BROKERS: 'kafka.example:9092',
      }),
      'setting_invalid',
    ],
    [
      'a password in clear text to a name that begins as an address of this machine',
      ['ship'],
      () => ({
        ...LOGIN,
        FF_KAFKA_PASSWORD_FILE: join(folder, 'secret'),
        FF_KAFKA_BROKERS: '127.kafka.invalid:9092',
      }),
      'setting_invalid',
    ],
    ['a file for TLS without TLS', ['ship'], () => ({ FF_KAFKA_CA_FILE: 'x' }), 'setting_invalid'],
    [
      'a certificate without its key',
      ['ship'],
      () => ({ FF_KAFKA_TLS: 'true', FF_KAFKA_CERT_FILE: 'x' }),
      'setting_invalid',
    ],
  ])('%s', async (_, args, more, code) => {
    const run = await runFf(['audit', ...args], { env: { ...env, ...more() } })
    expect([run.status, run.stdout]).toEqual([2, ''])
    expect(run.stderr).toContain(`[${code}, exit usage]`)
    expect(run.stderr).not.toContain('hunter2')
  })
})
