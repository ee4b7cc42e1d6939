import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createStore } from '../../src/adapters/file-store/file-store.ts'
import type { PostgresStore } from '../../src/adapters/postgres/postgres-store.ts'
import { makeRunnerKey } from '../../src/adapters/evidence-log/runner-key.ts'
import { selectedRecords } from '../adapters/store-contract/opened-store.ts'
import { putFlag } from '../adapters/store-contract/requests.ts'
import {
  auditedFolder,
  fiveRecords,
  hashAnew,
  inStore,
  resealed,
  runnerIn,
  serviceStore,
  tamper,
} from '../support/audited.ts'
import { connect, migratedDatabase, SUPPORTED, type TestDatabase } from '../support/database.ts'
import { type Run, runFf } from '../support/run-ff.ts'
import { readTrust } from '../support/signed-folder.ts'
import { tools, trustText } from '../features/signoff/people.ts'
import { getCheck, toError } from './outcome.ts'

let cwd = ''
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ff-audit-'))
  await runnerIn(cwd, 'ci')
  await runnerIn(cwd, 'mallory')
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

const ff = (args: readonly string[], env: Record<string, string> = {}): Promise<Run> =>
  runFf(['audit', ...args, '--format', 'json'], { cwd, env })
/** The exit, and the codes of each item that does not pass. */
const outcome = (run: Run): unknown => {
  const { items } = getCheck(run)
  const wanting = items.filter(({ codes }) => codes.length > 0)
  return [run.status, Object.fromEntries(wanting.map(({ id, codes }) => [id, codes]))]
}
const details = (run: Run): string =>
  getCheck(run)
    .findings.map(({ detail }) => detail)
    .join('; ')

/** Exports to a folder. @returns the path of the head */
async function exported(args: readonly string[], out: string): Promise<string> {
  const run = await ff(['export', ...args, '--out', out, '--key', 'ci.pem'])
  expect(run).toMatchObject({ status: 0, stderr: '' })
  const names = await readdir(join(cwd, out))
  return join(
    out,
    names
      .filter((name) => name.endsWith('.head.json'))
      .sort()
      .at(-1) ?? '',
  )
}

describe.each(SUPPORTED)('the chain of a database on PostgreSQL %s', (version) => {
  let database: TestDatabase
  let sql: pg.Client
  let store: PostgresStore
  let count = 0
  let head = ''
  beforeAll(async () => {
    database = await migratedDatabase(version)
    sql = await connect(version, database.database)
    store = serviceStore(database)
    await fiveRecords(store, 'ff.a')
    head = await exported(['--database', database.url], `worm-${version}`)
    await fiveRecords(store, 'ff.b')
    count = (await store.auditHead()).seq
    await sql.query(
      `CREATE TABLE kept AS TABLE ff.audit; CREATE TABLE kept_head AS TABLE ff.audit_head`,
    )
  })
  afterEach(() =>
    tamper(
      sql,
      `DELETE FROM ff.audit; INSERT INTO ff.audit TABLE kept;
       DELETE FROM ff.audit_head; INSERT INTO ff.audit_head TABLE kept_head`,
    ),
  )
  afterAll(async () => {
    await store.close()
    await sql.end()
    await database.drop()
  })
  const verify = (...args: readonly string[]): Promise<Run> =>
    ff(['verify', '--database', database.url, ...args])
  const against = (): Promise<Run> => verify('--head', head, '--runner', 'ci.pub.json')

  test('passes with migrations, changes and refusals', async () => {
    const run = await verify()
    expect(outcome(run)).toEqual([0, {}])
    expect(getCheck(run).items[0]?.title).toContain(`${count} records`)
    expect(count).toBe(16)
    expect(outcome(await against())).toEqual([0, {}])
  })

  const CHANGED = { chain: ['audit_changed'] }
  test.each<[string, string, object, string]>([
    [
      'a member was changed',
      "UPDATE ff.audit SET actor = 'mallory' WHERE seq = 8",
      CHANGED,
      'record 8',
    ],
    [
      'a refusal was applied',
      "UPDATE ff.audit SET outcome = 'applied' WHERE seq = 9",
      CHANGED,
      'record 9',
    ],
    [
      'a number has another spelling',
      "UPDATE ff.audit SET after = jsonb_set(after, '{revision}', '1.0') WHERE seq = 7",
      CHANGED,
      'record 7',
    ],
    [
      'a late decimal was changed',
      "UPDATE ff.audit SET after = jsonb_set(after, '{value}', '0.30000000000000005') WHERE seq = 7",
      CHANGED,
      'record 7',
    ],
    [
      'a row value is missing',
      'UPDATE ff.audit SET before = NULL WHERE seq = 10',
      CHANGED,
      'record 10',
    ],
    [
      'a number cannot be held',
      "UPDATE ff.audit SET after = '1e400' WHERE seq = 9",
      CHANGED,
      'record 9',
    ],
    [
      'microseconds were added',
      "ALTER TABLE ff.audit ALTER COLUMN occurred_at TYPE timestamptz(6); UPDATE ff.audit SET occurred_at = occurred_at + '1 microsecond' WHERE seq = 3",
      CHANGED,
      'record 3',
    ],
    [
      'a record is missing',
      'DELETE FROM ff.audit WHERE seq = 7',
      { chain: ['audit_dropped'] },
      'record 7',
    ],
    [
      'the first records are missing',
      'DELETE FROM ff.audit WHERE seq < 3',
      { chain: ['audit_dropped'] },
      'record 1',
    ],
    [
      'two were swapped',
      'UPDATE ff.audit SET seq = -seq WHERE seq IN (7, 8); UPDATE ff.audit SET seq = 15 + seq WHERE seq < 0',
      { chain: ['audit_reordered'] },
      'record 7 stands as 8',
    ],
    [
      'one was put before the first',
      'INSERT INTO ff.audit SELECT 0, gen_random_uuid(), occurred_at, actor, auth_mode, action, outcome, target, before, after, request_id, approval_ref, phase, prev_hash, hash FROM kept WHERE seq = 9',
      { chain: ['audit_reordered'] },
      'record 1 stands further on',
    ],
    [
      'the tail is cut',
      'DELETE FROM ff.audit WHERE seq > 12',
      { store_head: ['audit_cut'] },
      '12 records are there',
    ],
    [
      'the head was changed',
      "UPDATE ff.audit_head SET hash = repeat('0', 64)",
      { store_head: ['audit_head_differs'] },
      'record 16',
    ],
    [
      'the head is behind',
      'UPDATE ff.audit_head SET (seq, hash) = (SELECT seq, hash FROM kept WHERE seq = 15)',
      { store_head: ['audit_head_differs'] },
      'counts 15 records, and it holds 16',
    ],
  ])('is broken: %s', async (_what, text, codes, detail) => {
    await tamper(sql, text)
    const run = await verify()
    expect(outcome(run)).toEqual([23, codes])
    expect(details(run)).toContain(detail)
  })

  test('is broken where a record was changed together with its hash', async () => {
    const fifth = (await selectedRecords(sql, 'ff'))[4]
    if (fifth === undefined) throw new Error('there is no such record')
    const hash = hashAnew({ ...fifth, actor: 'mallory' })
    await tamper(sql, `UPDATE ff.audit SET actor = 'mallory', hash = '${hash}' WHERE seq = 5`)
    const run = await verify()
    expect(outcome(run)).toEqual([23, CHANGED])
    expect(details(run)).toContain('record 5')
  })

  const CUT = `DELETE FROM ff.audit WHERE seq > 5;
    UPDATE ff.audit_head SET (seq, hash) = (SELECT seq, hash FROM ff.audit WHERE seq = 5)`
  test('whose tail was cut with its head passes, but not with an exported head', async () => {
    await tamper(sql, CUT)
    expect(outcome(await verify())).toEqual([0, {}])
    const run = await against()
    expect(outcome(run)).toEqual([23, { signed_head: ['audit_cut'] }])
    expect(details(run)).toContain('5 records are there')
  })

  test('that was rewritten after the cut does not match the exported head', async () => {
    await tamper(sql, CUT)
    for (let at = 0; at < 6; at += 1)
      await store.refuse({ request: putFlag('ff.z'), code: 'forbidden' })
    expect(outcome(await verify())).toEqual([0, {}])
    expect(outcome(await against())).toEqual([23, { signed_head: ['audit_rewritten'] }])
  })

  test('that is empty does not pass', async () => {
    await tamper(
      sql,
      `DELETE FROM ff.audit; UPDATE ff.audit_head SET seq = 0, hash = repeat('0', 64)`,
    )
    expect(outcome(await verify())).toEqual([22, { chain: ['audit_empty'] }])
    expect(outcome(await against())).toEqual([
      23,
      { chain: ['audit_empty'], signed_head: ['audit_cut'] },
    ])
  })

  test('can also be verified by the role of the service', async () => {
    const role = `svc_audit_${process.pid}_${version}`
    await sql.query(`CREATE ROLE ${role} LOGIN IN ROLE ff_app`)
    try {
      const url = database.url.replace('postgres@', `${role}@`)
      expect((await ff(['verify'], { FF_DATABASE_URL: url })).status).toBe(0)
    } finally {
      await sql.query(`DROP ROLE ${role}`)
    }
  })
})

describe('the chain of a file store', () => {
  let whole = ''
  let folder = ''
  beforeAll(async () => {
    whole = join(cwd, 'whole')
    await auditedFolder(whole)
  })
  beforeEach(async () => {
    folder = await mkdtemp(join(cwd, 'store-'))
    await cp(whole, folder, { recursive: true })
  })
  const verify = (...args: readonly string[]): Promise<Run> =>
    ff(['verify', '--store', `file:${folder}`, ...args])
  const segment = async (at: number): Promise<string> => {
    const names = (await readdir(folder)).filter((name) => name.startsWith('log-')).sort()
    return join(folder, names.at(at) ?? '')
  }
  async function edit(at: number, change: (lines: readonly string[]) => readonly string[]) {
    const path = await segment(at)
    const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
    await writeFile(
      path,
      change(lines)
        .map((line) => `${line}\n`)
        .join(''),
    )
  }

  test('passes across segments, after a snapshot, and while a writer runs', async () => {
    const run = await verify()
    expect(outcome(run)).toEqual([0, {}])
    expect(getCheck(run).items.map(({ title }) => title)).toEqual([
      expect.stringContaining('10 records'),
      'the record of the snapshot: 5 records',
    ])
    await inStore(folder, async () => expect((await verify()).status).toBe(0))
  })

  test('is broken where its last line ends in another byte', async () => {
    const path = await segment(-1)
    const bytes = await readFile(path)
    await writeFile(path, Buffer.concat([bytes.subarray(0, -1), Buffer.from(' ')]))
    expect(outcome(await verify())).toEqual([23, { chain: ['audit_changed'] }])
  })

  test('passes while its last line is being written', async () => {
    const path = await segment(-1)
    await truncate(path, (await readFile(path)).length - 20)
    expect(getCheck(await verify()).items[0]?.title).toContain('9 records')
  })

  const as = (lines: readonly string[], order: readonly number[]): readonly string[] =>
    order.map((at) => lines[at] ?? '')
  test.each<[string, (lines: readonly string[]) => readonly string[], string, string]>([
    [
      'a byte',
      ([a, b = '', ...rest]) => [a ?? '', b.replace('U-editor', 'U-edited'), ...rest],
      'audit_changed',
      'record 7',
    ],
    [
      'a member, its checksum made to fit',
      ([a, b = '', ...rest]) => [
        a ?? '',
        resealed(b, (json) => json.replaceAll('U-editor', 'mallory')).trimEnd(),
        ...rest,
      ],
      'audit_changed',
      'record 7',
    ],
    [
      'a member too many',
      ([a = '', ...rest]) => [
        resealed(a, (json) => json.replace('{"audit":{', '{"audit":{"aa":1,')).trimEnd(),
        ...rest,
      ],
      'audit_changed',
      'record 6',
    ],
    ['a missing line', (lines) => as(lines, [0, 2, 3, 4]), 'audit_dropped', 'record 7'],
    ['a line that was moved', (lines) => as(lines, [0, 2, 1, 3, 4]), 'audit_reordered', 'record 7'],
    [
      'a line that is there twice',
      (lines) => as(lines, [0, 1, 1, 2, 3, 4]),
      'audit_reordered',
      'record 8',
    ],
  ])('is broken by %s', async (_what, change, code, detail) => {
    await edit(-1, change)
    const run = await verify()
    expect(outcome(run)).toEqual([23, { chain: [code] }])
    expect(details(run)).toContain(detail)
  })

  test('is broken where a segment is missing', async () => {
    await rm(await segment(0))
    const run = await verify()
    expect(outcome(run)).toEqual([23, { chain: ['audit_dropped'] }])
    expect(details(run)).toContain('record 1 ')
  })

  test('is cut where it ends before its snapshot or an exported head', async () => {
    const head = await exported(['--store', `file:${folder}`], 'worm-file')
    await edit(-1, (lines) => lines.slice(0, 3))
    expect(outcome(await verify())).toEqual([0, {}])
    const trust = ['--head', head, '--runner', 'ci.pub.json']
    expect(outcome(await verify(...trust))).toEqual([23, { signed_head: ['audit_cut'] }])
    await rm(await segment(-1))
    await edit(0, (lines) => lines.slice(0, 4))
    expect(outcome(await verify())).toEqual([23, { store_head: ['audit_cut'] }])
  })

  test('without records does not pass', async () => {
    const empty = join(cwd, 'empty')
    await createStore(empty)
    const run = await ff(['verify', '--store', `file:${empty}`])
    expect(outcome(run)).toEqual([22, { chain: ['audit_empty'] }])
  })

  test('of a folder without a store is inconclusive', async () => {
    const run = await ff(['verify', '--store', 'file:nowhere'])
    expect([run.status, toError(run).code]).toEqual([22, 'target_unreachable'])
  })
})

describe('a signed head', () => {
  let head = ''
  const verify = (args: readonly string[], env: Record<string, string> = {}): Promise<Run> =>
    ff(['verify', '--store', 'file:signed', ...args], env)
  beforeAll(async () => {
    await auditedFolder(join(cwd, 'signed'))
    head = await exported(['--store', 'file:signed'], 'worm-signed')
  })
  const altered = async (name: string, change: (text: string) => string): Promise<string> => {
    const text = await readFile(join(cwd, head), 'utf8')
    expect(change(text)).not.toBe(text)
    await writeFile(join(cwd, name), change(text))
    return name
  }

  test.each<[string, (text: string) => string, string]>([
    [
      'the count was changed',
      (text) => text.replace('"count":10', '"count":11'),
      'head_signature_invalid',
    ],
    [
      'the hash was changed',
      (text) => text.replace(/"hash":"[0-9a-f]{64}"/, `"hash":"${'0'.repeat(64)}"`),
      'head_signature_invalid',
    ],
    [
      'the signature was changed',
      (text) => text.replace(/\.\.(.)/, (_, one: string) => `..${one === 'A' ? 'B' : 'A'}`),
      'head_signature_invalid',
    ],
    [
      'the last character of the signature carries other idle bits',
      (text) =>
        text.replace(
          /(.)"\}\n$/,
          (_, one: string) => `${String.fromCharCode(one.charCodeAt(0) + 1)}"}\n`,
        ),
      'head_signature_invalid',
    ],
    ['it is laid out in another way', (text) => text.replace('":', '": '), 'head_malformed'],
    [
      'a member is not one of its own',
      (text) => text.replace('{"head"', '{"a":1,"head"'),
      'head_malformed',
    ],
    ['it is no JSON', () => 'head', 'head_malformed'],
  ])('of which %s proves nothing', async (_what, change, code) => {
    const path = await altered('altered.json', change)
    const run = await verify(['--head', path, '--runner', 'ci.pub.json'])
    expect(outcome(run)).toEqual([23, { signed_head: [code] }])
  })

  test('of an untrusted key proves nothing', async () => {
    const UNKNOWN = { signed_head: ['head_signer_unknown'] }
    const other = ['--head', head, '--runner', 'mallory.pub.json']
    expect(outcome(await verify(other))).toEqual([23, UNKNOWN])
    expect(outcome(await verify(['--head', head]))).toEqual([23, UNKNOWN])
    const both = [...other, '--runner', 'ci.pub.json']
    expect(outcome(await verify(both))).toEqual([0, {}])
  })

  test('of a runner in the pinned trust file is trusted', async () => {
    const folder = await mkdtemp(join(cwd, 'team-'))
    const runner = await makeRunnerKey(join(folder, 'key.pem'))
    const trust = trustText(readTrust(runner))
    await mkdir(join(folder, 'checklists'))
    await writeFile(join(folder, 'checklists/trust.json'), trust)
    const store = `file:${join(cwd, 'signed')}`
    const run = (args: readonly string[], env: Record<string, string> = {}): Promise<Run> =>
      runFf(['audit', ...args, '--store', store, '--format', 'json'], { cwd: folder, env })
    expect((await run(['export', '--out', 'worm', '--key', 'key.pem'])).status).toBe(0)
    const [name = ''] = (await readdir(join(folder, 'worm'))).filter((one) => one.endsWith('.json'))
    const given = ['verify', '--head', join('worm', name)]
    const pinned = { FF_TRUST_SHA256: tools.sha256(trust) }
    expect(outcome(await run(given, pinned))).toEqual([0, {}])
    const unpinned = await run(given, { FF_TRUST_SHA256: 'f'.repeat(64) })
    expect(outcome(unpinned)).toEqual([23, { signed_head: ['head_signer_unknown'] }])
  })

  test.each([
    [['--head', 'nowhere.json', '--runner', 'ci.pub.json'], 'artefact_invalid'],
    [['--runner', 'ci.pem', '--head', 'ci.pub.json'], 'artefact_invalid'],
    [['--database', 'postgres://unknown@127.0.0.1:1/none'], 'option_invalid'],
    [['--export', 'worm-signed'], 'option_invalid'],
  ])('and %j ends 2', async (args, code) => {
    const run = await verify(args)
    expect([run.status, toError(run).code]).toEqual([2, code])
  })
})
