import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import {
  ask,
  FLAG_BODY,
  openDatabaseTarget,
  openFileTarget,
  openIssuer,
  startService,
} from '../support/service.ts'
import { ROOT, type Run, runFf } from '../support/run-ff.ts'
import { expecting, getCheck, getParity } from './outcome.ts'

let cwd = ''
let database: TestDatabase
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ff-first-hour-'))
  await mkdir(join(cwd, 'bin'))
  await symlink(join(ROOT, 'dist/bin/ff.js'), join(cwd, 'bin/ff'))
  database = await createDatabase('18')
})
afterAll(async () => {
  await database.drop()
  await rm(cwd, { recursive: true, force: true })
})

/** Runs a proposed command as pasted into a shell. */
const paste = (line: string): Promise<Pick<Run, 'status' | 'stdout'>> =>
  new Promise((resolve) => {
    const env = { PATH: `${join(cwd, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: cwd }
    const child = execFile('bash', ['-c', line], { cwd, env }, (_error, stdout) =>
      resolve({ status: child.exitCode, stdout }),
    )
    child.stdin?.end()
  })

test('N5: the command that repeats a failed vector of a matrix of one’s own works as pasted', async () => {
  const text = await readFile(join(ROOT, 'vectors/parity_test_matrix.json'), 'utf8')
  const { vectors } = JSON.parse(text) as { vectors: { then: object }[] }
  const then = { ...vectors[0]?.then, value: 'another value' }
  const vector = expecting({ ...vectors[0], id: 'XV-01' }, then)
  const matrix = { kind: 'parity_test_matrix', schemaVersion: 1, vectors: [vector] }
  await writeFile(join(cwd, 'my own.json'), JSON.stringify(matrix))
  const sides = ['--candidate', 'file', '--allow-same-kind', '--vectors', 'my own.json']
  const run = await runFf(['parity', 'run', ...sides, '--json'], { cwd })
  expect(run.status).toBe(20)
  const failed = getParity(run).vectors.find(({ id }) => id === 'XV-01')
  const again = failed?.detail?.reproduce ?? ''
  const { status, stdout } = await paste(again)
  expect([again, status]).toEqual([again, 20])
  expect(stdout).toMatch(/FAIL +XV-01/)
})

test('N6: the way out of a row that differs at one revision exists: PUT the right one again', async () => {
  const [issuer, file, held] = await Promise.all([
    openIssuer(),
    openFileTarget(),
    openDatabaseTarget('18'),
  ])
  const services = await Promise.all(
    [file, held].map((at) => startService({ ...at.env, ...issuer.env })),
  )
  const token = await issuer.token()
  const put = async (at: number, value: boolean): Promise<void> => {
    const body = JSON.stringify({ ...FLAG_BODY, default_value: value })
    const origin = services[at]?.origin ?? ''
    const { status } = await ask(origin, '/v1/flags/ff.n6', { method: 'PUT', token, body })
    expect([200, 201]).toContain(status)
  }
  await Promise.all([put(0, true), put(1, false)])
  const url = held.database?.url ?? ''
  const sides = ['--baseline', `file:${file.folder}`, '--candidate', url]
  const ways = [
    ['import', file.folder ?? '', '--database', url],
    ['parity', 'diff', ...sides],
  ]
  const run = async () => {
    const done = []
    for (const words of ways) {
      const ended = await runFf([...words, '--json'], { cwd })
      const next = getCheck(ended).items.find(({ id }) => id === 'flag_registry')?.next
      done.push([ended.status, next])
    }
    return done
  }
  const wayOut = expect.stringMatching(/PUT .*`ff serve`/)
  expect(await run()).toEqual([
    [20, wayOut],
    [20, wayOut],
  ])
  await put(0, true)
  expect(await run()).toEqual([
    [0, null],
    [0, null],
  ])
  await Promise.all(services.map((one) => one.stop()))
  await Promise.all([file.remove(), held.remove(), issuer.close()])
})

describe('N7: a missing file is called missing, by its name', () => {
  test.each([
    ['parity preflight', ['parity', 'preflight', 'no.json']],
    ['parity replay', ['parity', 'replay', 'no.json']],
    ['gate', ['gate', '--checklist', 'no.json']],
    ['probe list', ['probe', 'list', '--checklist', 'no.json']],
    ['artefacts validate', ['artefacts', 'validate', 'no.json']],
    ['checklist validate', ['checklist', 'validate', 'no.json']],
  ])('%s', async (_command, args) => {
    const { status, stdout, stderr } = await runFf(args, { cwd })
    expect(status).toBe(2)
    expect(`${stdout}${stderr}`).toMatch(/no\.json[^]*file_missing[ :(]+no such file/)
  })
})

describe('N8: a headline says the word of its exit code', () => {
  const PENDING = [21, expect.stringMatching(/^NOT READY {2}/m)] as const
  test('pending migrations are NOT READY', async () => {
    const { status, stdout } = await runFf(['migrate', 'status', '--database', database.url])
    expect([status, stdout]).toEqual(PENDING)
  })
  test('a dry run of a migration that finds nothing wrong ends 0', async () => {
    const args = ['migrate', 'up', '--dry-run', '--database', database.url]
    const { status, stdout } = await runFf(args)
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^PASS {2}/m)])
  })
})

describe('N9: a usage error is a sentence', () => {
  test.each([
    [['parity', 'run', 'a'], 'The command run takes no argument, and 1 was given.'],
    [['serve', 'a', 'b'], 'The command serve takes no argument, and 2 were given.'],
    [
      ['checklist', 'explain', 'A1', 'A2'],
      'The command explain takes at most 1, and 2 were given.',
    ],
    [
      ['parity', 'fuzz', '--runs', '0'],
      '--runs must be a whole number from 1 to 10000000, not "0".',
    ],
  ])('%j', async (args, sentence) => {
    const { status, stderr } = await runFf(args, { cwd })
    expect([status, stderr]).toEqual([2, expect.stringContaining(`ff: ${sentence}\n`)])
  })
})

test('N10: the HTML report of a comparison names both sides, the server and the time', async () => {
  const sides = ['--candidate', database.url, '--vector', 'PV-01']
  const { stdout } = await runFf(['parity', 'run', ...sides, '--format', 'html'], { cwd })
  expect(stdout).toMatch(/postgres:\/\/\/test_/)
  expect(stdout).toMatch(/PostgreSQL 18\.\d+/)
  expect(stdout).toMatch(/baseline[^]*candidate/i)
  expect(stdout).toMatch(/20\d\d-\d\d-\d\d[T ]\d\d:\d\d/)
})

test('N12: what npm says on Node 20 stands in the guide', async () => {
  const guide = await readFile(join(ROOT, 'docs/guides/install.md'), 'utf8')
  expect(guide).toMatch(/Node 20 npm also warns `EBADENGINE` for `cookie@/)
})

/** A word alone, a command, or an address cannot be folded. */
const UNFOLDED = /^ *(\S+|.*`.*`.*|\$ .*|.*\bff .*)$/
describe('N13: text fits the width', () => {
  test.each([
    ['checklist show'],
    ['config show --origin'],
    ['help settings'],
    ['parity fuzz --help'],
  ])('ff %s fits 40 columns, and has no wider line at 200 than 120', async (line) => {
    for (const [columns, most] of [
      ['40', 40],
      ['200', 120],
    ] as const) {
      const { status, stdout } = await runFf(line.split(' '), { cwd, env: { COLUMNS: columns } })
      const wide = stdout
        .split('\n')
        .filter((one) => one.length > most && !UNFOLDED.test(one) && !/^ {2}\w+ \(/.test(one))
      expect([status, wide]).toEqual([0, []])
    }
  })
})

test.each([
  [['checklist', 'explain', 'a11'], 'A1'],
  [['probe', 'run', 'Z3'], 'A3'],
  [['parity', 'run', '--vector', 'PV1'], 'PV-01'],
  [['parity', 'exhaustive', '--cell', 'verified/user/SP2/valid'], 'verified/user/SP-2/valid'],
])('an unknown id is answered with the nearest: %j', async (args, meant) => {
  const { status, stderr } = await runFf(args, { cwd })
  expect([status, stderr]).toEqual([2, expect.stringContaining(`Did you mean "${meant}"?`)])
})
