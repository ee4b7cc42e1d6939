// How fast audit records are delivered, against the client alone in one run; its memory with a long backlog; and what it
// costs a writer of changes on the same machine.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Kafka, Partitioners } from 'kafkajs'
import pg from 'pg'
import { openPool } from '../../dist/src/adapters/postgres/connect.js'
import { startEmbedded } from '../../dist/src/adapters/postgres/embedded.js'
import { PostgresStore } from '../../dist/src/adapters/postgres/postgres-store.js'
import { startKafka } from '../soak/kafka-broker.mjs'
import { makeChange } from './make-store.mjs'
import { sized } from './smoke.mjs'

const FF = fileURLToPath(new URL('../../dist/bin/ff.js', import.meta.url))
const ROUNDS = sized(5, 1)
const RECORDS = sized(40_000, 1_000)
/** Records of a send of `ff audit ship`. */
const BATCH = 500
const BACKLOG = sized(1_000_000, 5_000)
const BACKLOG_MS = sized(30_000, 3_000)
const CHANGES = sized(1_000, 20)
const PARTITIONS = 12
const TOPIC = 'bench'
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

/** Writes records as SQL does, not as a service; their hashes are none, which a shipper does not look at. */
const appendRecords = (sql, count) =>
  sql.query(
    `INSERT INTO ff.audit (seq, audit_id, occurred_at, actor, auth_mode, action, outcome, target, before, after, request_id,
       approval_ref, phase, prev_hash, hash)
     SELECT h.seq + n, gen_random_uuid(), now(), 'U1', 'verified', 'override.put', 'applied', 'tenant/T' || n % 1000 || '/ff.a',
       '{"value": 1}', '{"value": 2, "note": "the record of a change, about as long as one of a service"}', 'request-' || n,
       NULL, 'db', h.hash, h.hash
     FROM ff.audit_head h, generate_series(1, ${count}::int) n`,
  )
const moveHead = (sql) =>
  sql.query('UPDATE ff.audit_head SET seq = (SELECT max(seq) FROM ff.audit)')

/** Starts a shipper. @returns its process, and its peak of resident memory in MB so far */
function startShipper(env, args) {
  const child = spawn(process.execPath, [FF, 'audit', 'ship', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const readPeak = () =>
    Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
  return { child, readPeak }
}
async function end(child, signal) {
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

/** Records a second of one `ff audit ship`, from its first mark to its last, so without its start. */
async function shipRate(env, sql) {
  await appendRecords(sql, RECORDS)
  await moveHead(sql)
  const { status } = spawnSync(process.execPath, [FF, 'audit', 'ship', '--once'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) throw new Error(`ff audit ship ended ${status}`)
  const { rows } = await sql.query(
    `SELECT count(*)::int AS count, extract(epoch FROM max(sink_at) - min(sink_at))::float AS seconds FROM ff.audit
     WHERE sink_at > now() - interval '10 minutes' AND sink_reason IS NULL AND seq > (SELECT max(seq) FROM ff.audit) - ${RECORDS}`,
  )
  const [{ count, seconds }] = rows
  if (count !== RECORDS) throw new Error(`${count} of ${RECORDS} records were delivered`)
  return count / seconds
}

/** Records a second of kafkajs alone: the same batch and size, one send in flight. */
async function bareRate(brokers) {
  const kafka = new Kafka({ brokers, logCreator: () => () => undefined })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const value = 'x'.repeat(700)
  const started = performance.now()
  for (let at = 0; at < RECORDS; at += BATCH) {
    const messages = Array.from({ length: BATCH }, (_, index) => ({
      key: `tenant/T${(at + index) % 1000}/ff.a`,
      value,
      headers: { audit_id: '019bbf2e-0000-7000-8000-000000000000' },
    }))
    await producer.send({ topic: TOPIC, acks: -1, messages })
  }
  const seconds = (performance.now() - started) / 1_000
  await producer.disconnect()
  return RECORDS / seconds
}

/** Peak of memory in MB of a shipper that works on a long backlog for a time. */
async function backlogMemory(env, sql) {
  await appendRecords(sql, BACKLOG)
  await moveHead(sql)
  const { child, readPeak } = startShipper(env, ['--follow'])
  await sleep(BACKLOG_MS)
  const peak = readPeak()
  await end(child, 'SIGTERM')
  await sql.query(`UPDATE ff.audit SET sink_status = 'delivered' WHERE sink_status = 'pending'`)
  return peak
}

/** Milliseconds of a change, one after the other: the median. */
async function changeMs(store, from) {
  const taken = []
  for (let at = 0; at < CHANGES; at += 1) {
    const started = performance.now()
    const { ok } = await store.write(makeChange(from + at, 100))
    if (!ok) throw new Error('a change was refused')
    taken.push(performance.now() - started)
  }
  return median(taken)
}

/** The median change beside a shipper, over that without one; the pairs take turns. */
async function writerCost(env, database) {
  const tools = { digestKey: Buffer.alloc(32, 1), phase: 'file' }
  const store = new PostgresStore(openPool(database, 2), 'ff', { name: 'bench', tools })
  const ratios = []
  for (let round = -1; round < ROUNDS; round += 1) {
    const alone = await changeMs(store, round * 7)
    const { child } = startShipper(env, ['--follow'])
    await sleep(1_000)
    const beside = await changeMs(store, round * 7 + 3)
    await end(child, 'SIGTERM')
    if (round >= 0) ratios.push(beside / alone) // Round -1 is a warm-up.
  }
  await store.close()
  return median(ratios)
}

/** @returns records a second of `ff audit ship` and of kafkajs, MB with a long backlog, and the cost for a writer as a ratio */
export async function shipSpeed() {
  const [server, kafka] = await Promise.all([startEmbedded(), startKafka()])
  const { host, user, database } = server.database.config
  const env = {
    FF_DATABASE_URL: `postgres://${user}@/${database}?host=${encodeURIComponent(host)}`,
    FF_KAFKA_BROKERS: kafka.brokers.join(','),
    FF_KAFKA_TOPIC: TOPIC,
  }
  const sql = new pg.Client({ host, user, database })
  try {
    const up = spawnSync(process.execPath, [FF, 'migrate', 'up'], {
      env: { ...process.env, ...env },
    })
    if (up.status !== 0) throw new Error(String(up.stderr))
    await kafka.createTopic(TOPIC, PARTITIONS)
    await sql.connect()
    const [ours, bare] = [[], []]
    for (let round = -1; round < ROUNDS; round += 1) {
      const rates = [await shipRate(env, sql), await bareRate(kafka.brokers)]
      if (round < 0) continue // A warm-up.
      ours.push(rates[0])
      bare.push(rates[1])
    }
    const megabytes = await backlogMemory(env, sql)
    const writer = await writerCost(env, server.database)
    return { ours: median(ours), bare: median(bare), megabytes, writer }
  } finally {
    await sql.end()
    await kafka.stop()
    await server.stop()
  }
}
