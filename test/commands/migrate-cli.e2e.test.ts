import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { describe, expect, test } from 'vitest'
import { FaultProxy } from '../faults/tcp-proxy.ts'
import {
  connect,
  createDatabase,
  startServer,
  SUPPORTED,
  type TestDatabase,
  getUrl,
  type Version,
} from '../support/database.ts'
import { copyArtefacts, finished, type Run, runFf as runNow, startFf } from '../support/run-ff.ts'
import { getCheck, edit, toError, inTurns, STACK, until } from './outcome.ts'

const runFf = inTurns(runNow)

/** A database of its own for each test, and the commands to run on it. */
interface Place {
  readonly database: TestDatabase
  readonly client: pg.Client
  readonly migrate: (args: readonly string[], options?: { artefacts?: string }) => Promise<Run>
  readonly getStatus: (...args: readonly string[]) => Promise<number | null>
  /** Rows of the schema ff. */
  readonly tables: () => Promise<readonly string[]>
}
async function withDatabase(version: Version, use: (place: Place) => Promise<void>): Promise<void> {
  const database = await createDatabase(version)
  const client = await connect(version, database.database)
  const migrate: Place['migrate'] = (args, options = {}) =>
    runFf(['migrate', ...args, '--format', 'json'], {
      ...options,
      env: { FF_DATABASE_URL: database.url },
    })
  try {
    await use({
      database,
      client,
      migrate,
      getStatus: async (...args) => (await migrate(args)).status,
      tables: async () => {
        const text = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'ff' ORDER BY 1"
        return (await client.query<{ name: string }>(text)).rows.map(({ name }) => name)
      },
    })
  } finally {
    await client.end()
    await database.drop()
  }
}

/** Title, SQL of the drift, and a pattern of the name of the differing object. */
const DRIFTS: readonly (readonly [drift: string, sql: string, object: RegExp])[] = [
  ['an extra column', 'ALTER TABLE ff.tenant_override ADD extra int', /column extra$/],
  ['a missing column', 'ALTER TABLE ff.tenant_override DROP created_by', /column created_by$/],
  [
    'another column type',
    'ALTER TABLE ff.flag_registry ALTER sensitive TYPE text',
    /flag_registry, column sensitive$/,
  ],
  [
    'a nullable column',
    'ALTER TABLE ff.flag_registry ALTER state DROP NOT NULL',
    /flag_registry, (column state$|constraint .*state)/,
  ],
  ['a missing index', 'DROP INDEX ff.tenant_override_flag_idx', /tenant_override_flag_idx/],
  ['an extra index', 'CREATE INDEX extra_idx ON ff.tenant_override (note)', /extra_idx/],
  [
    'a missing check',
    'ALTER TABLE ff.flag_registry DROP CONSTRAINT flag_registry_state_known',
    /flag_registry_state_known/,
  ],
  ['an extra table', 'CREATE TABLE ff.extra_table (a int)', /table extra_table/],
  ['a missing table', 'DROP TABLE ff.user_override', /table user_override/],
  ['an extra view', 'CREATE VIEW ff.extra_view AS SELECT 1 AS one', /extra_view/],
  ['an extra right', 'GRANT DELETE ON ff.audit TO ff_app', /audit.*ff_app/],
  ['a missing right', 'REVOKE SELECT ON ff.flag_registry FROM ff_app', /flag_registry.*ff_app/],
  ['a right for PUBLIC', 'GRANT UPDATE ON ff.audit TO PUBLIC', /audit.*public/i],
  ['disabled triggers', 'ALTER TABLE ff.audit DISABLE TRIGGER ALL', /audit.*trigger/],
  [
    'a foreign key that cascades',
    `ALTER TABLE ff.tenant_override DROP CONSTRAINT tenant_override_flag_fkey,
     ADD CONSTRAINT tenant_override_flag_fkey FOREIGN KEY (flag_key)
       REFERENCES ff.flag_registry (flag_key) ON UPDATE CASCADE ON DELETE CASCADE`,
    /tenant_override_flag_fkey/,
  ],
]

describe.concurrent.each(SUPPORTED)('on PostgreSQL %s', (version) => {
  test('up and down, with status and verify at each step', () =>
    withDatabase(version, async ({ migrate, getStatus, tables }) => {
      const pending = await migrate(['status'])
      expect(pending.status).toBe(21)
      expect(getCheck(pending)).toMatchObject({ kind: 'migrate_status', exitName: 'not_ready' })
      const names = getCheck(pending).items.map(({ id }) => id)
      expect(names.length).toBeGreaterThan(1)
      expect(getCheck(pending).items.map(({ state }) => state)).toEqual(names.map(() => 'pending'))
      expect(await getStatus('verify')).toBe(20)

      const up = await migrate(['up'])
      expect(up.status).toBe(0)
      expect(getCheck(up).items.map(({ id }) => id)).toEqual(names)
      expect(await tables()).toEqual(
        expect.arrayContaining(['audit', 'flag_registry', 'tenant_override', 'user_override']),
      )
      expect([await getStatus('status'), await getStatus('verify')]).toEqual([0, 0])
      expect(await getStatus('up')).toBe(0)

      expect(await getStatus('down')).toBe(0)
      const half = await migrate(['status'])
      expect(half.status).toBe(21)
      expect(getCheck(half).items.map(({ state }) => state)).toEqual([
        ...names.slice(1).map(() => 'pass'),
        'pending',
      ])
      expect(await getStatus('down', '--to', '0')).toBe(0)
      expect(await tables()).not.toContain('audit')
      expect([await getStatus('status'), await getStatus('down')]).toEqual([21, 0])
      expect([await getStatus('up'), await getStatus('verify')]).toEqual([0, 0])
    }))

  test('--to stops at a version', () =>
    withDatabase(version, async ({ getStatus, tables }) => {
      expect(await getStatus('up', '--to', '1')).toBe(0)
      expect(await getStatus('status')).toBe(21)
      expect(await tables()).not.toContain('flag_registry')
      expect(await getStatus('up', '--to', '6')).toBe(0)
      expect(await getStatus('status')).toBe(0)
      expect(await getStatus('down', '--to', '1')).toBe(0)
      expect(await tables()).not.toContain('flag_registry')
    }))

  test('--dry-run prints the SQL and changes nothing', () =>
    withDatabase(version, async ({ database, client, migrate, getStatus, tables }) => {
      const up = await migrate(['up', '--dry-run'])
      expect(up.status).toBe(0)
      expect(getCheck(up).sql.join('\n')).toContain('CREATE TABLE flag_registry')
      const { rows } = await client.query("SELECT FROM pg_namespace WHERE nspname = 'ff'")
      expect(rows).toEqual([])
      await migrate(['up'])
      const before = await tables()
      const down = await migrate(['down', '--to', '0', '--dry-run'])
      expect(down.status).toBe(0)
      expect(getCheck(down).sql.join('\n')).toContain('DROP TABLE')
      expect(await tables()).toEqual(before)
      expect(await getStatus('verify')).toBe(0)
      const text = await runFf(['migrate', 'down', '--to', '1', '--dry-run'], {
        env: { FF_DATABASE_URL: database.url },
      })
      expect(text.stdout).toContain('DROP TABLE')
    }))

  test('verify names every drift, and nothing else', () =>
    withDatabase(version, async ({ client, migrate }) => {
      await migrate(['up'])
      for (const [, sql] of DRIFTS) await client.query(sql)
      const done = await migrate(['verify'])
      expect(done.status).toBe(20)
      const { items, exitName } = getCheck(done)
      expect(exitName).toBe('no_go')
      const named = items.filter(({ state }) => state === 'fail').map(({ id }) => id)
      const overlooked = DRIFTS.filter(([, , object]) => !named.some((id) => object.test(id)))
      expect(overlooked.map(([drift]) => drift)).toEqual([])
      const strange = named.filter((id) => !DRIFTS.some(([, , object]) => object.test(id)))
      expect(strange).toEqual([])
    }))

  test('a step down that would delete rows is refused, and deletes none', () =>
    withDatabase(version, async ({ client, migrate, getStatus }) => {
      await migrate(['up'])
      await client.query(
        `INSERT INTO ff.flag_registry SELECT 'ff.kept', 'boolean', 'true', 'false', false, 'none', 'active', 'd', 'o', 1, now(), now()`,
      )
      const done = await migrate(['down', '--to', '1'])
      expect(done.status).toBe(20)
      expect(toError(done)).toMatchObject({ code: 'rows_would_be_lost', exitName: 'no_go' })
      const { rowCount } = await client.query('SELECT FROM ff.flag_registry')
      expect(rowCount).toBe(1)
      // The step before it is done; what is left is said.
      expect(await getStatus('status')).toBe(21)
    }))

  test('a file that was edited after it was applied is refused by every command', () =>
    withDatabase(version, async ({ migrate }) => {
      await migrate(['up'])
      const copy = await copyArtefacts()
      await edit(
        join(copy.root, 'contracts/migrations/0001_audit.sql'),
        '-- ff:up',
        '-- ff:up\n-- more',
      )
      for (const args of [['up'], ['down'], ['status'], ['verify'], ['up', '--dry-run']]) {
        const done = await migrate(args, { artefacts: copy.root })
        expect({ args, status: done.status }).toEqual({ args, status: 2 })
        expect(toError(done).code).toBe('migration_edited')
      }
      await copy.remove()
    }))

  test('a database that is ahead is refused', () =>
    withDatabase(version, async ({ client, migrate }) => {
      await migrate(['up'])
      await client.query(
        "INSERT INTO ff.migration_ledger (version, name, checksum) VALUES (99, '0099_future', 'x')",
      )
      for (const command of ['up', 'status', 'verify']) {
        const done = await migrate([command])
        expect(done.status).toBe(2)
        expect(toError(done).code).toBe('migration_unknown')
      }
    }))

  test('two at once: one applies, the other finds nothing pending', () =>
    withDatabase(version, async ({ migrate, getStatus }) => {
      const runs = await Promise.all([migrate(['up']), migrate(['up']), migrate(['up'])])
      expect(runs.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
        runs.map(() => ({ status: 0, stderr: '' })),
      )
      expect([await getStatus('status'), await getStatus('verify')]).toEqual([0, 0])
    }))
})

describe.concurrent('a lock on', () => {
  test('migrations: up ends busy after a bounded wait; status still answers', () =>
    withDatabase('18', async ({ database, client, migrate, getStatus }) => {
      const proxy = await FaultProxy.to({ path: `${database.config.host ?? ''}/.s.PGSQL.5432` })
      const url = `postgres://postgres@127.0.0.1:${proxy.port}/${database.database}`
      const first = startFf(['migrate', 'up'], { env: { FF_DATABASE_URL: url } })
      const firstEnd = finished(first)
      await until('its lock', async () => {
        const text = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
        return (await client.query(text)).rowCount !== 0
      })
      await proxy.set({ kind: 'blackhole', direction: 'both' })
      const started = performance.now()
      const second = await migrate(['up'])
      const waitedMs = performance.now() - started
      const status = await getStatus('status')
      first.kill('SIGKILL')
      await firstEnd
      await proxy.close()
      expect(second.status).toBe(24)
      expect(toError(second)).toMatchObject({ code: 'migration_locked', exitName: 'busy' })
      expect(waitedMs).toBeLessThan(30_000)
      expect([0, 21]).toContain(status)
    }))

  test('a table for three seconds: up waits', () =>
    withDatabase('18', async ({ client, migrate, getStatus }) => {
      await migrate(['up'])
      await client.query('BEGIN; LOCK TABLE ff.change_log IN ACCESS SHARE MODE')
      const down = migrate(['down'])
      await until('the wait', async () => {
        const { rowCount } = await client.query(
          'SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()',
        )
        return rowCount !== 0
      })
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      await client.query('COMMIT')
      expect((await down).status).toBe(0)
      expect(await getStatus('status')).toBe(21)
    }))

  test('a table for longer: up ends busy, and changes nothing', () =>
    withDatabase('18', async ({ client, migrate, getStatus }) => {
      await migrate(['up'])
      await client.query('BEGIN; LOCK TABLE ff.change_log IN ACCESS SHARE MODE')
      const down = await migrate(['down'])
      await client.query('ROLLBACK')
      expect(down.status).toBe(24)
      expect(toError(down)).toMatchObject({ code: 'lock_timeout', exitName: 'busy' })
      expect([await getStatus('status'), await getStatus('verify')]).toEqual([0, 0])
    }))
})

describe.concurrent('a usage fault', () => {
  test.each([
    ['an unknown version', ['up', '--to', '99'], 'migration_unknown'],
    ['a version that is a word', ['down', '--to', 'one'], 'option_invalid'],
    ['a negative version', ['down', '--to=-1'], 'option_invalid'],
    ['the embedded target', ['up', '--database', 'embedded'], 'target_invalid'],
    ['a file', ['status', '--database', 'file'], 'target_invalid'],
    ['a password', ['status', '--database', 'postgres://u:pw@h/d'], 'secret_in_option'],
    ['an unset variable', ['status', '--database', 'env:NO_SUCH'], 'target_invalid'],
    ['version 13', ['up', '--database', 'PG13'], 'server_version_unsupported'],
  ])('%s', (_situation, args, code) =>
    withDatabase('18', async ({ migrate, tables }) => {
      await startServer('13')
      const url = getUrl('13', 'postgres')
      const done = await migrate(args.map((one) => (one === 'PG13' ? url : one)))
      expect(done.status).toBe(2)
      expect(toError(done)).toMatchObject({ code, exitName: 'usage' })
      expect(done.stdout + done.stderr).not.toMatch(STACK)
      expect(await tables()).toEqual([])
    }),
  )

  test('no database at all', async () => {
    for (const command of ['up', 'down', 'status', 'verify']) {
      const done = await runFf(['migrate', command, '--format', 'json'])
      expect(done.status).toBe(2)
      expect(toError(done).code).toBe('target_invalid')
    }
  })
})

describe.concurrent('a role', () => {
  test('that may create a schema but no role gets the commands for the administrator', () =>
    withDatabase('18', async ({ database, client, tables }) => {
      const ROLE = `ff_cli_${database.database}`
      await client.query(`CREATE ROLE ${ROLE} LOGIN`)
      await client.query(`GRANT CREATE ON DATABASE ${database.database} TO ${ROLE}`)
      const url = getUrl('18', database.database, ROLE)
      const done = await runFf(['migrate', 'up', '--format', 'json'], {
        env: { FF_DATABASE_URL: url },
      })
      const made = await tables()
      await client.query(`DROP OWNED BY ${ROLE} CASCADE; DROP ROLE ${ROLE}`)
      expect(done.status).toBe(0)
      expect(made).toContain('flag_registry')
      const { rows } = await client.query<{ name: string }>(
        "SELECT rolname AS name FROM pg_roles WHERE rolname IN ('ff_owner', 'ff_app', 'ff_ship')",
      )
      // Roles belong to the server, and other tests may have created them.
      const absent = ['ff_owner', 'ff_app', 'ff_ship'].filter(
        (name) => !rows.some((row) => row.name === name),
      )
      for (const name of absent) {
        expect(getCheck(done).sql.join('\n')).toContain(`CREATE ROLE ${name}`)
      }
    }))

  test('without the right to create a schema is inconclusive', () =>
    withDatabase('18', async ({ database, client, tables }) => {
      const ROLE = `ff_cli_${database.database}`
      await client.query(`CREATE ROLE ${ROLE} LOGIN`)
      const url = getUrl('18', database.database, ROLE)
      const done = await runFf(['migrate', 'up', '--format', 'json'], {
        env: { FF_DATABASE_URL: url },
      })
      const made = await tables()
      await client.query(`DROP OWNED BY ${ROLE} CASCADE; DROP ROLE ${ROLE}`)
      expect(done.status).toBe(22)
      expect(made).toEqual([])
      expect(toError(done).code).toBe('rights_missing')
    }))
})

describe.concurrent('migrate new', () => {
  test('creates the next file, which is invalid until the contract names it', () =>
    withDatabase('18', async ({ migrate, tables }) => {
      const copy = await copyArtefacts()
      const folder = join(copy.root, 'contracts/migrations')
      const before = (await readdir(folder)).toSorted()
      const installed = await runFf(['migrate', 'new', 'phase_record'], { artefacts: copy.root })
      const untouched = (await readdir(folder)).toSorted()
      // The repository has the sources.
      await mkdir(join(copy.root, 'src/core'), { recursive: true })
      const done = await runFf(['migrate', 'new', 'phase_record'], { artefacts: copy.root })
      const after = (await readdir(folder)).toSorted()
      const again = await runFf(['migrate', 'new', 'phase_record'], { artefacts: copy.root })
      const validated = await runFf(['artefacts', 'validate', '--format', 'json'], {
        artefacts: copy.root,
      })
      const up = await migrate(['up'], { artefacts: copy.root })
      await copy.remove()
      expect([installed.status, untouched]).toEqual([2, before])
      expect(done.status).toBe(0)
      const number = String(before.length + 1).padStart(4, '0')
      expect(after).toEqual([...before, `${number}_phase_record.sql`])
      expect(done.stdout).toContain(`${number}_phase_record.sql`)
      // The first file is not valid yet, so a second is refused.
      expect([0, 2]).toContain(again.status)
      expect([validated.status, up.status]).toEqual([2, 2])
      expect(await tables()).toEqual([])
    }))

  test.each([['Phase'], ['1st'], ['../../evil'], ['a b'], [''], ['a'.repeat(61)], ['größe']])(
    '"%s" is refused as a name',
    async (name) => {
      const copy = await copyArtefacts()
      const folder = join(copy.root, 'contracts/migrations')
      const before = await readdir(folder)
      const done = await runFf(['migrate', 'new', name], { artefacts: copy.root })
      const after = await readdir(folder)
      await copy.remove()
      expect(done.status).toBe(2)
      expect(done.stderr).toContain('[migration_invalid, exit usage]')
      expect(after).toEqual(before)
    },
  )
})
