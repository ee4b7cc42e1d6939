import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  connect,
  createDatabase,
  startServer,
  type TestDatabase,
  getUrl,
} from '../support/database.ts'
import { copyArtefacts, ROOT, type Run, runFf as runNow } from '../support/run-ff.ts'
import {
  getCheck,
  editJson,
  ERROR_FORM,
  toError,
  expecting,
  getParity,
  STACK,
  inTurns,
} from './outcome.ts'

const runFf = inTurns(runNow)

const FORMATS = ['text', 'json', 'junit'] as const

let folder = ''
let database: TestDatabase
let failing = ''
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'ff-output-')))
  database = await createDatabase('18')
  const text = await readFile(join(ROOT, 'vectors/parity_test_matrix.json'), 'utf8')
  const { vectors } = JSON.parse(text) as { vectors: { then: object }[] }
  const [first] = vectors
  const hostile = `<a b="c">&amp;'\u001b[31m\u0008]]><![CDATA[ \uFFFE 😀\n</testcase>`
  failing = join(folder, 'failing.json')
  const then = { ...first?.then, value: hostile }
  const vector = expecting({ ...first, id: 'XV-01', title: hostile }, then)
  await writeFile(
    failing,
    JSON.stringify({ kind: 'parity_test_matrix', schemaVersion: 1, vectors: [vector] }),
  )
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: XmlElement[]
}

const XML_TOKEN = /<(\/?)([A-Za-z][\w.-]*)((?:\s+[A-Za-z][\w.-]*="[^"<]*")*)\s*(\/?)>|([^<]+)/y
const XML_ESCAPE = /&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)/
const XML_FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udfff]/u

/** Parses the subset of XML that a report uses; throws where the text is not well-formed. */
function readXml(text: string): XmlElement {
  if (XML_FORBIDDEN.test(text)) throw new Error('a character that XML 1.0 forbids')
  if (XML_ESCAPE.test(text)) throw new Error('an ampersand without a reference')
  const [head = ''] = /^<\?xml version="1\.0" encoding="UTF-8"\?>\n/.exec(text) ?? []
  if (head === '') throw new Error('no XML declaration')
  const top: XmlElement = { name: '', attributes: {}, children: [] }
  const open: XmlElement[] = [top]
  for (XML_TOKEN.lastIndex = head.length; XML_TOKEN.lastIndex < text.length;) {
    const at = XML_TOKEN.lastIndex
    const token = XML_TOKEN.exec(text)
    if (token === null) throw new Error(`not well-formed at ${text.slice(at, at + 80)}`)
    const [, closes = '', name = '', attributes = '', empty = ''] = token
    if (closes !== '' && open.pop()?.name !== name) throw new Error(`</${name}> closes no element`)
    if (name === '' || closes !== '') continue
    const pairs = [...attributes.matchAll(/([\w.-]+)="([^"]*)"/g)].map(
      ([, key = '', value = '']) => [key, value] as const,
    )
    if (new Set(pairs.map(([key]) => key)).size !== pairs.length)
      throw new Error('a repeated attribute')
    const element: XmlElement = { name, attributes: Object.fromEntries(pairs), children: [] }
    open.at(-1)?.children.push(element)
    if (empty === '') open.push(element)
  }
  const [root] = top.children
  if (open.length !== 1 || top.children.length !== 1 || root === undefined)
    throw new Error('not exactly one root element')
  return root
}
const all = (element: XmlElement, name: string): readonly XmlElement[] => [
  ...(element.name === name ? [element] : []),
  ...element.children.flatMap((child) => all(child, name)),
]

describe.concurrent('the exit code is the same in every format', () => {
  const cases: readonly (readonly [string, number, () => readonly string[]])[] = [
    ['a pass', 0, () => ['parity', 'run', '--candidate', database.url]],
    ['a no-go', 20, () => ['parity', 'run', '--candidate', database.url, '--vectors', failing]],
    [
      'a part of the vectors',
      22,
      () => ['parity', 'run', '--candidate', database.url, '--vector', 'PV-01'],
    ],
    [
      'a time limit',
      124,
      () => ['parity', 'run', '--candidate', database.url, '--timeout', '0.01'],
    ],
    ['a usage fault', 2, () => ['parity', 'run', '--vector', 'PV-99']],
    ['a bad artefact', 2, () => ['artefacts', 'validate', '/nowhere.json']],
    ['something pending', 21, () => ['migrate', 'status', '--database', database.url]],
    ['a drift', 20, () => ['migrate', 'verify', '--database', database.url]],
    [
      'a server that is unreachable',
      22,
      () => ['doctor', '--format', 'json'], // With the environment below.
    ],
  ]
  test.each(cases)('%s is %s in text, JSON and JUnit', async (situation, status, args) => {
    const env = situation.startsWith('a server')
      ? { FF_DATABASE_URL: 'postgres://u@/d?host=/no' }
      : {}
    const runs = await Promise.all(
      FORMATS.map((format) => runFf([...args(), '--format', format], { env })),
    )
    expect(runs.map((run) => run.status)).toEqual([status, status, status])
    const [text, json, junit] = runs
    const { exitCode, error } = JSON.parse(json?.stdout ?? '') as {
      exitCode?: number
      error?: object
    }
    if (error === undefined) {
      expect(exitCode).toBe(status)
      expect(text?.stdout).toMatch(new RegExp(`exit ${status} \\([a-z_]+\\)\\n$`))
      const failures = Number(readXml(junit?.stdout ?? '').attributes['failures'])
      expect(failures > 0).toBe(status !== 0)
    } else {
      expect(text).toMatchObject({ stdout: '' })
    }
  })
})

describe.concurrent('JUnit', () => {
  test('a pass has 17 cases, its controls, and no failure', async () => {
    const done = await runFf(['parity', 'run', '--candidate', database.url, '--format', 'junit'])
    const root = readXml(done.stdout)
    const cases = all(root, 'testcase')
    const { controls } = getParity(
      await runFf(['parity', 'run', '--candidate', database.url, '--format', 'json']),
    )
    expect(
      cases.filter(({ attributes }) => /^P[VT]-\d\d /.test(attributes['name'] ?? '')),
    ).toHaveLength(17)
    expect(cases).toHaveLength(17 + controls.length)
    expect(root.attributes).toMatchObject({
      tests: String(cases.length),
      failures: '0',
      errors: '0',
    })
    expect(all(root, 'failure')).toEqual([])
  })

  test('a no-go has as many failures as it says, and hostile characters are escaped', async () => {
    const args = ['parity', 'run', '--candidate', database.url, '--vectors', failing]
    const done = await runFf([...args, '--format', 'junit'])
    expect(done.status).toBe(20)
    const root = readXml(done.stdout)
    const failures = all(root, 'failure')
    expect(failures).toHaveLength(1)
    expect(root.attributes['failures']).toBe('1')
    for (const suite of all(root, 'testsuite')) {
      expect(suite.attributes['tests']).toBe(String(all(suite, 'testcase').length))
      expect(suite.attributes['failures']).toBe(String(all(suite, 'failure').length))
    }
    const failed = all(root, 'testcase').filter(({ children }) => children.length > 0)
    expect(failed.map(({ attributes }) => attributes['name'])).toEqual([
      expect.stringMatching(/^XV-01 &lt;a b=&quot;c&quot;&gt;&amp;amp;/),
    ])
  })

  test('a skipped vector is no success', async () => {
    const args = ['parity', 'run', '--candidate', database.url, '--vector', 'PV-01']
    const root = readXml((await runFf([...args, '--format', 'junit'])).stdout)
    expect(all(root, 'failure')).toHaveLength(16)
  })
})

describe.concurrent('text', () => {
  const getColumns = (line: string): number => Array.from(line).length
  const getWidth = (text: string): number =>
    Math.max(...text.split('\n').map((line) => getColumns(line)))

  const onServer = () => ({ FF_DATABASE_URL: database.url })
  test.each<[string, () => readonly string[], () => Readonly<Record<string, string>>]>([
    ['parity run on the embedded default', () => ['parity', 'run'], () => ({})],
    ['parity run', () => ['parity', 'run', '--candidate', database.url], () => ({})],
    [
      'parity exhaustive',
      () => ['parity', 'exhaustive', '--candidate', 'file', '--allow-same-kind'],
      () => ({}),
    ],
    ['artefacts validate', () => ['artefacts', 'validate'], () => ({})],
    ['doctor', () => ['doctor'], onServer],
    ['doctor with settings', () => ['doctor'], () => ({ ...onServer(), FF_STORE_DIR: tmpdir() })],
    ['help exit-codes', () => ['help', 'exit-codes'], () => ({})],
    ['--help', () => ['--help'], () => ({})],
    ['parity run --help', () => ['parity', 'run', '--help'], () => ({})],
    ['migrate up --help', () => ['migrate', 'up', '--help'], () => ({})],
  ])('of %s fits 80 columns', async (_what, args, env) => {
    const done = await runFf(args(), { env: env() })
    expect(done.status).toBe(0)
    expect(done.stdout.split('\n').filter((line) => getColumns(line) > 80)).toEqual([])
    expect(getWidth(done.stdout)).toBeGreaterThan(20)
  })

  test('says each state in a word, with colour or without', async () => {
    const [plain, painted] = await Promise.all([
      runFf(['artefacts', 'validate']),
      runFf(['artefacts', 'validate', '--color']),
    ])
    expect(painted.stdout.replaceAll(/\u001b\[\d+m/g, '')).toBe(plain.stdout)
    expect(plain.stdout).toContain('PASS')
  })

  test('escapes the control characters of an artefact', async () => {
    const args = ['parity', 'run', '--candidate', database.url, '--vectors', failing]
    const done = await runFf(args)
    expect(done.status).toBe(20)
    expect(done.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/)
  })
})

describe.concurrent('colour', () => {
  const COLOR = /\u001b\[\d+m/
  test.each<[string, readonly string[], Readonly<Record<string, string>>, boolean]>([
    ['nothing is set, and stdout is no terminal', [], {}, false],
    ['FORCE_COLOR', [], { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR=0', [], { FORCE_COLOR: '0' }, false],
    ['NO_COLOR', [], { NO_COLOR: '1' }, false],
    ['NO_COLOR precedes FORCE_COLOR', [], { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    ['an empty NO_COLOR counts as unset', [], { NO_COLOR: '', FORCE_COLOR: '1' }, true],
    ['--color', ['--color'], {}, true],
    ['--color precedes NO_COLOR', ['--color'], { NO_COLOR: '1' }, true],
    ['--no-color', ['--no-color'], {}, false],
    ['--no-color precedes FORCE_COLOR', ['--no-color'], { FORCE_COLOR: '1' }, false],
  ])('%s', async (_situation, options, env, colored) => {
    const after = await runFf(['artefacts', 'validate', ...options], { env })
    // Without an option both would be the same line.
    const before =
      options.length === 0 ? after : await runFf([...options, 'artefacts', 'validate'], { env })
    expect([before.status, after.status]).toEqual([0, 0])
    expect([COLOR.test(before.stdout), COLOR.test(after.stdout)]).toEqual([colored, colored])
  })

  test.each(['json', 'junit'])('is never in %s', async (format) => {
    const done = await runFf(['artefacts', 'validate', '--format', format, '--color'])
    expect(done.status).toBe(0)
    expect(done.stdout).not.toMatch(COLOR)
  })
})

describe.concurrent('help', () => {
  const COMMANDS = [
    ['parity', 'run'],
    ['parity', 'exhaustive'],
    ['migrate', 'up'],
    ['migrate', 'down'],
    ['migrate', 'status'],
    ['migrate', 'verify'],
    ['migrate', 'new'],
    ['artefacts', 'validate'],
    ['doctor'],
    ['help'],
  ]
  test.each(COMMANDS.map((words) => [words.join(' '), words] as const))(
    'of %s has two examples',
    async (name, words) => {
      const [option, command] = await Promise.all([
        runFf([...words, '--help']),
        runFf(['help', ...words]),
      ])
      expect([option.status, command.status]).toEqual([0, 0])
      expect(option.stderr + command.stderr).toBe('')
      const examples = option.stdout.split('\n').filter((line) => line.startsWith('  $ ff '))
      expect(examples.length).toBeGreaterThanOrEqual(2)
      expect(examples.every((line) => line.startsWith(`  $ ff ${name}`))).toBe(true)
      if (name !== 'help') expect(command.stdout).toBe(option.stdout)
    },
  )

  test('lists every command', async () => {
    const top = await runFf(['--help'])
    for (const [word = ''] of COMMANDS) expect(top.stdout).toMatch(new RegExp(`^  ${word}\\b`, 'm'))
    for (const group of ['parity', 'migrate', 'artefacts']) {
      const { status, stdout } = await runFf([group, '--help'])
      expect(status).toBe(0)
      for (const [first, second] of COMMANDS) if (first === group) expect(stdout).toContain(second)
    }
  })

  test('has every exit code, by number and name', async () => {
    const done = await runFf(['help', 'exit-codes'])
    expect(done).toMatchObject({ status: 0, stderr: '' })
    const table: Readonly<Record<number, string>> = {
      0: 'ok',
      1: 'internal',
      2: 'usage',
      20: 'no_go',
      21: 'not_ready',
      22: 'inconclusive',
      23: 'untrusted',
      24: 'busy',
      124: 'timeout',
      130: 'SIGINT',
      143: 'SIGTERM',
    }
    for (const [code, name] of Object.entries(table)) {
      expect(done.stdout).toMatch(new RegExp(`^ *${code} .*\\b${name}\\b`, 'm'))
    }
  })

  test('the version is that of the package, alone', async () => {
    const text = await readFile(join(ROOT, 'package.json'), 'utf8')
    const { version } = JSON.parse(text) as { version: string }
    expect(await runFf(['--version'])).toMatchObject({
      status: 0,
      stdout: `${version}\n`,
      stderr: '',
    })
  })
})

describe.concurrent('a mistyped word', () => {
  test.each([
    [['partiy', 'run'], 'command_unknown', 'parity'],
    [['parity', 'rnu'], 'command_unknown', 'run'],
    [['parity', 'exhaustiv'], 'command_unknown', 'exhaustive'],
    [['migrate', 'stauts'], 'command_unknown', 'status'],
    [['docter'], 'command_unknown', 'doctor'],
    [['help', 'partiy'], 'command_unknown', 'parity'],
    [['help', 'parity', 'rnu'], 'command_unknown', 'run'],
    [['help', 'exit-code'], 'command_unknown', 'exit-codes'],
    [['parity', 'run', '--vektor', 'PV-01'], 'option_invalid', '--vector'],
    [['parity', 'run', '--candidat=file'], 'option_invalid', '--candidate'],
    [['--verison'], 'option_invalid', '--version'],
    [['parity', 'run', '--format', 'jsn'], 'option_invalid', 'json'],
    [['parity', 'run', '--output', 'jnuit=r.xml'], 'option_invalid', 'junit'],
  ] as const)('%j is a usage fault that names the nearest word', async (args, code, nearest) => {
    const done = await runFf(args)
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toMatch(ERROR_FORM(code, 'usage'))
    expect(done.stderr).toContain(nearest)
    expect(done.stderr).not.toMatch(STACK)
  })

  test.each([[[]], [['parity']], [['migrate']], [['help', 'parity', 'run', 'more']]])(
    '%j is no command',
    async (args) => {
      const done = await runFf(args)
      expect(done.status).toBe(2)
      expect(done.stderr).toContain('[command_unknown, exit usage]')
    },
  )

  test.each([
    [['parity', 'run', 'more']],
    [['doctor', 'more']],
    [['parity', 'run', '--candidate']],
    [['parity', 'run', '--vectors']],
    [['migrate', 'new']],
  ])('%j has a word too many or too few', async (args) => {
    const done = await runFf(args)
    expect(done).toMatchObject({ status: 2, stdout: '' })
    expect(done.stderr).toContain('[option_invalid, exit usage]')
  })

  test('is reported in JSON with --format json and --format=json', async () => {
    for (const args of [
      ['parity', 'run', '--vektor', 'x', '--format', 'json'],
      ['parity', 'run', '--vektor', 'x', '--format=json'],
    ]) {
      const done = await runFf(args)
      expect(done.status).toBe(2)
      expect(Object.keys(toError(done))).toEqual(
        expect.arrayContaining(['code', 'exitName', 'message', 'hint']),
      )
    }
  })
})

// One after the other, for each is in a directory of its own and a process has one.
describe('doctor and settings', () => {
  /** Two folders, one below the other, with a configuration in the upper. */
  async function below(config: string | null): Promise<string> {
    const home = await mkdtemp(join(folder, 'home-'))
    const place = join(home, 'a/b')
    await mkdir(place, { recursive: true })
    if (config !== null) await writeFile(join(home, 'ff.config.json'), config)
    return place
  }
  const json = (args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}) =>
    runFf([...args, '--format', 'json'], { cwd, env })

  test('doctor passes without configuration', async () => {
    const done = await json(['doctor'], await below(null))
    expect(done).toMatchObject({ status: 0, stderr: '' })
    const { items, verdict, kind, schemaVersion } = getCheck(done)
    expect({ verdict, kind, schemaVersion }).toEqual({
      verdict: 'pass',
      kind: 'doctor',
      schemaVersion: 1,
    })
    expect(items.length).toBeGreaterThan(3)
    expect(items.every(({ state }) => state === 'pass')).toBe(true)
  })

  test.each([
    ['an unknown key', '{"storeDri": "/tmp"}', 'storeDir'],
    ['a key of another spelling', '{"store_dir": "/tmp"}', 'storeDir'],
    [
      'a secret',
      '{"databaseUrl": "postgres://u:hunter2-secret@h/d"}',
      'FF_DATABASE_URL comes only from the environment',
    ],
    ['a number for a text', '{"storeDir": 1}', 'storeDir'],
    ['a key twice', '{"storeDir": "/a", "storeDir": "/b"}', 'ff.config.json'],
    ['a list', '[]', 'ff.config.json'],
    ['nothing', '', 'ff.config.json'],
    ['truncated JSON', '{"storeDir":', 'ff.config.json'],
    ['a name of Object.prototype', '{"constructor": "x"}', 'constructor'],
    ['a byte order mark', '\uFEFF{}', 'ff.config.json'],
  ])('%s in the configuration is a usage fault', async (_situation, config, named) => {
    const place = await below(config)
    for (const args of [
      ['doctor'],
      ['parity', 'run', '--candidate', 'file', '--allow-same-kind'],
      ['migrate', 'status'],
    ]) {
      const done = await json(args, place)
      expect(done.status).toBe(2)
      expect(done.stdout).toContain('setting_invalid')
      expect(done.stdout).toContain(named)
      expect(done.stdout + done.stderr).not.toMatch(STACK)
      expect(done.stdout + done.stderr).not.toContain('hunter2-secret')
    }
  })

  test('a configuration that is a folder is a usage fault', async () => {
    const place = await below(null)
    await mkdir(join(place, 'ff.config.json'))
    expect((await json(['doctor'], place)).status).toBe(2)
  })

  test('an unreachable database is inconclusive, and its password is not shown', async () => {
    const env = { FF_DATABASE_URL: 'postgres://ff:hunter2-secret@127.0.0.1:1/d' }
    const done = await json(['doctor', '--debug'], await below(null), env)
    expect(done.status).toBe(22)
    const broken = getCheck(done).items.filter(({ state }) => state !== 'pass')
    expect(broken).toMatchObject([{ id: 'candidate', state: 'inconclusive' }])
    expect(broken[0]?.next).not.toBeNull()
    expect(done.stdout + done.stderr).not.toContain('hunter2-secret')
  })

  test('a server of the wrong version is a usage fault', async () => {
    await startServer('13')
    const done = await json(['doctor'], folder, { FF_DATABASE_URL: getUrl('13', 'postgres') })
    expect(done.status).toBe(2)
    expect(getCheck(done).items.flatMap(({ codes }) => codes)).toEqual([
      'server_version_unsupported',
    ])
  })

  test('the option precedes the environment, the file and the default', async () => {
    const good = await mkdtemp(join(folder, 'good-'))
    const bad = join(folder, 'not-there')
    const run = (cwd: string, storeDir: string | null, options: readonly string[]) =>
      json(['parity', 'run', '--candidate', 'file', '--allow-same-kind', ...options], cwd, {
        ...(storeDir !== null && { FF_STORE_DIR: storeDir }),
      })
    const [badFile, goodFile, noFile] = [
      await below(JSON.stringify({ storeDir: bad })),
      await below(JSON.stringify({ storeDir: good })),
      await below(null),
    ]
    const statuses: (number | null)[] = []
    const cases: readonly Parameters<typeof run>[] = [
      [noFile, null, []],
      [badFile, null, []],
      [badFile, good, []],
      [goodFile, bad, []],
      [goodFile, bad, ['--baseline', `file:${good}`]],
      [goodFile, good, ['--baseline', `file:${bad}`]],
      [goodFile, '', []],
    ]
    for (const args of cases) statuses.push((await run(...args)).status)
    expect(statuses).toEqual([0, 22, 0, 22, 0, 22, 0])
  })

  test('--candidate precedes FF_DATABASE_URL', async () => {
    const env = { FF_DATABASE_URL: 'postgres://u@127.0.0.1:1/d' }
    const args = ['parity', 'run', '--candidate', database.url]
    expect((await json(args, folder, env)).status).toBe(0)
    expect((await json(['parity', 'run'], folder, env)).status).toBe(22)
  })

  test('the check leaves no scratch state', async () => {
    const own = await createDatabase('18')
    await json(['doctor'], folder, { FF_DATABASE_URL: own.url })
    const client = await connect('18', own.database)
    const { rows } = await client.query("SELECT nspname FROM pg_namespace WHERE nspname ~ '^ff'")
    await client.end()
    await own.drop()
    expect(rows).toEqual([])
  })

  test('broken artefacts are a usage fault', async () => {
    const copy = await copyArtefacts()
    await editJson<{ vectors: object[] }>(
      join(copy.root, 'vectors/parity_test_matrix.json'),
      ({ vectors }) => void vectors.pop(),
    )
    const done: Run = await runFf(['doctor', '--format', 'json'], { artefacts: copy.root })
    await copy.remove()
    expect(done.status).toBe(2)
    expect(getCheck(done).items.find(({ id }) => id === 'artefacts')?.state).toBe('fail')
  })
})
