import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedServer, startEmbedded } from '../../src/adapters/postgres/embedded.ts'
import { findLaunchers } from '../../src/adapters/postgres/embedded-runner.ts'
import { TestCutover } from '../support/cutover.ts'
import { CutoverServices } from '../support/cutover-services.ts'
import { runFf } from '../support/run-ff.ts'
import { until } from './outcome.ts'

/** A server of its own, which the test kills. */
let server: EmbeddedServer
let base: TestCutover
let cutover: TestCutover
let services: CutoverServices
/** The process of the server after a restart. */
let restarted: ChildProcess | null = null
beforeAll(async () => {
  ;[server, base] = await Promise.all([startEmbedded(), TestCutover.open(true)])
  cutover = base.with({ env: { FF_DATABASE_URL: toUrl(server.database.config.user ?? '') } })
  const { status, stderr } = await runFf(['migrate', 'up'], { cwd: base.root, env: cutover.env })
  expect(status, stderr).toBe(0)
  await withClient((sql) => sql.query('CREATE ROLE svc LOGIN IN ROLE ff_app'))
  services = await CutoverServices.open({ ...base.serviceEnv, FF_DATABASE_URL: toUrl('svc') })
}, 90_000)
afterAll(async () => {
  await services.close()
  restarted?.kill('SIGKILL')
  await server.stop()
  await base.close()
})

function toUrl(user: string): string {
  const { host = '', port, database = '' } = server.database.config
  return `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`
}
async function withClient<T>(use: (sql: pg.Client) => Promise<T>): Promise<T> {
  const sql = new pg.Client(server.database.config)
  await sql.connect()
  try {
    return await use(sql)
  } finally {
    await sql.end()
  }
}

/** The server's own process is the parent of each backend. */
async function findServer(): Promise<number> {
  const parent = await withClient(async (sql) => {
    const { rows } = await sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const text = await readFile(`/proc/${rows[0]?.pid}/stat`, 'utf8')
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
  })
  expect(parent).toBeGreaterThan(1)
  return parent
}

/** Ends the server as an administrator does, and starts it again with what it was started with. */
async function restartServer(): Promise<void> {
  const pid = await findServer()
  const at = `/proc/${pid}`
  const list = async (name: string): Promise<string[]> =>
    (await readFile(join(at, name), 'utf8')).split('\0').filter((one) => one !== '')
  const [command, environ] = await Promise.all([list('cmdline'), list('environ')])
  const cwd = await readlink(join(at, 'cwd'))
  process.kill(pid, 'SIGINT')
  await until('the server has ended', async () => !(await isThere(at)))
  const env = Object.fromEntries(environ.map((one) => one.split(/=(.*)/s).slice(0, 2)))
  const [program = '', ...args] = [...(findLaunchers()[0]?.wrap ?? []), ...command]
  restarted = spawn(program, args, { cwd, env, stdio: 'ignore', detached: true })
  await until('the server answers', async () =>
    withClient(() => Promise.resolve(true)).catch(() => false),
  )
}
const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

test('PostgreSQL is restarted in each phase, then killed: --db-lost goes on with the file, which has every acknowledged write', async () => {
  const load = services.startLoad()
  try {
    for (const phase of ['dual_write', 'shadow_read', 'db_authoritative']) {
      expect(await cutover.step('advance')).toMatchObject({ phase })
      await load.goesOn()
      await restartServer()
      await load.goesOn()
      expect(await cutover.status()).toMatchObject({ phase, next: { standing: 'ready' } })
    }
    // Decisions went on, by the last known rows where the database decides.
    expect(load.refused).toEqual([])
    process.kill(await findServer(), 'SIGKILL')
    const { phase, next } = await cutover.status()
    expect([phase, next]).toEqual([
      'db_authoritative',
      { standing: 'database_unreachable', command: 'ff cutover rollback --db-lost' },
    ])
    expect(await cutover.fail(22, 'rollback')).toBe('target_unreachable')
    expect(await cutover.step('rollback', '--db-lost')).toMatchObject({
      from: 'db_authoritative',
      phase: 'file',
      attempt: 2,
    })
    // The command has ended the writer.
    services.dropEnded()
    expect(services.running).toHaveLength(1)
    await load.goesOn()
  } finally {
    await load.stop()
  }
  await load.expectKept()
}, 120_000)
