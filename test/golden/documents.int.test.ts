import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { FAULT_CATALOGUE } from '../../src/features/selftest/catalogue.ts'
import { auditedFolder, runnerIn } from '../support/audited.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { ROOT } from '../support/run-ff.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { type SignedFolder, signedFolder } from '../support/signed-folder.ts'
import { documentShape } from './shape.ts'

// Files share a process: the mock applies to what is loaded from here on, and to no later file.
vi.hoisted(() => vi.resetModules())
afterAll(() => vi.resetModules())

/**
 * A selftest plants some 290 faults; one of each kind gives the same document shape. The proof by cells takes half of the
 * time and adds a name only, which selftest.e2e.test.ts checks.
 */
vi.mock(import('../../src/features/selftest/catalogue.ts'), async (original) => {
  const { FAULT_CATALOGUE: all } = await original()
  const kinds = new Set<string>(['cells'])
  const some = all.filter(({ proof }) => !kinds.has(proof) && kinds.add(proof).has(proof))
  return { FAULT_CATALOGUE: some satisfies typeof FAULT_CATALOGUE }
})

let database: TestDatabase
let team: SignedFolder
let cwd = ''
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ff-golden-'))
  await auditedFolder(join(cwd, 'store'))
  await runnerIn(cwd, 'ci')
  const request = { flag_key: 'ff.a', request_id: 'r' }
  const recorded = JSON.stringify({ request, now: '2026-01-15T09:00:00.000Z' })
  await writeFile(join(cwd, 'requests.ndjson'), recorded)
  database = await createDatabase('18')
  team = await signedFolder({ waived: true })
})
afterAll(async () => {
  await database.drop()
  await rm(cwd, { recursive: true })
  await rm(team.cwd, { recursive: true })
})

/** Placeholders in command lines for folders that are known only at run time. */
const fill = (word: string): string =>
  word.replace('$EXAMPLE', join(ROOT, 'contracts/examples/incumbent')).replace('$HERE', cwd)

/** One run of each command that writes a document, ordered by their inputs. */
const RUNS: readonly (readonly [args: string, schema: string | null, status: number])[] = [
  ['migrate up', 'check-report', 0],
  ['migrate status', 'check-report', 0],
  ['migrate verify', 'check-report', 0],
  ['import $HERE/store', 'check-report', 0],
  [
    'import $EXAMPLE/flags.json --mapping $EXAMPLE/mapping.json --into file:$HERE/mapped',
    'check-report',
    0,
  ],
  ['export $HERE/store-again', 'check-report', 0],
  ['parity diff --baseline file:$HERE/store', 'check-report', 0],
  ['parity replay $HERE/requests.ndjson --baseline file:$HERE/store', 'parity-report', 0],
  ['parity run --candidate file --allow-same-kind', 'parity-report', 0],
  [
    'parity exhaustive --candidate file --allow-same-kind --cell verified/user/SP-2/valid',
    'parity-report',
    22,
  ],
  ['parity fuzz --candidate file --allow-same-kind --runs 20 --seed 1', 'check-report', 0],
  ['parity selftest --candidate file', 'check-report', 0],
  ['parity preflight $EXAMPLE/flags.json', 'check-report', 20],
  ['jwks check', 'check-report', 0],
  ['jwks fetch https://127.0.0.1:1/jwks', 'check-report', 22],
  ['token verify --signature-only --explain', 'check-report', 20],
  ['artefacts validate', 'check-report', 0],
  ['config show --origin', 'settings', 0],
  ['doctor', 'check-report', 0],
  ['audit tail --store file:$HERE/store --lines 1', 'audit-record', 0],
  ['audit verify --store file:$HERE/store', 'check-report', 0],
  ['audit export --store file:$HERE/store --out $HERE/worm --key $HERE/ci.pem', 'check-report', 0],
  ['cutover plan --store file:$HERE/store', 'cutover-steps', 0],
  ['cutover status --store file:$HERE/store', 'cutover-status', 0],
  ['cutover reconcile --dry-run --store file:$HERE/store', 'cutover-reconciliation', 20],
  ['migrate down --dry-run', 'check-report', 0],
  ['parity run --vector PV-99', 'error', 2],
]
/** Runs in a team folder with both signatures. */
const TEAM_RUNS: typeof RUNS = [
  ['checklist validate', 'check-report', 0],
  ['checklist show', 'cutover-readiness-checklist', 0],
  ['checklist explain A1', null, 0],
  ['checklist diff', null, 0],
  ['probe list', null, 0],
  ['trust show', 'check-report', 0],
  ['signoff verify', 'check-report', 0],
  ['waiver lint', 'check-report', 0],
  ['waiver list', 'check-report', 0],
  ['gate --decision $HERE/decision.json', 'gate-report', 0],
  ['report', 'gate-report', 0],
  [
    'gate --offline $HERE/decision.json --environment production --cutover flags-to-postgres --attempt 1',
    'gate-report',
    0,
  ],
  ['probe run A2', 'check-report', 0],
  ['probe selftest A2', 'check-report', 0],
]

test('the documents of all commands match the golden copy (npm run golden rewrites it)', async () => {
  const shapes: Record<string, object> = {}
  const play = async (runs: typeof RUNS, where: { cwd: string; env: Record<string, string> }) => {
    for (const [line, schema, status] of runs) {
      const format = line.startsWith('audit tail') ? 'ndjson' : 'json'
      const args = [...line.split(' ').map(fill), '--format', format]
      const run = await runInProcess(args, { ...where, input: 'a.b.c' })
      expect(run.status, `${line}: ${run.stdout.slice(0, 2_000)}${run.stderr}`).toBe(status)
      shapes[line] = documentShape(JSON.parse(run.stdout), schema)
    }
  }
  await play(RUNS, { cwd, env: { FF_DATABASE_URL: database.url } })
  await play(TEAM_RUNS, { cwd: team.cwd, env: team.env })
  const decision = await readFile(join(cwd, 'decision.json'), 'utf8')
  shapes['decision.json'] = documentShape(JSON.parse(decision), 'decision-file')
  const head = (await readdir(join(cwd, 'worm'))).find((name) => name.endsWith('.head.json'))
  const headText = await readFile(join(cwd, 'worm', head ?? ''), 'utf8')
  shapes['head.json'] = documentShape(JSON.parse(headText), 'audit-head')
  await expect(`${JSON.stringify(shapes, null, 1)}\n`).toMatchFileSnapshot('documents.json')
}, 120_000)
