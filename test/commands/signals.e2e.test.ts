import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FaultProxy } from '../faults/tcp-proxy.ts'
import { connect, createDatabase, type TestDatabase } from '../support/database.ts'
import { finished, runFf, startFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { expectEndedBy, getParity, SIGNAL_NAME, SIGNAL_STATUS, toError, until } from './outcome.ts'

let database: TestDatabase
let watcher: pg.Client
beforeAll(async () => {
  database = await createDatabase('18')
  watcher = await connect('18', database.database)
  await watcher.query(
    "CREATE SCHEMA ff; CREATE TABLE ff.flag_registry (flag_key text); INSERT INTO ff.flag_registry VALUES ('ff.kept')",
  )
})
afterAll(async () => {
  await watcher.end()
  await database.drop()
})

const isAlive = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode === null && signalCode === null
const scratchSchemas = async (client = watcher): Promise<readonly string[]> => {
  const text = "SELECT nspname AS name FROM pg_namespace WHERE nspname ~ '^ff_'"
  return (await client.query<{ name: string }>(text)).rows.map(({ name }) => name)
}
const startOnServer = (url = database.url): ChildProcess =>
  startFf(['parity', 'exhaustive', '--candidate', url, '--format', 'json'])

const proxyToServer = (): Promise<FaultProxy> =>
  FaultProxy.to({ path: `${database.config.host ?? ''}/.s.PGSQL.5432` })
const urlThrough = (proxy: FaultProxy, to = database): string =>
  `postgres://postgres@127.0.0.1:${proxy.port}/${to.database}`

async function expectNothingTouched(): Promise<void> {
  expect(await scratchSchemas()).toEqual([])
  const { rows } = await watcher.query('SELECT * FROM ff.flag_registry')
  expect(rows).toEqual([{ flag_key: 'ff.kept' }])
  const { rows: tables } = await watcher.query<{ tablename: string }>(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'ff'",
  )
  expect(tables).toEqual([{ tablename: 'flag_registry' }])
}

/** Tenths of a run. Both signals have one handler, so each gets every fifth moment, or all in a full run. */
const getMoments = (signal: 'SIGINT' | 'SIGTERM'): readonly number[] =>
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].filter(
    (tenth) => FULL || tenth % 5 === (signal === 'SIGINT' ? 0 : 2),
  )

const startRun = (): ChildProcess =>
  startFf(['parity', 'run', '--candidate', database.url, '--format', 'json'])
/** The time of a run that is not ended, measured once. */
let wholeRun: Promise<number> | undefined
async function measureRun(): Promise<number> {
  const began = performance.now()
  expect((await finished(startRun())).status).toBe(0)
  return performance.now() - began
}

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  test('at any moment leaves no schema and touches nothing of ff', async () => {
    const wholeMs = await (wholeRun ??= measureRun())
    const ended: (number | null)[] = []
    for (const tenth of getMoments(signal)) {
      const child = startRun()
      const end = finished(child)
      await sleep((wholeMs * tenth) / 10)
      child.kill(signal)
      const done = await end
      expectEndedBy(signal, done)
      ended.push(done.status)
      await expectNothingTouched()
    }
    // The first moments may be before ff listens to signals, and the last ones after its end.
    expect(ended).toContain(SIGNAL_STATUS[signal])
  })

  test('among the questions ends it with what it has', async () => {
    const child = startOnServer()
    const end = finished(child)
    await until('rows', async () => {
      const [schema] = await scratchSchemas()
      if (schema === undefined) return false
      const text = `SELECT FROM pg_stat_activity WHERE datname = $1 AND query LIKE 'SELECT%' || $2 || '%'`
      return (await watcher.query(text, [database.database, schema])).rowCount !== 0
    })
    child.kill(signal)
    const done = await end
    expect(done).toMatchObject({ status: SIGNAL_STATUS[signal], signal: null })
    const report = getParity(done)
    expect(report).toMatchObject({ verdict: 'cancelled', exitName: SIGNAL_NAME[signal] })
    expect(report.counts.compared + report.counts.neverReached).toBe(360)
    expect(report.counts.neverReached).toBeGreaterThan(0)
    await expectNothingTouched()
  })

  test('during a check of files ends with its own status', async () => {
    const proxy = await proxyToServer()
    await proxy.set({ kind: 'latency', ms: 20 }) // Otherwise the schema may be gone before it is seen.
    const child = startFf(['doctor', '--format', 'json'], {
      env: { FF_DATABASE_URL: urlThrough(proxy) },
    })
    const end = finished(child)
    await until('the scratch schema', async () => (await scratchSchemas()).length === 1)
    child.kill(signal)
    const done = await end
    await proxy.close()
    expect(done).toMatchObject({ status: SIGNAL_STATUS[signal], signal: null })
    expect(toError(done).exitName).toBe(SIGNAL_NAME[signal])
    await expectNothingTouched()
  })
})

test('SIGINT while the server is silent still ends with its own status', async () => {
  const own = await createDatabase('18')
  const client = await connect('18', own.database)
  const proxy = await proxyToServer()
  const child = startOnServer(urlThrough(proxy, own))
  const end = finished(child)
  await until('the scratch schema', async () => (await scratchSchemas(client)).length === 1)
  await proxy.set({ kind: 'blackhole', direction: 'both' })
  child.kill('SIGINT')
  const done = await end
  await proxy.close()
  await client.end()
  await own.drop()
  expect(done.signal).toBeNull()
  expect(done.status, done.stderr).toBe(130)
})

test('a second SIGINT ends it at once, and the next run sweeps', async () => {
  const proxy = await proxyToServer()
  const child = startOnServer(urlThrough(proxy))
  const end = finished(child)
  await until('the scratch schema', async () => (await scratchSchemas()).length === 1)
  await proxy.set({ kind: 'blackhole', direction: 'both' })
  child.kill('SIGINT')
  await sleep(500)
  expect(isAlive(child)).toBe(true)
  const started = performance.now()
  child.kill('SIGINT')
  const done = await end
  expect(performance.now() - started).toBeLessThan(1_000)
  expect(done.status === 130 || done.signal === 'SIGINT').toBe(true)
  await proxy.close()
  expect(await scratchSchemas()).toHaveLength(1)
  await until('the end of its session', async () => {
    const text = 'SELECT FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()'
    return (await watcher.query(text, [database.database])).rowCount === 0
  })
  expect((await runFf(['parity', 'run', '--candidate', database.url])).status).toBe(0)
  await expectNothingTouched()
})

test('after kill -9 the next run sweeps, but not a run that is alive', async () => {
  const child = startOnServer()
  const end = finished(child)
  await until('the scratch schema', async () => (await scratchSchemas()).length === 1)
  child.kill('SIGKILL')
  expect((await end).signal).toBe('SIGKILL')
  const left = await scratchSchemas()
  expect(left).toHaveLength(1)

  const alive = startRun()
  const aliveEnd = finished(alive)
  await until('another scratch schema', async () =>
    (await scratchSchemas()).some((name) => !left.includes(name)),
  )
  alive.kill('SIGSTOP') // It must not end before the run beside it.
  const beside = await runFf(['parity', 'run', '--candidate', database.url])
  expect(await scratchSchemas()).toHaveLength(1)
  alive.kill('SIGCONT')
  expect([beside.status, (await aliveEnd).status]).toEqual([0, 0])
  await expectNothingTouched()
})

test('four runs at once against one database all end 0', async () => {
  const runs = await Promise.all(
    [0, 1, 2, 3].map(() => runFf(['parity', 'run', '--candidate', database.url])),
  )
  expect(runs.map(({ status }) => status)).toEqual([0, 0, 0, 0])
  await expectNothingTouched()
})
