import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { findProbe } from '../../../src/features/probes/index.ts'
import type { ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { listForbiddenWrites } from '../../../src/adapters/postgres/role-facts.ts'
import { isDetected } from '../../../src/core/gate/controls.ts'
import { judgeMeasurement } from '../../../src/core/gate/judge-measurement.ts'
import type { TargetSpec } from '../../../src/core/parity/target.ts'
import { NOW, overrideText, putTenant } from '../../adapters/store-contract/requests.ts'
import { edit } from '../../commands/outcome.ts'
import {
  connect,
  createDatabase,
  startServer,
  type TestDatabase,
  getUrl,
} from '../../support/database.ts'
import { hasPgDump } from '../../support/pg-dump.ts'
import { appendRecords } from '../../support/audit-rows.ts'
import { copyArtefacts, runFf } from '../../support/run-ff.ts'
import { flagLine, storeFolder, tenantLine } from '../../support/store-folder.ts'
import { getControl, runFaults, toItem, toContext } from './context.ts'

const ROWS = [
  flagLine('ff.a', 'boolean'),
  flagLine('ff.b', 'number'),
  tenantLine('T1', 'ff.a', { value: 'true' }),
  tenantLine('T1', 'ff.b', { value: '0.1' }),
  tenantLine('T2', 'ff.a', { value: 'false', note: '"as it was"' }),
]
const service = `svc_app_${process.pid}`
const spec = (url: string): TargetSpec => ({ kind: 'postgres', url, name: 'postgres' })
const plan = {
  replicas: 2,
  environment: 'staging',
  database: '0/0/ff/0123456789abcdef',
} as ProbeContext['plan']
let database: TestDatabase
let admin: pg.Client
let store = ''

beforeAll(async () => {
  store = await storeFolder(ROWS)
  database = await createDatabase('15')
  admin = await connect('15', database.database)
  const env = { FF_DATABASE_URL: database.url }
  expect((await runFf(['migrate', 'up'], { env })).status).toBe(0)
  expect((await runFf(['import', store], { env })).status).toBe(0)
  await admin.query(`CREATE ROLE ${service} LOGIN IN ROLE ff_app`)
})
afterAll(async () => {
  await admin.query(`DROP OWNED BY ${service}; DROP ROLE ${service}`)
  await admin.end()
  await database.drop()
  await rm(store, { recursive: true, force: true })
})
/** SQL that undoes the change of a test to the database or its role. */
let undo = ''
afterEach(async () => {
  if (undo !== '') await admin.query(undo)
  undo = ''
})
async function corrupt(sql: string, back: string): Promise<void> {
  undo = back
  await admin.query(sql)
}

/** Runs SQL without the triggers. */
const unguarded = (sql: string): string =>
  `SET session_replication_role = replica; ${sql}; RESET session_replication_role`

type Change = Partial<ProbeContext> & { readonly user?: string; readonly folder?: string }
function lookUp(id: string, { user = service, folder = store, ...more }: Change) {
  const item = toItem(id)
  const targets = {
    scratch: spec(getUrl('15', 'postgres')),
    database: spec(getUrl('15', database.database, user)),
    store: { kind: 'file', folder } as const,
  }
  const found = findProbe(item)
  if (!found.ok) throw new Error(`no probe of ${id}`)
  const context = toContext({ targets, plan, params: item.probe.params, ...more })
  return { item, probe: found.probe, context }
}
/** The judged measurement of a probe. */
async function measured(id: string, change: Change = {}) {
  const { item, probe, context } = lookUp(id, change)
  const measurement = await probe.measure(context)
  return { ...measurement, ...judgeMeasurement(item, measurement) }
}

describe('each planted fault breaks its own measure, on scratch alone', () => {
  const lookUpScratch = (id: string) => {
    const targets = { scratch: spec(getUrl('15', 'postgres')), database: null, store: null }
    return lookUp(id, { targets, plan: null })
  }
  test.each(['B1', 'B2', 'B4', 'C1', 'C2', 'C4', 'B3', 'G2', 'G3'])('%s', async (id) => {
    const { item, probe, context } = lookUpScratch(id)
    const faults = [...(await runFaults(probe, context))]
    const missed = faults.filter(([measure, found]) => !isDetected(item, measure, found))
    expect(missed.map(([measure, found]) => [measure, found.measured])).toEqual([])
  })
  test('I3, where pg_dump is installed; a snapshot that is cut needs none', async () => {
    const { item, probe, context } = lookUpScratch('I3')
    const found = await getControl(probe, 'snapshot_readable')(context)
    expect(found.measured).toEqual({ snapshot_readable: false, snapshot_digest_matches: false })
    const dumped = getControl(probe, 'fingerprints_differing')(context)
    if (hasPgDump('15')) expect(isDetected(item, 'fingerprints_differing', await dumped)).toBe(true)
    else await expect(dumped).rejects.toMatchObject({ code: 'target_missing' })
  })
})

test('B1 says that a target without a phase record is at its first attempt', async () => {
  const found = await measured('B1')
  expect([found.result, found.met['attempt']]).toEqual(['pass', 1])
})

describe('a corrupted database or store fails by the right measure', () => {
  test.each([
    [
      'B1',
      'a migration that was edited after it was applied',
      `UPDATE ff.migration_ledger SET checksum = 'x' || checksum WHERE version = 1`,
      `UPDATE ff.migration_ledger SET checksum = substr(checksum, 2) WHERE version = 1`,
      { checksum_differences: 1, drift: 0 },
    ],
    [
      'B1',
      'a migration that was not applied',
      `UPDATE ff.migration_ledger SET name = 'x' || name WHERE version = 6`,
      `UPDATE ff.migration_ledger SET name = substr(name, 2) WHERE version = 6`,
      { head_matches: false, unapplied: 1, drift: 0 },
    ],
    [
      'B2',
      'another rule on delete',
      `ALTER TABLE ff.user_override DROP CONSTRAINT user_override_flag_fkey, ADD CONSTRAINT user_override_flag_fkey
         FOREIGN KEY (flag_key) REFERENCES ff.flag_registry ON UPDATE CASCADE ON DELETE CASCADE`,
      `ALTER TABLE ff.user_override DROP CONSTRAINT user_override_flag_fkey, ADD CONSTRAINT user_override_flag_fkey
         FOREIGN KEY (flag_key) REFERENCES ff.flag_registry ON UPDATE CASCADE ON DELETE RESTRICT`,
      { rules_differing: 1, constraints_invalid: 0 },
    ],
    [
      'B2',
      'a dropped index, though another one holds the column',
      'DROP INDEX ff.tenant_override_flag_idx',
      'CREATE INDEX tenant_override_flag_idx ON ff.tenant_override (flag_key, tenant_id)',
      { hot_queries_without_index: 1, indexes_invalid: 0 },
    ],
    [
      'B2',
      'an index whose build did not finish',
      `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ff.user_override_pkey'::regclass`,
      `UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'ff.user_override_pkey'::regclass`,
      { indexes_invalid: 1, constraints_invalid: 0 },
    ],
    [
      'B4',
      'a right to delete audit records',
      `GRANT DELETE ON ff.audit TO ${service}`,
      `REVOKE DELETE ON ff.audit FROM ${service}`,
      { forbidden_allowed: 1 },
    ],
    [
      'B4',
      'a role that may become the owner',
      `GRANT ff_owner TO ${service}`,
      `REVOKE ff_owner FROM ${service}`,
      { timeouts_missing: 0 },
    ],
    [
      'B4',
      'fewer connections than the instances take',
      `ALTER ROLE ${service} CONNECTION LIMIT 19`,
      `ALTER ROLE ${service} CONNECTION LIMIT -1`,
      { connections_needed: 16, max_connections: 19, forbidden_allowed: 0 },
    ],
    [
      'C1',
      'one row too many',
      `INSERT INTO ff.user_override SELECT 'U1', flag_key, value, NULL, NULL, NULL, created_by, updated_by, revision,
         created_at, updated_at FROM ff.tenant_override LIMIT 1`,
      'DELETE FROM ff.user_override',
      { missing: 0, extra: 1 },
    ],
    [
      'C2',
      'a changed note',
      `UPDATE ff.tenant_override SET note = 'as it is' WHERE note IS NOT NULL`,
      `UPDATE ff.tenant_override SET note = 'as it was' WHERE note IS NOT NULL`,
      { differing: 1 },
    ],
    [
      'G2',
      'a right to truncate audit records',
      `GRANT TRUNCATE ON ff.audit TO ${service}`,
      `REVOKE TRUNCATE ON ff.audit FROM ${service}`,
      { forbidden_allowed: 1, chain_breaks: 0 },
    ],
    [
      'G2',
      'a disabled trigger',
      'ALTER TABLE ff.audit DISABLE TRIGGER audit_rows_stay',
      'ALTER TABLE ff.audit ENABLE TRIGGER audit_rows_stay',
      { forbidden_allowed: 1, chain_breaks: 0 },
    ],
    [
      'G2',
      'a dropped trigger',
      'DROP TRIGGER audit_table_stays ON ff.audit',
      `CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON ff.audit
         FOR EACH STATEMENT EXECUTE FUNCTION ff.audit_is_append_only()`,
      { forbidden_allowed: 1, chain_breaks: 0 },
    ],
    [
      'G2',
      'a changed record',
      unguarded(`UPDATE ff.audit SET phase = 'x' || phase WHERE seq = 2`),
      unguarded('UPDATE ff.audit SET phase = substr(phase, 2) WHERE seq = 2'),
      { chain_breaks: 1, forbidden_allowed: 0 },
    ],
    [
      'G2',
      'a head that is ahead of the chain',
      'UPDATE ff.audit_head SET seq = seq + 1',
      'UPDATE ff.audit_head SET seq = seq - 1',
      { chain_breaks: 1, forbidden_allowed: 0 },
    ],
  ])('%s: %s', async (id, _what, sql, back, expected) => {
    await corrupt(sql, back)
    const found = await measured(id)
    expect([found.result, found.measured]).toEqual(['fail', expect.objectContaining(expected)])
  })

  test('B2: a full scan of a large table in spite of its index', async () => {
    await corrupt(
      `INSERT INTO ff.tenant_override (tenant_id, flag_key, value, created_by, updated_by, revision, created_at, updated_at)
         SELECT 'many-' || at, 'ff.a', 'true', 'U1', 'U1', 1, '${NOW}', '${NOW}' FROM generate_series(1, 10000) at;
       ANALYZE ff.tenant_override`,
      `DELETE FROM ff.tenant_override WHERE tenant_id LIKE 'many-%'; ALTER ROLE ${service} RESET ALL`,
    )
    expect((await measured('B2')).result).toBe('pass')
    await admin.query(`ALTER ROLE ${service} SET random_page_cost = 1000000`)
    const found = await measured('B2')
    expect(found.measured['hot_queries_without_index']).toBeGreaterThan(0)
    expect(found.example).toContain('tenant_override')
  })

  test('B4: a superuser', async () => {
    const found = await measured('B4', { user: 'postgres' })
    expect([found.result, found.met['role']]).toEqual(['fail', 'postgres'])
  })

  test('G2: passes on the records of migrations and imports, and reports their number', async () => {
    const found = await measured('G2')
    expect([found.result, found.sample_size]).toEqual(['pass', 7])
    expect(found.measured).toEqual({ forbidden_allowed: 0, chain_breaks: 0 })
    expect(found.met).toMatchObject({ role: service, records: 7 })
  })

  describe('G3', () => {
    const find = async () => {
      const { result, measured: values, example } = await measured('G3')
      return { result, ...values, example }
    }
    const fine = { boundary_gaps: 0, pending_past_bound: 0, secrets_found: 0, example: null }
    beforeAll(async () => {
      await appendRecords(admin, 100, { target: (at) => `flag/ff.n${at % 7}` })
      await admin.query(`UPDATE ff.audit SET sink_status = 'delivered'`)
    })

    test('passes on a history that spans the import, and is delivered', async () => {
      expect(await find()).toEqual({ result: 'pass', ...fine })
    })
    test('passes while a record waits for less than its bound', async () => {
      await corrupt(
        `UPDATE ff.audit SET sink_status = 'pending' WHERE seq = (SELECT max(seq) FROM ff.audit)`,
        `UPDATE ff.audit SET sink_status = 'delivered'`,
      )
      expect(await find()).toEqual({ result: 'pass', ...fine })
    })
    test.each([
      [
        'a record that waits for too long',
        `UPDATE ff.audit SET occurred_at = now() - interval '301 s', sink_status = 'pending' WHERE seq = 50`,
        { ...fine, pending_past_bound: 1, example: expect.stringMatching(/^record 50 is pending/) },
      ],
      [
        'a record that is failed for too long',
        `UPDATE ff.audit SET occurred_at = now() - interval '301 s', sink_status = 'failed' WHERE seq = 50`,
        { ...fine, pending_past_bound: 1, example: expect.stringMatching(/^record 50 is failed/) },
      ],
      [
        'a token in a record',
        `UPDATE ff.audit SET request_id = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.' WHERE seq = 50`,
        { ...fine, secrets_found: 1, example: 'record 50 holds a secret in request_id: jwt' },
      ],
      [
        'a token in a record of a history without a boundary',
        `UPDATE ff.audit SET target = 'x', phase = 'file', actor = 'ghp_' || repeat('a', 36)`,
        { ...fine, secrets_found: 107, example: 'record 1 holds a secret in actor: api_key' },
      ],
      [
        'the first records after the import are missing',
        'DELETE FROM ff.audit WHERE seq IN (8, 9)',
        { ...fine, boundary_gaps: 2, example: 'record 8 is missing or does not follow' },
      ],
      [
        'the last records are missing',
        'DELETE FROM ff.audit WHERE seq > 105',
        { ...fine, boundary_gaps: 2, example: 'record 106 is missing or does not follow' },
      ],
    ])('fails on %s', async (_what, sql, expected) => {
      await corrupt(
        `CREATE TABLE kept AS TABLE ff.audit; ${unguarded(sql)}`,
        unguarded('DELETE FROM ff.audit; INSERT INTO ff.audit TABLE kept; DROP TABLE kept'),
      )
      expect(await find()).toEqual({ result: 'fail', ...expected })
    })
    test('is inconclusive on a young history of which nothing was ever delivered', async () => {
      await corrupt(
        `CREATE TABLE kept AS TABLE ff.audit; ${unguarded(`UPDATE ff.audit SET occurred_at = now(), sink_status = 'pending'`)}`,
        unguarded('DELETE FROM ff.audit; INSERT INTO ff.audit TABLE kept; DROP TABLE kept'),
      )
      await expect(measured('G3')).rejects.toMatchObject({ code: 'proof_inconclusive' })
    })
    test('is inconclusive on a history without a boundary', async () => {
      await corrupt(
        `CREATE TABLE kept AS TABLE ff.audit; ${unguarded(`UPDATE ff.audit SET target = 'x', phase = 'file'`)}`,
        unguarded('DELETE FROM ff.audit; INSERT INTO ff.audit TABLE kept; DROP TABLE kept'),
      )
      await expect(measured('G3')).rejects.toMatchObject({ code: 'target_missing' })
    })
  })

  test('C1: writes to the file since the import, until they are imported too', async () => {
    const folder = await storeFolder([])
    await cp(store, folder, { recursive: true, force: true })
    const written = await FileStore.open(folder, { digestKey: Buffer.alloc(32, 1), phase: 'file' })
    await written.write(
      putTenant('T9', 'ff.a', overrideText('true'), { actor: 'U1', occurred_at: NOW }),
    )
    await written.close()
    const found = await measured('C1', { folder })
    expect(found.measured).toEqual({ missing: 1, extra: 0, source_changed: true })
    expect(found.met['missing_by']).toBe('tenant_override/T9 1')
    await corrupt(
      `INSERT INTO ff.tenant_override (tenant_id, flag_key, value, created_by, updated_by, revision, created_at, updated_at)
       VALUES ('T9', 'ff.a', 'true', 'U1', 'U1', 1, '${NOW}', '${NOW}')`,
      `DELETE FROM ff.tenant_override WHERE tenant_id = 'T9'`,
    )
    expect((await measured('C1', { folder })).result).toBe('pass')
    await rm(folder, { recursive: true })
  })

  test('B3: a down step that drops rows instead of refusing', async () => {
    const copy = await copyArtefacts()
    const file = join(copy.root, 'contracts/migrations/0006_cutover.sql')
    await edit(file, 'LOCK TABLE', 'DELETE FROM tenant_override; LOCK TABLE')
    const found = await measured('B3', { root: copy.root })
    await copy.remove()
    expect([found.result, found.measured]).toMatchObject([
      'fail',
      { down_refuses_loss: false, rows_lost: 600, tables_rewritten: 0 },
    ])
  })

  test.each([
    ['the footer of the snapshot', (text: string) => text.replace('as it was', 'as it is!'), true],
    ['its end', (text: string) => text.slice(0, -100), false],
  ])('I3: %s', async (_what, change, readable) => {
    const folder = await storeFolder(ROWS)
    const path = join(folder, 'snapshot.ndjson')
    await writeFile(path, change(await readFile(path, 'utf8')))
    const found = await measured('I3', { folder })
    await rm(folder, { recursive: true })
    expect([found.result, found.measured]).toEqual([
      'fail',
      { snapshot_readable: readable, snapshot_digest_matches: false },
    ])
  })
})

test('the server refuses each statement that B4 counts as forbidden', async () => {
  const client = await connect('15', database.database, service)
  const ddl = [
    'CREATE TABLE ff.more (a int)',
    'CREATE SCHEMA more',
    'DROP SCHEMA ff CASCADE',
    'ALTER TABLE ff.audit ADD COLUMN more text',
    'DROP TABLE ff.audit',
    'TRUNCATE ff.audit',
    'CREATE ROLE more',
    'CREATE TRIGGER more BEFORE INSERT ON ff.audit EXECUTE FUNCTION ff.audit_is_append_only()',
  ]
  for (const statement of [...listForbiddenWrites('ff'), ...ddl])
    await expect(client.query(statement), statement).rejects.toMatchObject({ code: '42501' })
  await client.end()
})

test('I3 without pg_dump of the version of the server names the package to install', async () => {
  await startServer('18')
  const targets = { scratch: spec(getUrl('18', 'postgres')), database: null }
  const runCommand = async () =>
    ({ kind: 'exited', status: 0, last_line: 'pg_dump (PostgreSQL) 17.2' }) as const
  const { adapters } = toContext()
  const change = {
    adapters: { ...adapters, runCommand },
    targets: { ...targets, store: { kind: 'file', folder: store } as const },
  }
  await expect(measured('I3', change)).rejects.toMatchObject({
    code: 'target_missing',
    hint: expect.stringContaining('Install postgresql-client-18'),
  })
})

test('no probe writes to the server of production', async () => {
  const live = await admin.query<{ id: string }>(
    'SELECT system_identifier::text AS id FROM pg_control_system()',
  )
  const production = { ...plan, environment: 'production', database: `${live.rows[0]?.id}/1/ff` }
  const change = { plan: production as ProbeContext['plan'] }
  const { probe, context } = lookUp('B1', change)
  for (const run of [
    () => getControl(probe, 'drift')(context),
    () => measured('B3', change),
    () => measured('C5', change),
  ])
    await expect(run()).rejects.toMatchObject({ code: 'production_refused' })
})
