import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestCutover } from '../support/cutover.ts'
import { connect } from '../support/database.ts'

let cutover: TestCutover
beforeAll(async () => {
  cutover = await TestCutover.open(true)
  await cutover.step('advance')
})
afterAll(() => cutover.close())

describe('rows that were changed past ff in the database', () => {
  const INSERT = `INSERT INTO ff.tenant_override SELECT 'Z9', flag_key, value, approval_ref, note, expires_at, created_by,
    updated_by, revision, created_at, updated_at, deleted_at FROM ff.tenant_override WHERE flag_key = 'ff.a'`

  test('are listed by a dry run, which changes nothing', async () => {
    await sql(
      `UPDATE ff.flag_registry SET owner = 'someone' WHERE flag_key = 'ff.b'`,
      `DELETE FROM ff.tenant_override WHERE flag_key = 'ff.b'`,
      INSERT,
      `INSERT INTO ff.flag_registry SELECT 'ff.alone', value_type, default_value, safe_value, sensitive, required_auth,
        state, description, owner, revision, created_at, updated_at FROM ff.flag_registry WHERE flag_key = 'ff.a'`,
    )
    for (let times = 0; times < 2; times++) {
      const { rows, common_seq } = await reconcile(20, '--dry-run')
      expect(common_seq).toBe(10)
      expect(rows).toMatchObject({ compared: 6, complete: true, found: 4, repaired: 0, left: 0 })
      expect(rows.rows.map(({ flag_key, kind, fields }) => [flag_key, kind, fields])).toEqual([
        ['ff.alone', 'database_only', []],
        ['ff.b', 'differs', ['/owner']],
        ['ff.b', 'file_only', []],
        ['ff.a', 'database_only', []],
      ])
    }
  })

  test('get the content of the file, each by an audit record; a flag that the file lacks is left', async () => {
    const { rows } = await reconcile(20)
    expect(rows).toMatchObject({ repaired: 3, left: 1, found: 0 })
    expect(rows.rows.map(({ outcome, reason, seq }) => [outcome, reason, seq])).toEqual([
      ['repaired', null, 11],
      ['repaired', null, 12],
      ['repaired', null, 13],
      ['left', 'flag_unknown', null],
    ])
    expect(
      await sql('SELECT seq::int, action, target, phase FROM ff.audit WHERE seq > 10 ORDER BY seq'),
    ).toEqual([
      { seq: 11, action: 'flag.repair', target: 'flag/ff.b', phase: 'dual_write' },
      { seq: 12, action: 'override.repair', target: 'tenant/A1/ff.b', phase: 'dual_write' },
      { seq: 13, action: 'override.repair', target: 'tenant/Z9/ff.a', phase: 'dual_write' },
    ])
    const { file, database } = await cutover.status()
    expect(file).toMatchObject({ seq: 13, hash: database.hash })
    expect(
      await sql(
        `SELECT deleted_at IS NOT NULL AS gone FROM ff.tenant_override WHERE tenant_id = 'Z9'`,
      ),
    ).toEqual([{ gone: true }])
  })

  test('are the same after that, and a repair that is run again writes nothing', async () => {
    await sql(`DELETE FROM ff.flag_registry WHERE flag_key = 'ff.alone'`)
    expect((await reconcile(0)).rows).toMatchObject({ compared: 5, repaired: 0, left: 0 })
    expect((await reconcile(0, '--dry-run')).common_seq).toBe(13)
  })
})

test('where the database decides, its rows go to the file, also after a command that was killed', async () => {
  await cutover.step('advance')
  await cutover.step('advance', '--one-writer')
  await sql(`UPDATE ff.flag_registry SET owner = 'the database'`)
  expect((await cutover.killAt('repaired 1 rows', 'reconcile')).signal).toBe('SIGKILL')
  const { rows } = await reconcile(0)
  expect(rows.rows.length).toBeLessThan(2)
  await cutover.step('rollback', '--to', 'shadow_read')
  expect((await reconcile(0, '--dry-run')).rows).toMatchObject({ compared: 5, found: 0 })
  expect(await sql(`SELECT owner FROM ff.flag_registry WHERE flag_key = 'ff.a'`)).toEqual([
    { owner: 'the database' },
  ])
})

test('a phase with one side has nothing to compare, and nothing to repair by', async () => {
  await cutover.step('rollback')
  expect((await reconcile(22, '--dry-run')).rows).toBeNull()
  expect(await cutover.fail(20, 'reconcile')).toBe('phase_refused')
})

interface Reconciliation {
  readonly common_seq: number
  readonly rows: {
    readonly rows: readonly {
      readonly flag_key: string
      readonly kind: string
      readonly fields: readonly string[]
      readonly outcome: string
      readonly reason: string | null
      readonly seq: number | null
    }[]
  }
}
/** The document of a run that ends with this status. */
async function reconcile(status: number, ...args: readonly string[]): Promise<Reconciliation> {
  const run = await cutover.run('reconcile', ...args)
  expect(run.status, run.stderr).toBe(status)
  return JSON.parse(run.stdout) as Reconciliation
}

async function sql(...texts: readonly string[]): Promise<readonly unknown[]> {
  const client = await connect('18', cutover.database.database)
  try {
    const results = []
    for (const text of texts) results.push((await client.query(text)).rows as unknown[])
    return results.flat()
  } finally {
    await client.end()
  }
}
