import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedServer, startEmbedded } from '../../src/adapters/postgres/embedded.ts'
import { TestCutover } from '../support/cutover.ts'
import { CutoverServices } from '../support/cutover-services.ts'
import { runFf } from '../support/run-ff.ts'

/** A server of its own, which the test kills. */
let server: EmbeddedServer
let base: TestCutover
let cutover: TestCutover
let services: CutoverServices
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

/** Ends the server with SIGKILL: its own process is the parent of each backend. */
async function killServer(): Promise<void> {
  const parent = await withClient(async (sql) => {
    const { rows } = await sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const stat = await readFile(`/proc/${rows[0]?.pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  })
  expect(parent).toBeGreaterThan(1)
  process.kill(parent, 'SIGKILL')
}

test('with PostgreSQL killed, --db-lost goes on with the file, which has every acknowledged write', async () => {
  const load = services.startLoad()
  try {
    for (const phase of ['dual_write', 'shadow_read', 'db_authoritative'])
      expect(await cutover.step('advance')).toMatchObject({ phase })
    await load.goesOn()
    await killServer()
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
