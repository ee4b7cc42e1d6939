import { mkdir, mkdtemp, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  connect,
  createDatabase,
  SUPPORTED,
  type TestDatabase,
  type Version,
} from '../support/database.ts'
import { finished, ROOT, type Run, runFf as runNow, startFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { shared } from '../support/shared.ts'
import { toError, expecting, getParity, getProcesses, until, inTurns } from './outcome.ts'

const runFf = inTurns(runNow)

const databases = new Map<Version, TestDatabase>()
const urlOn = (version: Version): string => databases.get(version)?.url ?? ''
let folder = ''
let gate: { vectors: Record<string, unknown>[] } = { vectors: [] }

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'ff-run-')))
  for (const version of SUPPORTED) databases.set(version, await createDatabase(version))
  const text = await readFile(join(ROOT, 'vectors/parity_test_matrix.json'), 'utf8')
  gate = JSON.parse(text) as typeof gate
})
afterAll(async () => {
  for (const database of databases.values()) await database.drop()
  await rm(folder, { recursive: true, force: true })
})

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runFf(['parity', 'run', '--format', 'json', ...args], { env })

/** The bytes of a report without `timing`. */
function untimed(stdout: string): string {
  const { timing } = JSON.parse(stdout) as { timing: object }
  const tail = `,\n  "timing": ${JSON.stringify(timing, null, 2).replaceAll('\n', '\n  ')}\n}\n`
  expect(stdout.endsWith(tail)).toBe(true)
  return stdout.slice(0, -tail.length)
}

async function writeMatrix(name: string, vectors: readonly object[]): Promise<string> {
  const path = join(folder, name)
  const matrix = { kind: 'parity_test_matrix', schemaVersion: 1, vectors }
  await writeFile(path, JSON.stringify(matrix))
  return path
}

describe.concurrent('without configuration', () => {
  test('UC-B4-06: the file and the database decide alike: 17 of 17 hold, and the report names both sides', async () => {
    const done = await shared('parity-run')
    expect(done).toMatchObject({ status: 0, signal: null, stderr: '' })
    const report = getParity(done)
    expect(report).toMatchObject({
      schemaVersion: 1,
      kind: 'parity_run',
      verdict: 'pass',
      exitName: 'ok',
      exitCode: 0,
      sides: {
        baseline: { target: 'file', backing: 'file', server: null },
        candidate: { target: 'embedded', backing: 'db', server: expect.stringMatching(/^18\./) },
      },
      counts: { expected: 17, compared: 17, allowed: 0, skipped: 0, neverReached: 0 },
      findings: [],
    })
    expect(report.vectors.map(({ id }) => id)).toEqual(gate.vectors.map(({ id }) => id))
    expect(report.vectors).toHaveLength(17)
    expect(report.vectors.every(({ state }) => state === 'pass')).toBe(true)
    expect(report.controls.map(({ id }) => id).toSorted()).toEqual([
      'a_a_baseline',
      'a_a_candidate',
      'comparer',
      'fields',
      'planted',
    ])
    expect(report.controls.every(({ held }) => held)).toBe(true)
    expect(Object.keys(report.timing)).not.toEqual([])
  })

  test('no folder, socket or process remains', async () => {
    const home = await mkdtemp(join(folder, 'tmp-'))
    const child = startFf(['parity', 'run'], { env: { TMPDIR: home } })
    const end = finished(child)
    let seen = 0
    while (child.exitCode === null && child.signalCode === null) {
      seen = Math.max(seen, (await getProcesses(home)).length)
      await sleep(100)
    }
    expect((await end).status).toBe(0)
    expect(seen).toBeGreaterThan(0) // Control: the search finds something while the run is alive.
    expect(await getProcesses(home)).toEqual([])
    expect(await readdir(home)).toEqual([])
  })

  test('two runs report the same bytes except for the timing', async () => {
    const [one, two] = [await shared('parity-run'), await run([])]
    expect(untimed(two.stdout)).toBe(untimed(one.stdout))
  })
})

describe.concurrent('the same report', () => {
  let plainRun: Promise<Run> | undefined
  const runPlain = (): Promise<Run> => (plainRun ??= run(['--candidate', urlOn('18')]))
  test.each([
    ['in Kathmandu', { TZ: 'Asia/Kathmandu' }],
    ['in Turkish', { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }],
    ['in both', { TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }],
    ['on a machine with other libpq settings', { PGTZ: 'America/St_Johns', PGDATESTYLE: 'German' }],
  ] as const)('%s', async (_situation, env) => {
    const [plain, other] = await Promise.all([runPlain(), run(['--candidate', urlOn('18')], env)])
    expect([plain.status, other.status]).toEqual([0, 0])
    expect(untimed(other.stdout)).toBe(untimed(plain.stdout))
  })

  test('on a database with unusual settings', async () => {
    const strange = await createDatabase('18')
    const admin = await connect('18')
    for (const setting of [
      "timezone = 'Asia/Kathmandu'",
      "datestyle = 'German'",
      'extra_float_digits = -15',
      "search_path = 'nowhere'",
      "default_transaction_isolation = 'serializable'",
      "bytea_output = 'escape'",
    ])
      await admin.query(`ALTER DATABASE ${strange.database} SET ${setting}`)
    await admin.end()
    const [plain, other] = await Promise.all([runPlain(), run(['--candidate', strange.url])])
    await strange.drop()
    expect([plain.status, other.status]).toEqual([0, 0])
    const named = untimed(other.stdout).replaceAll(strange.database, 'NAME')
    const database = databases.get('18')?.database ?? ''
    expect(named).toBe(untimed(plain.stdout).replaceAll(database, 'NAME'))
  })
})

describe.concurrent('on a server', () => {
  const cases = SUPPORTED.flatMap((version) =>
    (['named by URL', 'named by variable', 'from the environment'] as const).map(
      (how) => [version, how] as const,
    ),
  )
  test.each(cases)('PostgreSQL %s, %s', async (version, how) => {
    const ways = {
      'named by URL': () => run(['--candidate', urlOn(version)]),
      'named by variable': () => run(['--candidate', 'env:MY_DB'], { MY_DB: urlOn(version) }),
      'from the environment': () => run([], { FF_DATABASE_URL: urlOn(version) }),
    }
    const done = await ways[how]()
    expect(done.status).toBe(0)
    const { sides, counts } = getParity(done)
    expect(sides.candidate.server).toMatch(new RegExp(`^${version}\\.`))
    expect(counts).toMatchObject({ expected: 17, compared: 17 })
  })

  const ALIKE = [
    ['one database against itself', () => [urlOn('18'), urlOn('18')]],
    ['15 against 18', () => [urlOn('15'), urlOn('18')]],
    ['a file against a file', () => ['file', 'file']],
  ] as const
  test.each(ALIKE)('H5: %s proves nothing about a database', async (_situation, sides) => {
    const [baseline = '', candidate = ''] = sides()
    const pair = ['--baseline', baseline, '--candidate', candidate]
    const fuzz = runFf(['parity', 'fuzz', '--runs', '1', ...pair, '--format', 'json'])
    for (const done of await Promise.all([run(pair), fuzz])) {
      expect(done.status).toBe(22)
      expect(toError(done)).toMatchObject({ code: 'sides_alike', exitName: 'inconclusive' })
      expect(toError(done).hint).toContain('--allow-same-kind')
    }
  })

  test.each([
    ...ALIKE.map(([what, sides]) => [what, sides, ['--allow-same-kind']] as const),
    ['a database against a file', () => [urlOn('15'), 'file'], []] as const,
  ])('%s decides alike', async (_situation, sides, allow) => {
    const [baseline = '', candidate = ''] = sides()
    const done = await run(['--baseline', baseline, '--candidate', candidate, ...allow])
    expect(done.status).toBe(0)
    expect(getParity(done).counts).toMatchObject({ expected: 17, compared: 17 })
  })

  test('the report names no path, no schema and no password', async () => {
    const url = urlOn('18').replace('postgres@', 'postgres:hunter2-secret@')
    const done = await run([], { FF_DATABASE_URL: url })
    expect(done.status).toBe(0)
    const socket = databases.get('18')?.config.host ?? 'nowhere'
    for (const word of ['hunter2-secret', 'ff_scratch', socket, folder]) {
      expect(done.stdout).not.toContain(word)
    }
  })

  test('the scratch schema is gone afterwards', async () => {
    const own = await createDatabase('18')
    await run(['--candidate', own.url])
    const client = await connect('18', own.database)
    const { rows } = await client.query("SELECT nspname FROM pg_namespace WHERE nspname ~ '^ff'")
    await client.end()
    await own.drop()
    expect(rows).toEqual([])
  })
})

describe.concurrent('a part of the vectors', () => {
  test('a single vector is never a pass', async () => {
    const done = await run(['--vector', 'PV-03', '--candidate', urlOn('18')])
    expect(done.status).toBe(22)
    expect(getParity(done)).toMatchObject({
      verdict: 'inconclusive',
      exitName: 'inconclusive',
      exitCode: 22,
      counts: { expected: 17, compared: 1, skipped: 16, neverReached: 0 },
    })
  })

  test.each([['PV-99'], ['pv-01'], ['']])('a vector called "%s" is not there', async (id) => {
    const done = await run(['--vector', id, '--candidate', urlOn('18')])
    expect(done.status).toBe(2)
    expect(toError(done)).toMatchObject({ code: 'nothing_to_check', exitName: 'usage' })
  })

  test('a single cell is never a pass, and an unknown one is a usage fault', async () => {
    const exhaustive = (cell: string) =>
      runFf([
        'parity',
        'exhaustive',
        '--cell',
        cell,
        '--candidate',
        'file',
        '--allow-same-kind',
        '--format',
        'json',
      ])
    const [one, none] = await Promise.all([
      exhaustive('verified/user/SP-2/valid'),
      exhaustive('verified/user/SP-2/eternal'),
    ])
    expect(one.status).toBe(22)
    expect(getParity(one).counts).toMatchObject({ expected: 360, compared: 1, skipped: 359 })
    expect(none.status).toBe(2)
    expect(toError(none).code).toBe('nothing_to_check')
  })
})

describe.concurrent('further matrices', () => {
  const first = () => gate.vectors[0] ?? {}

  test('count in addition to the 17', async () => {
    const one = await writeMatrix('one.json', [{ ...first(), id: 'XV-01' }])
    const two = await writeMatrix('two.json', [{ ...first(), id: 'XV-02' }])
    const done = await run(['--vectors', one, two, '--candidate', urlOn('18')])
    expect(done.status).toBe(0)
    const { counts, vectors } = getParity(done)
    expect(counts).toMatchObject({ expected: 19, compared: 19 })
    expect(vectors.slice(-2).map(({ id }) => id)).toEqual(['XV-01', 'XV-02'])
  })

  test('fail the run where they fail', async () => {
    const then = { ...(first()['then'] as object), value: 'something else' }
    const vector = expecting({ ...first(), id: 'XV-03' }, then)
    const path = await writeMatrix('failing.json', [vector])
    const done = await run(['--vectors', path, '--candidate', urlOn('18')])
    expect(done.status).toBe(20)
    const { findings } = getParity(done)
    expect(findings.map(({ subject }) => subject)).toContain('XV-03')
    expect(findings.every(({ pointer }) => pointer === '/value')).toBe(true)
  })

  test.each([
    ['without a vector', () => [], 'schema_min_items'],
    ['with an id of the 17', () => [first()], 'id_repeated'],
  ] as const)('%s are refused', async (situation, vectors, code) => {
    const path = await writeMatrix(`${situation.replaceAll(' ', '-')}.json`, vectors())
    const done = await run(['--vectors', path, '--candidate', urlOn('18')])
    expect(done.status).toBe(2)
    expect(toError(done).details?.join('\n')).toContain(code)
  })
})

describe.concurrent('a folder of the user', () => {
  test('is left unchanged', async () => {
    const place = await mkdtemp(join(folder, 'store-'))
    await mkdir(join(place, 'below'))
    const before = { 'snapshot.ndjson': 'not ours\n', 'below/log-1.ndjson': 'nor this\n' }
    for (const [name, text] of Object.entries(before)) await writeFile(join(place, name), text)
    const done = await run(['--baseline', `file:${place}`, '--candidate', urlOn('18')])
    expect(done.status).toBe(0)
    expect((await readdir(place, { recursive: true })).toSorted()).toEqual(
      ['below', 'below/log-1.ndjson', 'snapshot.ndjson'].toSorted(),
    )
    for (const [name, text] of Object.entries(before)) {
      expect(await readFile(join(place, name), 'utf8')).toBe(text)
    }
  })

  test.each([
    ['that does not exist', 'nowhere'],
    ['that is a file', 'a-file'],
  ] as const)('%s is inconclusive, and is not created', async (_situation, name) => {
    await writeFile(join(folder, 'a-file'), 'text')
    const done = await run([
      '--baseline',
      `file:${join(folder, name)}`,
      '--candidate',
      'file',
      '--allow-same-kind',
    ])
    expect(done.status).toBe(22)
    expect(toError(done).exitName).toBe('inconclusive')
    expect(await readdir(folder)).not.toContain('nowhere')
  })
})

describe('a fault while it runs', () => {
  test.each([['run'], ['exhaustive']] as const)(
    'connections that are killed repeatedly leave parity %s inconclusive',
    async (command) => {
      const admin = await connect('18')
      let isOver = false
      const end = runFf(['parity', command, '--candidate', urlOn('18'), '--format', 'json'])
      void end.finally(() => (isOver = true)).catch(() => undefined)
      let ended = 0
      while (!isOver) {
        const { rowCount } = await admin.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
          [databases.get('18')?.database],
        )
        ended += rowCount ?? 0
        await sleep(10)
      }
      await admin.end()
      const { status, stdout } = await end
      expect(ended).toBeGreaterThan(0)
      expect(status).toBe(22)
      expect(stdout).toContain('"exitName": "inconclusive"')
    },
  )

  test.each(FULL ? [0, 40, 80, 160, 320, 640] : [0, 80, 640])(
    'connections that are killed %s ms after the first leave no verdict',
    async (momentMs) => {
      const admin = await connect('18')
      const database = databases.get('18')?.database
      const countConnections = async (): Promise<number | null> => {
        const text = 'SELECT FROM pg_stat_activity WHERE datname = $1'
        return (await admin.query(text, [database])).rowCount
      }
      await until('the end of earlier ones', async () => (await countConnections()) === 0)
      const end = runFf(['parity', 'exhaustive', '--candidate', urlOn('18'), '--debug'])
      await until('a connection', async () => (await countConnections()) !== 0)
      await sleep(momentMs)
      const ended = await admin.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
        [database],
      )
      await admin.end()
      const { status, stderr } = await end
      expect(ended.rowCount).toBeGreaterThan(0)
      expect(status, stderr).toBe(22)
    },
  )

  test.each([['0.05'], ['0.4'], ['0.8']])(
    'a limit of %s s ends it with a partial report',
    async (limit) => {
      const args = ['parity', 'exhaustive', '--candidate', urlOn('18'), '--timeout', limit]
      const done = await runFf([...args, '--format', 'json'])
      expect(done.status).toBe(124)
      const report = getParity(done)
      expect(report).toMatchObject({ verdict: 'cancelled', exitName: 'timeout', exitCode: 124 })
      expect(report.counts.neverReached).toBeGreaterThan(0)
      expect(report.counts.compared + report.counts.neverReached).toBe(360)
    },
  )

  test.each([['0'], ['-1'], ['soon'], ['1e9'], ['NaN'], ['']])(
    'a limit of "%s" is a usage fault',
    async (limit) => {
      const done = await run([`--timeout=${limit}`, '--candidate', 'file', '--allow-same-kind'])
      expect(done.status).toBe(2)
      expect(toError(done)).toMatchObject({ code: 'option_invalid', exitName: 'usage' })
    },
  )
})
