import { execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { copyArtefacts, finished, ROOT, type Run, runFf, startFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { getCheck, edit, ERROR_FORM, toError, STACK } from './outcome.ts'

const WITHIN_MS = 6_000
const MOST_MEMORY_KB = 400_000
/** A smaller file has too few bytes to need much memory, so its run needs no process of its own. */
const LARGE_BYTES = 100_000

let folder = ''
let meter = ''
let matrix = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-bad-'))
  meter = join(folder, 'meter.cjs')
  await writeFile(
    meter,
    `process.on('exit', () => require('node:fs').writeFileSync(process.env.METER, String(process.resourceUsage().maxRSS)))`,
  )
  matrix = await readFile(join(ROOT, 'vectors/parity_test_matrix.json'), 'utf8')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Measured extends Run {
  readonly ms: number
  /** Null for a run in this process, whose memory is not that of the run alone. */
  readonly memoryKb: number | null
}
/** Runs the program in this process. */
async function timed(args: readonly string[]): Promise<Measured> {
  const started = performance.now()
  const run = await runFf(args)
  return { ...run, ms: performance.now() - started, memoryKb: null }
}
/** Runs the program with a memory meter, and kills it far beyond its time limit. */
async function measured(args: readonly string[]): Promise<Measured> {
  const reading = join(folder, `memory-${randomUUID()}`)
  const started = performance.now()
  const child = startFf(args, { env: { NODE_OPTIONS: `--require ${meter}`, METER: reading } })
  const bound = setTimeout(() => child.kill('SIGKILL'), WITHIN_MS + 1_000)
  const run = await finished(child)
  clearTimeout(bound)
  const ms = performance.now() - started
  return { ...run, ms, memoryKb: run.signal === null ? Number(await readFile(reading, 'utf8')) : 0 }
}

const MATRIX_HEAD = '{"kind":"parity_test_matrix","schemaVersion":1,"vectors":'
const bytes = (...parts: readonly (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)))

/** Situation, code, JSON pointer (may be empty) and content. */
type Case = readonly [situation: string, code: string, pointer: string, make: () => Buffer | string]
const CASES: readonly Case[] = [
  ['is empty', 'json_empty', '', () => ''],
  ['is blank', 'json_empty', '', () => ' \n\t '],
  ['is not JSON', 'json_malformed', '', () => 'vectors: []'],
  ['is cut off', 'json_malformed', '', () => matrix.slice(0, 20_000)],
  ['goes on after its end', 'json_malformed', '', () => `${matrix}{}`],
  ['has a comma too many', 'json_malformed', '', () => `${MATRIX_HEAD}[],}`],
  ['has a comment', 'json_malformed', '', () => `// vectors\n${matrix}`],
  ['holds NaN', 'json_malformed', '', () => `${MATRIX_HEAD}NaN}`],
  ['holds a raw line end in a text', 'json_malformed', '', () => `${MATRIX_HEAD}"a\nb"}`],
  ['begins with a byte order mark', 'json_malformed', '', () => `\uFEFF${matrix}`],
  ['is UTF-16', 'utf8_invalid', '', () => Buffer.from(`\uFEFF${matrix}`, 'utf16le')],
  [
    'has a byte that is not UTF-8',
    'utf8_invalid',
    '',
    () => bytes(MATRIX_HEAD, '"', [0xc3, 0x28], '"}'),
  ],
  [
    'has a surrogate encoded as UTF-8',
    'utf8_invalid',
    '',
    () => bytes(MATRIX_HEAD, '"', [0xed, 0xa0, 0x80], '"}'),
  ],
  ['is nested 100,000 deep', 'json_too_deep', '', () => '['.repeat(100_000)],
  [
    'is nested 100,000 deep in objects',
    'json_too_deep',
    '',
    () => `${MATRIX_HEAD}${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}`,
  ],
  [
    'has a member twice',
    'duplicate_member',
    '/schemaVersion',
    () => matrix.replace('"schemaVersion": 1', '"schemaVersion": 1, "schemaVersion": 1'),
  ],
  [
    'has a member twice, once escaped',
    'duplicate_member',
    '/vectors/0/title',
    () => matrix.replace('"title":', '"t\\u0069tle": "other", "title":'),
  ],
  [
    'has a lone surrogate',
    'lone_surrogate',
    '/vectors/0/title',
    () => matrix.replace(/"title": "[^"]*"/, '"title": "\\ud800"'),
  ],
  [
    'has a number that a double cannot hold',
    'number_not_canonical',
    '/vectors/1/given/tenant_overrides/0/value',
    () => matrix.replace('"value": 0.30000000000000004', '"value": 9007199254740993'),
  ],
  [
    'has a number beyond all doubles',
    'number_not_canonical',
    '/vectors/1/given/tenant_overrides/0/value',
    () => matrix.replace('"value": 0.30000000000000004', '"value": 1e400'),
  ],
  [
    'has U+0000 in a value',
    'nul_character',
    '/vectors/0/given/flags/0/default_value',
    () => matrix.replace('"default_value": "', '"default_value": "\\u0000'),
  ],
  [
    'has a time with another precision',
    'schema_pattern',
    '/vectors/0/given/now',
    () => matrix.replace('"now": "2026-01-15T09:00:00.000Z"', '"now": "2026-01-15T09:00:00Z"'),
  ],
  [
    'has an unknown member',
    'schema_additional_properties',
    '/vectors/0/constructor',
    () => matrix.replace('"title":', '"constructor": 1, "title":'),
  ],
  [
    'has a member called __proto__',
    'schema_additional_properties',
    '/vectors/0/__proto__',
    () => matrix.replace('"title":', '"__proto__": {"id": "PV-01"}, "title":'),
  ],
  ['is over 100 MB', 'file_too_large', '', () => `${MATRIX_HEAD}"${'a'.repeat(104_857_600)}"}`],
]

async function place(situation: string, content: Buffer | string): Promise<string> {
  const path = join(folder, `${situation.replaceAll(/[^a-z0-9]+/gi, '-')}.json`)
  await writeFile(path, content)
  return path
}

function expectBounded({ ms, memoryKb, stdout, stderr, signal }: Measured): void {
  expect(signal).toBeNull()
  expect(ms).toBeLessThan(WITHIN_MS)
  if (memoryKb !== null) expect(memoryKb).toBeLessThan(MOST_MEMORY_KB)
  expect(stdout + stderr).not.toMatch(STACK)
}

describe('a file that', () => {
  test.each(CASES)('%s is refused with %s', async (situation, code, pointer, make) => {
    const content = make()
    const path = await place(situation, content)
    const start = FULL || content.length >= LARGE_BYTES ? measured : timed
    const run = await start(['parity', 'run', '--vectors', path, '--format', 'json'])
    expect(run.status).toBe(2)
    expectBounded(run)
    const error = toError(run)
    expect(error).toMatchObject({ code: 'artefact_invalid', exitName: 'usage' })
    expect(error.details?.some((line) => line.includes(`${pointer}: ${code}`))).toBe(true)
    expect(run.stderr).toMatch(ERROR_FORM('artefact_invalid', 'usage'))
  })

  test('is invalid fails validation, with place and code', async () => {
    const paths: string[] = []
    for (const [situation, , , make] of CASES) paths.push(await place(situation, make()))
    const validated = await runFf(['artefacts', 'validate', ...paths, '--format', 'json'])
    expect(validated.status).toBe(2)
    expect(validated.stderr).not.toMatch(STACK)
    const { items, findings, exitName, verdict } = getCheck(validated)
    expect({ exitName, verdict }).toEqual({ exitName: 'usage', verdict: 'fail' })
    expect(items.map(({ state }) => state)).toEqual(CASES.map(() => 'fail'))
    const found = findings.map((one) => `${one.subject}#${one.pointer}: ${one.code}`)
    for (const [at, [, code, pointer]] of CASES.entries()) {
      expect(found).toContain(`${paths[at]}#${pointer}: ${code}`)
    }
  })

  test.each([
    ['null', 'null'],
    ['a list', '[]'],
    ['a text', '"parity_test_matrix"'],
    ['a number', '17'],
    ['an object without a kind', '{}'],
    ['an object of another kind', '{"kind":"constructor"}'],
    ['an object whose kind is not a string', '{"kind":{"kind":"parity_test_matrix"}}'],
  ])('is %s is no artefact', async (situation, text) => {
    const path = await place(situation, text)
    const [validated, run] = await Promise.all([
      runFf(['artefacts', 'validate', path, '--format', 'json']),
      runFf(['parity', 'run', '--vectors', path, '--format', 'json']),
    ])
    expect([validated.status, run.status]).toEqual([2, 2])
    expect(getCheck(validated).items[0]?.codes).toEqual(['kind_unknown'])
    expect(toError(run).code).toBe('artefact_invalid')
    expect(validated.stdout + validated.stderr + run.stderr).not.toMatch(STACK)
  })
})

describe('a path that', () => {
  const both = (path: string): Promise<readonly [Measured, Measured]> =>
    Promise.all([
      (FULL ? measured : timed)(['artefacts', 'validate', path, '--format', 'json']),
      measured(['parity', 'run', '--vectors', path, '--format', 'json']),
    ])

  test.each([
    ['does not exist', 'file_missing', () => join(folder, 'nowhere.json')],
    ['lies below a file', 'file_missing', () => join(meter, 'x.json')],
    ['is a folder', 'file_unreadable', () => folder],
    ['is a device without an end', 'file_unreadable', () => '/dev/zero'],
    ['is longer than any name', 'file_unreadable', () => join(folder, 'n'.repeat(300))],
  ])('%s is refused with %s', async (_situation, code, path) => {
    const [validated, run] = await both(path())
    expect([validated.status, run.status]).toEqual([2, 2])
    expectBounded(validated)
    expectBounded(run)
    expect(getCheck(validated).items[0]?.codes).toEqual([code])
    expect(toError(run).details?.join('\n')).toContain(code)
  })

  test('is a pipe without a writer is refused at once', async () => {
    const pipe = join(folder, 'pipe')
    await promisify(execFile)('mkfifo', [pipe])
    const child = startFf(['parity', 'run', '--vectors', pipe, '--format', 'json'])
    const bound = setTimeout(() => child.kill('SIGKILL'), WITHIN_MS)
    const run = await finished(child)
    clearTimeout(bound)
    expect(run).toMatchObject({ status: 2, signal: null })
  })

  test('is not readable is refused', async () => {
    const path = await place('secret', matrix)
    await chmod(path, 0o000)
    const ff = [process.execPath, join(ROOT, 'dist/bin/ff.js')]
    // Without capabilities the file mode also applies to root.
    const [program, before]: [string, string[]] =
      process.getuid?.() === 0
        ? ['setpriv', ['--bounding-set=-all', '--inh-caps=-all', ...ff]]
        : [process.execPath, ff.slice(1)]
    const asOrdinary = (args: readonly string[]): Promise<Run> => {
      const words = [...before, ...args, '--format', 'json']
      return finished(spawn(program, words, { cwd: folder, env: { PATH: process.env['PATH'] } }))
    }
    const validated = await asOrdinary(['artefacts', 'validate', path])
    const run = await asOrdinary(['parity', 'run', '--vectors', path])
    expect([validated.status, run.status]).toEqual([2, 2])
    expect(getCheck(validated).items[0]?.codes).toEqual(['file_unreadable'])
    expect(toError(run).details?.join('\n')).toContain('file_unreadable')
  })
})

describe('a file of 15 MB', () => {
  test.each([
    ['of one long text', () => `${MATRIX_HEAD}"${'a'.repeat(15_000_000)}"}`],
    ['of numbers', () => `${MATRIX_HEAD}[1${',1'.repeat(7_500_000)}]}`],
    ['of empty lists', () => `${MATRIX_HEAD}[[]${',[]'.repeat(5_000_000)}]}`],
    ['of one member again and again', () => `${MATRIX_HEAD}{"a":1${',"a":1'.repeat(2_500_000)}}}`],
    ['of one escape after the other', () => `${MATRIX_HEAD}"${'\\u0041'.repeat(2_500_000)}"}`],
    ['of one long number', () => `${MATRIX_HEAD}${'9'.repeat(15_000_000)}}`],
    ['of line ends, then a fault', () => `${MATRIX_HEAD}${'\n'.repeat(15_000_000)}?}`],
  ])('%s is refused within the limits of time and memory', async (situation, make) => {
    const path = await place(situation, make())
    const run = await measured(['parity', 'run', '--vectors', path, '--format', 'json'])
    expectBounded(run)
    expect(run.status).toBe(2)
    expect(toError(run).code).toBe('artefact_invalid')
    expect(run.stdout.length).toBeLessThan(1_000_000)
  })
})

describe.concurrent('every problem', () => {
  test('of one file is reported at once', async () => {
    const broken = matrix
      .replace('"title":', '"titel":')
      .replace('"value": 0.30000000000000004', '"value": null')
      .replace('"fixture": "JWT-EX-02"', '"fixture": "JWT-02"')
    const path = await place('three faults', broken)
    const validated = await runFf(['artefacts', 'validate', path, '--format', 'json'])
    expect(validated.status).toBe(2)
    const found = getCheck(validated).findings.map((one) => one.pointer)
    const pointers = [
      '/vectors/0/titel',
      '/vectors/0/title',
      '/vectors/1/given/tenant_overrides/0/value',
    ]
    for (const pointer of pointers) expect(found).toContain(pointer)
  })

  test('of several files is reported at once, and valid files pass', async () => {
    const paths = [
      await place('whole', matrix),
      await place('cut', matrix.slice(0, 99)),
      join(folder, 'gone.json'),
    ]
    const validated = await runFf(['artefacts', 'validate', ...paths, '--format', 'json'])
    expect(validated.status).toBe(2)
    expect(getCheck(validated).items.map(({ state }) => state)).toEqual(['pass', 'fail', 'fail'])
    const run = await runFf(['parity', 'run', '--format', 'json', '--vectors', ...paths.slice(1)])
    expect(run.status).toBe(2)
    const details = toError(run).details?.join('\n')
    for (const word of ['cut.json', 'json_malformed', 'gone.json', 'file_missing']) {
      expect(details).toContain(word)
    }
  })

  test('is reported with a hint, and with a trace only for --debug', async () => {
    const path = await place('for people', '{')
    const run = await runFf(['parity', 'run', '--vectors', path])
    expect(run).toMatchObject({ status: 2, stdout: '' })
    expect(run.stderr).toMatch(ERROR_FORM('artefact_invalid', 'usage'))
    expect(run.stderr).not.toMatch(STACK)
    const debug = await runFf(['parity', 'run', '--vectors', path, '--debug'])
    expect(debug.status).toBe(2)
    expect(debug.stderr).toMatch(STACK)
  })
})

describe.concurrent("the package's own artefacts", () => {
  const breaks: readonly [string, string, (path: string) => Promise<void>][] = [
    ['the vectors are missing', 'vectors/parity_test_matrix.json', (path) => rm(path)],
    ['the contract is cut off', 'contracts/cutover_parity_matrix.json', cutOff],
    [
      'H1: the contract lets the value differ',
      'contracts/cutover_parity_matrix.json',
      (path) =>
        edit(
          path,
          '"pointer": "/value",\n      "rule": "MUST_MATCH"',
          '"pointer": "/value",\n      "rule": "MAY_DIFFER"',
        ),
    ],
    [
      'H2: the contract lets every member of meta differ',
      'contracts/cutover_parity_matrix.json',
      (path) => edit(path, '"pointer": "/meta/backing_state"', '"pointer": "/meta/*"'),
    ],
    ['the schema contract is empty', 'contracts/persistence_schema.json', (p) => writeFile(p, '')],
    ['the fixtures are a folder', 'vectors/jwt/fixtures.json', asFolder],
    ['a migration is missing', 'contracts/migrations/0006_cutover.sql', (path) => rm(path)],
    [
      'a migration has no down part',
      'contracts/migrations/0002_flags.sql',
      (path) => edit(path, '-- ff:down', '-- down'),
    ],
    [
      'a foreign file is among the migrations',
      'contracts/migrations/0009_stray.sql',
      (path) => writeFile(path, '-- ff:up\n-- ff:down\n'),
    ],
    [
      'the folder of migrations is missing',
      'contracts/migrations',
      (p) => rm(p, { recursive: true }),
    ],
  ]
  async function cutOff(path: string): Promise<void> {
    await writeFile(path, (await readFile(path, 'utf8')).slice(0, 500))
  }
  async function asFolder(path: string): Promise<void> {
    await rm(path)
    await mkdir(path)
  }

  test.each(breaks)('%s: nothing is measured', async (_situation, file, change) => {
    const copy = await copyArtefacts()
    try {
      await change(join(copy.root, file))
      const [run, validated, doctor] = await Promise.all(
        [
          ['parity', 'run', '--candidate', 'file', '--allow-same-kind'],
          ['artefacts', 'validate'],
          ['doctor', '--format', 'json'],
        ].map((args) => runFf(args, { artefacts: copy.root })),
      )
      expect([run?.status, validated?.status, doctor?.status]).toEqual([2, 2, 2])
      const said = [run, validated, doctor].map((one) => `${one?.stdout}${one?.stderr}`)
      expect(said.join('\n')).not.toMatch(STACK)
      // A schema that refers to the missing one may be named instead.
      const named = file.includes('schemas') ? '.schema.json' : basename(file, '.sql')
      expect(said[0]).toContain(named)
    } finally {
      await copy.remove()
    }
  })

  test('the oracle is missing: only the vectors are measured', async () => {
    const copy = await copyArtefacts()
    try {
      await rm(join(copy.root, 'vectors/oracle_cells.json'))
      const ff = (command: string): Promise<Run> =>
        runFf(['parity', command, '--candidate', 'file', '--allow-same-kind', '--format', 'json'], {
          artefacts: copy.root,
        })
      const [cells, vectors] = await Promise.all([ff('exhaustive'), ff('run')])
      expect([cells.status, vectors.status]).toEqual([2, 0])
      expect(toError(cells).code).toBe('artefact_invalid')
    } finally {
      await copy.remove()
    }
  })
})
