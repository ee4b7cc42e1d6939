import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createStore, FileStore } from '../../src/adapters/file-store/file-store.ts'
import { COMMANDS } from '../../src/commands/declarations/index.ts'
import { takesJson } from '../../src/commands/declarations/row.ts'
import { EXIT_STATUSES } from '../../src/core/exit.ts'
import { FILE_SETTINGS, SETTINGS, toFileKey } from '../../src/core/settings/settings.ts'
import { flagRow } from '../core/builders.ts'
import { ROOT, runFf } from '../support/run-ff.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { shared } from '../support/shared.ts'

const FOLDER = join(ROOT, 'contracts/schemas')
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.schema.json'))
const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(FOLDER, name), 'utf8'))

// Stricter than at run time: unknown keywords and formats are errors, and each schema is validated by the metaschema.
const ajv = new Ajv2020({
  allErrors: true,
  strict: true,
  strictTypes: false,
  strictRequired: false,
})
for (const name of files) ajv.addSchema(read(name))

function breaches(schema: string, value: unknown): readonly unknown[] {
  const validate = ajv.getSchema(`${schema}.schema.json`)
  if (validate === undefined) throw new Error(`there is no schema ${schema}`)
  return validate(value) === true ? [] : (validate.errors ?? [])
}

/** Two stores that differ in one flag, and a recorded request for it. */
const folder = mkdtempSync(join(tmpdir(), 'ff-schemas-'))
const [ours, theirs, requests] = ['a', 'b', 'c'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
]
const SIDES = ['--baseline', `file:${ours}`, '--candidate', `file:${theirs}`]
const REPLAY = ['parity', 'replay', requests, ...SIDES]
const ON_FILES = ['parity', 'run', '--candidate', 'file', '--allow-same-kind']
const INCUMBENT = join(ROOT, 'contracts/examples/incumbent')
const INTO = ['--into', `file:${join(folder, 'd')}`, '--dry-run']
const MAPPED = [
  'import',
  join(INCUMBENT, 'flags.json'),
  '--mapping',
  join(INCUMBENT, 'mapping.json'),
]
/** Reports that a run makes once. */
const SHARED = [
  ['a parity run', 'parity-report', 'parity-run'],
  ['an exhaustive run', 'parity-report', 'exhaustive'],
  ['a selftest', 'check-report', 'selftest'],
] as const

let database: TestDatabase
beforeAll(async () => {
  // Started while the other cases run; a failure is that of its case.
  for (const [, , name] of SHARED) shared(name).catch(() => undefined)
  database = await createDatabase('18')
  const rows = { tenant_override: [], user_override: [] }
  for (const [path, revision] of [
    [ours, 1],
    [theirs, 2],
  ] as const) {
    await createStore(path)
    const store = await FileStore.open(path, { digestKey: new Uint8Array(32), phase: 'file' })
    await store.load({ ...rows, flag_registry: [flagRow({ revision })] })
    await store.close()
  }
  const request = { flag_key: flagRow().flag_key, request_id: 'r' }
  writeFileSync(requests, JSON.stringify({ request, now: '2026-01-15T09:00:00.000Z' }))
})
afterAll(async () => {
  await database.drop()
  rmSync(folder, { recursive: true })
})

describe('the schemas', () => {
  test('there are schemas', () => expect(files.length).toBeGreaterThan(10))
  test.each(files)('%s is a schema of draft 2020-12 under its own name', (name) => {
    expect(read(name)['$id']).toBe(name)
    expect(ajv.getSchema(name)).toBeTypeOf('function')
  })
})

describe('the --format json document fits its schema', () => {
  test.each([
    ['a narrowed parity run', 'parity-report', [...ON_FILES, '--vector', 'PT-05'], 22],
    ['a replay', 'parity-report', REPLAY, 20],
    ['an artefact check', 'check-report', ['artefacts', 'validate'], 0],
    [
      'a failing artefact check',
      'check-report',
      ['artefacts', 'validate', join(ROOT, 'package.json')],
      2,
    ],
    ['a doctor', 'check-report', ['doctor'], 0],
    [
      'a fuzz',
      'check-report',
      ['parity', 'fuzz', '--candidate', 'file', '--allow-same-kind', '--runs', '20'],
      0,
    ],
    ['a preflight', 'check-report', ['parity', 'preflight', join(ROOT, 'package.json')], 0],
    ['a mapped import', 'check-report', [...MAPPED, ...INTO], 0],
    ['the settings', 'settings', ['config', 'show', '--origin'], 0],
    ['a checklist', 'cutover-readiness-checklist', ['checklist', 'show'], 0],
    ['an item', 'checklist-item', ['checklist', 'explain', 'E5'], 0],
    ['the departures of a checklist', 'checklist-diff', ['checklist', 'diff'], 0],
    ['the probes', 'probe-list', ['probe', 'list'], 0],
    ['a probe of scratch', 'probe-explanation', ['probe', 'explain', 'A1'], 0],
    ['a probe of staging', 'probe-explanation', ['probe', 'explain', 'D1'], 0],
    ['a probe with a limit of yes or no', 'probe-explanation', ['probe', 'explain', 'D4'], 0],
    ['the version', 'version', ['version'], 0],
    ['a mode matrix', 'check-report', ['jwks', 'check'], 0],
    ['a key server', 'check-report', ['jwks', 'fetch', 'https://127.0.0.1:1/jwks'], 22],
    ['a token', 'check-report', ['token', 'verify', '--signature-only', '--explain'], 20],
    ['a gate', 'gate-report', ['gate'], 22],
    ['a report of the gate', 'gate-report', ['report'], 22],
    ['a trust file', 'check-report', ['trust', 'show'], 22],
    ['waivers', 'check-report', ['waiver', 'lint'], 0],
    ['an observation', 'observation-report', ['observe', 'status'], 21],
    ['an error', 'error', ['parity', 'run', '--vector', 'PV-99'], 2],
  ])('%s', async (_what, schema, args, status) => {
    const env = { FF_DATABASE_URL: database.url }
    const run = await runFf([...args, '--format', 'json'], { env, input: 'a.b.c' })
    expect(run.status).toBe(status)
    expect(breaches(schema, JSON.parse(run.stdout))).toEqual([])
  })

  test.each(SHARED)(
    '%s',
    async (_what, schema, name) => {
      const run = await shared(name)
      expect(run.status).toBe(0)
      expect(breaches(schema, JSON.parse(run.stdout))).toEqual([])
    },
    240_000, // A whole selftest plants some 270 faults.
  )
})

/** The schema of each JSON document that is no report. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  'checklist show': 'cutover-readiness-checklist',
  'checklist explain': 'checklist-item',
  'checklist diff': 'checklist-diff',
  'probe list': 'probe-list',
  'probe explain': 'probe-explanation',
  'audit ship': 'audit-ship',
  'audit redrive': 'audit-redrive',
  'cache stats': 'cache-stats',
  'config show': 'settings',
  version: 'version',
  'cutover plan': 'cutover-steps',
  'cutover status': 'cutover-status',
  'cutover advance': 'cutover-step',
  'cutover rollback': 'cutover-step',
  'cutover drill': 'cutover-drill',
  'cutover reconcile': 'cutover-reconciliation',
  'observe status': 'observation-report',
}
test('each command with the format json writes a report or a document with a schema', () => {
  const written = COMMANDS.flatMap(({ noun, commands }) =>
    commands
      .filter(
        (row) => takesJson(row) && !row.options.some(({ flags }) => flags.startsWith('--output ')),
      )
      .map(({ name }) => (noun === null ? name : `${noun} ${name}`)),
  )
  expect(written.sort()).toEqual(Object.keys(DOCUMENTS).sort())
  expect(Object.values(DOCUMENTS).filter((name) => !files.includes(`${name}.schema.json`))).toEqual(
    [],
  )
})

test('the schema of reports lists the exits of the table', () => {
  const { properties } = read('parity-report.schema.json') as {
    properties: { exitName: { enum: string[] }; exitCode: { enum: number[] } }
  }
  expect(properties.exitName.enum).toEqual(Object.keys(EXIT_STATUSES))
  expect(properties.exitCode.enum).toEqual(Object.values(EXIT_STATUSES).map(([status]) => status))
})

test('the schema of ff.config.json has exactly the settings of a file', () => {
  const { properties } = read('config.schema.json') as { properties: object }
  expect(Object.keys(properties)).toEqual(['$schema', ...FILE_SETTINGS.map(toFileKey)])
})

test('the schema of ff config show names every setting', () => {
  const { $defs } = read('settings.schema.json') as { $defs: { name: { enum: string[] } } }
  expect($defs.name.enum).toEqual(Object.keys(SETTINGS))
})
