import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { adapters } from '../../src/composition.ts'
import type { EvidenceRecord } from '../../src/core/gate/types.ts'
import { connect, createDatabase, type TestDatabase, getUrl } from '../support/database.ts'
import { findLog, gateFolder } from '../support/gate-folder.ts'
import { hasPgDump } from '../support/pg-dump.ts'
import { type Run, runFf } from '../support/run-ff.ts'
import { flagLine, storeFolder, tenantLine } from '../support/store-folder.ts'

const ROWS = [
  flagLine('ff.a', 'boolean'),
  flagLine('ff.b', 'number'),
  tenantLine('T1', 'ff.a', { value: 'true' }),
  tenantLine('T1', 'ff.b', { value: '0.1' }),
  tenantLine('T2', 'ff.a', { value: 'false', note: '"as it was"' }),
]

let cwd = ''
let store = ''
let database: TestDatabase
let admin: pg.Client
const service = `svc_cli_${process.pid}`

beforeAll(async () => {
  cwd = await gateFolder()
  store = await storeFolder(ROWS)
  database = await createDatabase('15')
  admin = await connect('15', database.database)
  const env = { FF_DATABASE_URL: database.url }
  expect((await runFf(['migrate', 'up'], { env })).status).toBe(0)
  expect((await runFf(['import', store], { env })).status).toBe(0)
  await admin.query(`CREATE ROLE ${service} LOGIN IN ROLE ff_app`)
  const spec = { kind: 'postgres', url: database.url, name: 'target' } as const
  const identity = await adapters.identifyDatabase(spec, { oldest: 15, newest: 18 })
  const path = join(cwd, 'checklists/plan.json')
  const plan = JSON.parse(await readFile(path, 'utf8')) as object
  // Not production: B3 and others write to scratch databases of the same server.
  const named = { database: identity, environment: 'rehearsal' }
  await writeFile(path, JSON.stringify({ ...plan, ...named }))
})
afterAll(async () => {
  await admin.query(`DROP ROLE ${service}`)
  await admin.end()
  await database.drop()
  await Promise.all([cwd, store].map((folder) => rm(folder, { recursive: true, force: true })))
})

interface Probed extends Run {
  readonly records: readonly EvidenceRecord[]
}
/** Runs probes with their own log and the connection string of the service. */
async function probe(ids: readonly string[], options: Record<string, string>): Promise<Probed> {
  const evidence = await mkdtemp(join(cwd, 'evidence-'))
  const env = {
    FF_CODE_VERSION: 'sha256:x',
    FF_DATABASE_URL: getUrl('15', database.database, service),
  }
  const given = { store: `file:${store}`, evidence, ...options }
  const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, value])
  const run = await runFf(['probe', 'run', ...ids, '--format', 'json', ...args], { cwd, env })
  const text = await readFile(join(await findLog(evidence), 'evidence.ndjson'), 'utf8')
  const lines = text.split('\n').slice(0, -1)
  return { ...run, records: lines.map((line) => (JSON.parse(line) as Line).record) }
}
interface Line {
  readonly record: EvidenceRecord
}
const ALL = ['B1', 'B2', 'B3', 'B4', 'C1', 'C2', 'C4', 'C5', 'G2', 'I3']
const NOTHING_THERE = 'postgres://unknown@127.0.0.1:1/none'

test('a database with the rows of the store passes, and each planted fault is detected', async () => {
  const run = await probe(ALL, { scratch: getUrl('15', 'postgres') })
  const shown = ALL.map((id) => {
    const own = run.records.filter(({ item }) => item === id)
    const [measured] = own.filter(({ kind }) => kind === 'measurement')
    const outcomes = own.flatMap(({ control }) => (control === null ? [] : [control.outcome]))
    return [id, measured?.result, ...new Set(outcomes)]
  })
  // The runner is made now, and the trust file does not name it: nothing else is said.
  expect(run.stderr).toMatch(
    /^(Made a key .*\n)?The trust file does not name .*\nName its public key: .*\n$/,
  )
  // The dump is measured only where a pg_dump of the server's version is installed.
  const restored = hasPgDump('15') ? ['pass', 'detected'] : ['inconclusive']
  expect(shown).toEqual(
    ALL.map((id) => (id === 'I3' ? [id, ...restored] : [id, 'pass', 'detected'])),
  )
  expect(run.status).toBe(hasPgDump('15') ? 0 : 22)
  const { rows } = await admin.query(`SELECT FROM pg_database WHERE datname LIKE 'ff\\_scratch%'`)
  expect(rows).toEqual([])
}, 240_000)

test('a missing target is inconclusive, and names the setting', async () => {
  const nowhere = { database: NOTHING_THERE, scratch: NOTHING_THERE, store: 'file:/nowhere/at/all' }
  const run = await probe(ALL, nowhere)
  expect(run.status).toBe(22)
  expect(run.records.map(({ result }) => result)).toEqual(ALL.map(() => 'inconclusive'))
  for (const { example } of run.records)
    expect(example).toMatch(/cannot be reached: .+\. Check that/)
})
