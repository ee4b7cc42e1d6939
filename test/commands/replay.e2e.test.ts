import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createStore, FileStore } from '../../src/adapters/file-store/file-store.ts'
import { startEmbedded } from '../../src/adapters/postgres/embedded.ts'
import { openPool } from '../../src/adapters/postgres/connect.ts'
import { PostgresStore } from '../../src/adapters/postgres/postgres-store.ts'
import { startChild } from '../adapters/store-contract/child.ts'
import { flagRow, REF, tenantRow, userRow } from '../core/builders.ts'
import { connect, createDatabase, type TestDatabase } from '../support/database.ts'
import { finished, type Run, runFf, startFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { ERROR_FORM, toError, getParity, STACK, until } from './outcome.ts'

const TOOLS = { digestKey: new Uint8Array(32), phase: 'file' }
const NOW = '2026-01-15T09:00:00.000Z'
const FLAG = 'ff.checkout.new-flow'
const READER = 'ff_replay_reader'

const STATE = {
  flag_registry: [
    flagRow(),
    flagRow({ flag_key: 'ff.plain', required_auth: 'none' }),
    flagRow({ flag_key: 'ff.guarded', sensitive: true }),
  ],
  tenant_override: [tenantRow()],
  user_override: [userRow({ flag_key: 'ff.guarded', approval_ref: REF })],
}

let folder: string
let store: string
let database: TestDatabase
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-replay-'))
  store = join(folder, 'store')
  await createStore(store)
  const file = await FileStore.open(store, TOOLS)
  await file.load(STATE)
  await file.close()
  database = await migrated()
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

/** A database with the schema ff, and the rows of the file in it. */
async function migrated(): Promise<TestDatabase> {
  const made = await createDatabase('18')
  const done = await runFf(['migrate', 'up'], { env: { FF_DATABASE_URL: made.url } })
  expect(done.status, done.stderr).toBe(0)
  const rows = new PostgresStore(openPool(made, 1), 'ff', { name: 'rows', tools: TOOLS })
  await rows.load(STATE)
  await rows.close()
  return made
}

const line = (flag_key: string, more: object = {}, request: object = {}): string =>
  JSON.stringify({
    request: { flag_key, request_id: 'r-1', ...request },
    recorded_at: NOW,
    ...more,
  })
const approval = {
  approval_ref: REF,
  flag_key: 'ff.guarded',
  tenant_id: 'T-pty-pilot-01',
  user_id: 'U1001',
  not_before: '2026-01-01T00:00:00.000Z',
  expires_at: '2026-02-01T00:00:00.000Z',
  revoked: false,
}
const verified = { credential: { fixture: 'JWT-EX-01' } }
const REQUESTS = [
  line('ff.plain', {}, { tenant_id: 'T-1', user_id: 'U-1' }),
  line(FLAG, verified),
  line('ff.guarded', { ...verified, approvals: [approval] }),
  line('ff.guarded', verified),
  line('ff.none', { credential: { fixture: 'JWT-EX-03' } }),
  line(FLAG, {
    environment: 'dev+H',
    credential: { dev_headers: { tenant_id: 'T-pty-pilot-01', user_id: 'U1001', scopes: [] } },
  }),
  line('ff.plain', { now: '2026-03-01T00:00:00.000Z' }),
]

let count = 0
async function written(text: string | Buffer): Promise<string> {
  count += 1
  const path = join(folder, `${count}.ndjson`)
  await writeFile(path, text)
  return path
}
async function replay(
  text: string | Buffer,
  candidate: string,
  ...more: readonly string[]
): Promise<Run> {
  const sides = ['--baseline', `file:${store}`, '--candidate', candidate]
  const path = await written(text)
  return runFf(['parity', 'replay', path, ...sides, '--format', 'json', ...more])
}

/** Every byte of the store, by file. */
async function toBytes(path: string): Promise<object> {
  const names = (await readdir(path)).sort()
  const hashes = names.map(async (name) => {
    const bytes = await readFile(join(path, name))
    return [name, createHash('sha256').update(bytes).digest('hex')]
  })
  return Object.fromEntries((await Promise.all(hashes)) as [string, string][])
}

describe('ff parity replay', () => {
  test('reads both stores while a writer holds the lock, and changes neither', async () => {
    const writer = await startChild('serve', store)
    const before = await toBytes(store)
    const done = await replay(`${REQUESTS.join('\n')}\n`, database.url)
    expect(done.status, done.stdout).toBe(0)
    const { kind, verdict, counts, controls, sides } = getParity(done)
    expect({ kind, verdict }).toEqual({ kind: 'parity_replay', verdict: 'pass' })
    expect(counts).toMatchObject({
      expected: REQUESTS.length,
      compared: REQUESTS.length,
      skipped: 0,
      neverReached: 0,
    })
    expect(controls.map(({ id, held }) => [id, held])).toEqual([
      ['comparer', true],
      ['fields', true],
      ['a_a_baseline', true],
      ['a_a_candidate', true],
    ])
    expect([sides.baseline.backing, sides.candidate.backing]).toEqual(['file', 'db'])
    expect(await toBytes(store)).toEqual(before)
    // The writer still holds its lock, and the next run sees its new rows.
    expect(await writer.ask('write ff.later')).toMatchObject({ code: 'ok' })
    const later = await replay(line('ff.later'), database.url)
    expect(later.status).toBe(20)
    expect(getParity(later).findings.map(({ subject }) => subject)).toContain('line 1')
    await writer.kill()
  })

  test('needs only the right to read', async () => {
    const admin = await connect('18', database.database)
    await admin.query(`DROP ROLE IF EXISTS ${READER}; CREATE ROLE ${READER} LOGIN;
      GRANT USAGE ON SCHEMA ff TO ${READER}; GRANT SELECT ON ALL TABLES IN SCHEMA ff TO ${READER}`)
    const done = await replay(REQUESTS.join('\n'), database.url.replace('postgres@', `${READER}@`))
    await admin.query(`DROP OWNED BY ${READER}; DROP ROLE ${READER}`)
    await admin.end()
    expect(done.status, done.stdout).toBe(0)
  })

  test('finds a row that differs in the database, with line, field and both values', async () => {
    const own = await migrated()
    const admin = await connect('18', own.database)
    await admin.query(`UPDATE ff.tenant_override SET value = '"other"', revision = 9`)
    await admin.end()
    const many = [...REQUESTS, ...REQUESTS].join('\n')
    const done = await replay(many, own.url)
    expect(done.status).toBe(20)
    const { findings, counts } = getParity(done)
    const { value } = STATE.tenant_override[0] ?? {}
    expect(findings).toContainEqual({
      code: 'divergence',
      subject: 'line 2',
      sides: 'baseline-candidate',
      pointer: '/value',
      rule: 'MUST_MATCH',
      left: value,
      right: '"other"',
    })
    expect([...new Set(findings.map(({ subject }) => subject))]).toEqual([
      'line 2',
      'line 6',
      'line 9',
      'line 13',
    ])
    expect(counts).toMatchObject({ compared: 14, differing: 4 })
    const few = await replay(many, own.url, '--max-diffs', '1')
    expect(getParity(few).counts).toMatchObject({ compared: 14, differing: 4 })
    expect([...new Set(getParity(few).findings.map(({ subject }) => subject))]).toEqual(['line 2'])
    const text = await replay(many, own.url, '--format', 'text')
    expect(text.stdout).toContain('14 of 14 requests (4 differing)')
    const junit = await replay(many, own.url, '--format', 'junit')
    expect(junit.stdout).toContain('name="line 2 ff.checkout.new-flow"')
    await own.drop()
  })

  test('copies the rows of the file to a private server where no database is named', async () => {
    const done = await replay(REQUESTS.join('\r\n'), 'embedded')
    expect(done.status, done.stdout).toBe(0)
    expect(getParity(done).counts).toMatchObject({ compared: REQUESTS.length })
  })

  test('lists each invalid line, before any request is replayed', async () => {
    const tooLong = `${line(FLAG).slice(0, -1)},"x":"${'x'.repeat(70_000)}"}`
    const lines: readonly (readonly [string | Buffer, string])[] = [
      [`\ufeff${line(FLAG)}`, ' byte_order_mark'],
      ['{', ' json_malformed'],
      ['[]', ' schema_type'],
      [JSON.stringify({ request: { flag_key: FLAG, request_id: 'r' } }), '/now schema_required'],
      [line(FLAG, { recorded_at: '2026-02-30T00:00:00.000Z' }), '/recorded_at time_not_canonical'],
      [
        line(FLAG, { credential: { fixture: 'JWT-EX-999' } }),
        '/credential/fixture fixture_unknown',
      ],
      [line(FLAG, { token: 'x' }), '/token schema_additional_properties'],
      [`${line(FLAG).slice(0, -1)},"now":"${NOW}","now":"${NOW}"}`, '/now duplicate_member'],
      [line('FF.A'), '/request/flag_key schema_pattern'],
      [Buffer.from([0x22, 0xff, 0x22]), ' utf8_invalid'],
      [tooLong, ' line_too_long'],
    ]
    const bytes = lines.flatMap(([text]) => [Buffer.from(text), Buffer.from('\n')])
    const good = Buffer.from(`${line(FLAG)}\n\n`)
    const done = await replay(Buffer.concat([good, ...bytes]), 'postgres://u@127.0.0.1:1/d')
    expect(done.status).toBe(2)
    const { code, details, message } = toError(done)
    expect(code).toBe('artefact_invalid')
    expect(message).toContain(`${lines.length} invalid lines`)
    for (const [at, [, problem]] of lines.entries())
      expect(details).toContain(`line ${at + 3} ${problem}`)
    expect(done.stdout + done.stderr).not.toMatch(STACK)
  })

  test.each(['', '\n \n'])('%j holds nothing to replay', async (text) => {
    const done = await replay(text, 'embedded')
    expect(done.status).toBe(2)
    expect(toError(done).code).toBe('nothing_to_check')
  })

  test('a missing file, a folder and a pipe are refused', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    for (const path of [join(folder, 'nowhere'), folder, pipe]) {
      const done = await runFf(['parity', 'replay', path, '--baseline', `file:${store}`])
      expect(done).toMatchObject({ status: 2, stdout: '' })
      expect(done.stderr).toMatch(ERROR_FORM('artefact_invalid', 'usage'))
    }
  })

  test.each<[string, string, string, number]>([
    ['file', 'embedded', 'target_invalid', 2],
    ['embedded', 'file', 'target_invalid', 2],
    ['file:/nowhere', 'embedded', 'target_unreachable', 22],
  ])('%s against %s is %s', async (baseline, candidate, code, exit) => {
    const path = await written(line(FLAG))
    const args = ['--baseline', baseline, '--candidate', candidate, '--format', 'json']
    const done = await runFf(['parity', 'replay', path, ...args])
    expect({ status: done.status, code: toError(done).code }).toEqual({ status: exit, code })
  })

  test('a store is not compared with itself, whatever its name', async () => {
    const other = join(folder, 'other')
    await symlink(store, other)
    const pairs = [
      [`file:${store}`, `file:${other}`],
      [database.url, database.url.replace('postgres:', 'postgresql:')],
    ] as const
    for (const [baseline, candidate] of pairs) {
      const path = await written(line(FLAG))
      const args = ['--baseline', baseline, '--candidate', candidate, '--format', 'json']
      const done = await runFf(['parity', 'replay', path, ...args])
      expect({ status: done.status, code: toError(done).code }).toEqual({
        status: 2,
        code: 'target_invalid',
      })
    }
  })

  test('a database without the schema is reported with a hint', async () => {
    const bare = await createDatabase('15')
    const done = await replay(line(FLAG), bare.url)
    await bare.drop()
    expect(done.status).toBe(22)
    expect(toError(done)).toMatchObject({
      code: 'target_unreachable',
      hint: expect.stringContaining('migrate up') as string,
    })
  })

  test('a database that goes away in the middle is neither a pass nor a difference', async () => {
    const server = await startEmbedded()
    const { host, user, database: name } = server.database.config
    const url = `postgres://${user}@/${name}?host=${encodeURIComponent(String(host))}`
    await runFf(['migrate', 'up'], { env: { FF_DATABASE_URL: url } })
    const rows = new PostgresStore(openPool(server.database, 1), 'ff', { name: 'x', tools: TOOLS })
    await rows.load(STATE)
    await rows.close()
    const path = await written(`${line('ff.plain')}\n`.repeat(40_000))
    const admin = openPool(server.database, 1)
    const args = ['--baseline', `file:${store}`, '--candidate', url, '--format', 'json']
    const ended = finished(startFf(['parity', 'replay', path, ...args]))
    await until('the replay asks', async () => {
      const asked = `SELECT FROM pg_stat_activity WHERE query LIKE '%json_build_array%' AND pid <> pg_backend_pid()`
      const { rowCount } = await admin.with((client) => client.query(asked))
      // Opening takes a single connection.
      return (rowCount ?? 0) > 1
    })
    await admin.end()
    await server.stop()
    const done = await ended
    expect(done.status, done.stdout + done.stderr).toBe(22)
    const { verdict, counts, findings } = getParity(done)
    expect(verdict).toBe('inconclusive')
    expect(findings.map(({ code, sides }) => [code, sides])).toEqual([['unanswered', 'candidate']])
    expect(counts.neverReached).toBeGreaterThan(0)
    expect(counts.compared + counts.neverReached).toBe(40_000)
  })

  test('reads a long file in bounded memory', async () => {
    // 30 MB in a full run, in a heap of 48 MB that could not hold the lines; else half of them, which it could not hold parsed.
    const long = line('ff.plain', { approvals: Array.from({ length: 20 }, () => approval) })
    const count = FULL ? 6_000 : 3_000
    const path = await written(`${long}\n`.repeat(count))
    const copy = join(folder, 'copy')
    await cp(store, copy, { recursive: true })
    const args = ['--baseline', `file:${store}`, '--candidate', `file:${copy}`]
    const env = { NODE_OPTIONS: '--max-old-space-size=48' }
    const done = await runFf(['parity', 'replay', path, ...args], { env })
    expect(done.status, done.stderr).toBe(0)
    expect(done.stdout).toContain(`${count} of ${count} requests`)
  })

  test.each(['0', 'many', '10001'])('--max-diffs %s is refused', async (value) => {
    const done = await replay(line(FLAG), 'embedded', `--max-diffs=${value}`)
    expect(done.status).toBe(2)
    expect(toError(done).code).toBe('option_invalid')
  })
})
