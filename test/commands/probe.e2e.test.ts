import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { validateSchema } from '../../src/artefacts/schemas.ts'
import type { EvidenceRecord } from '../../src/core/gate/types.ts'
import { openEvidenceLog } from '../../src/adapters/evidence-log/opened-log.ts'
import { findLog, gateFolder, toNeeds } from '../support/gate-folder.ts'
import { runFf } from '../support/run-ff.ts'
import { COMMAND_CONTROLS } from '../core/gate/builders.ts'

let cwd = ''
beforeEach(async () => {
  cwd = await gateFolder()
})
afterEach(() => rm(cwd, { recursive: true, force: true }))

const ff = (...args: string[]) => runFf(args, { cwd, env: { FF_CODE_VERSION: 'sha256:x' } })
const readLog = async (): Promise<string> =>
  readFile(join(await findLog(join(cwd, '.ff/evidence')), 'evidence.ndjson'), 'utf8')
async function records(): Promise<readonly EvidenceRecord[]> {
  const text = await readLog()
  const lines = text.trimEnd().split('\n')
  return lines.map((line) => (JSON.parse(line) as { record: EvidenceRecord }).record)
}
const LIMIT = { measure: 'exit_status', op: 'equals', value: 0, unit: 'status' }
/** Replaces a probe by a command of the team. */
async function replaced(id: string, argv: readonly string[], control_argv: readonly string[]) {
  const path = join(cwd, 'checklists/cutover_readiness_checklist.json')
  const checklist = JSON.parse(await readFile(path, 'utf8')) as { items: { id: string }[] }
  const probe = { name: 'command', version: 1, params: { argv, control_argv, timeout_s: 1 } }
  const own = {
    kind: 'command',
    probe,
    limits: [LIMIT],
    controls: COMMAND_CONTROLS,
    min_sample: 1,
  }
  const items = checklist.items.map((one) => (one.id === id ? { ...one, ...own } : one))
  await writeFile(path, JSON.stringify({ ...checklist, items }))
}
const node = (script: string): readonly string[] => [process.execPath, '-e', script]
const FAILS = node('process.exit(3)')

describe('a command of the team', () => {
  test.each([
    ['that ends 0', node('process.exit(0)'), FAILS, 0, 'pass', []],
    ['that ends with another status', node('process.exit(7)'), FAILS, 20, 'fail', ['limit_broken']],
    ['that ends 22', node('process.exit(22)'), FAILS, 22, 'inconclusive', ['command_unanswered']],
    [
      'that is ended by a signal',
      node('process.kill(process.pid, "SIGKILL")'),
      FAILS,
      22,
      'inconclusive',
      ['command_unanswered'],
    ],
    ['that cannot start', ['./not-there'], FAILS, 22, 'inconclusive', ['command_unanswered']],
    [
      'that exceeds its time limit',
      node('setTimeout(() => 0, 60000)'),
      FAILS,
      22,
      'inconclusive',
      ['command_unanswered'],
    ],
    ['with characters of shell syntax', ['echo', '$(exit 1); exit 1'], FAILS, 0, 'pass', []],
  ] as const)('%s', async (_what, argv, control, status, result, codes) => {
    await replaced('A3', argv, control)
    const run = await ff('probe', 'run', 'A3')
    expect([run.status, run.stdout.split('\n')[0]]).toEqual([status, 'ff probe run'])
    const [measured, ...controls] = await records()
    expect(measured).toMatchObject({ item: 'A3', result, codes, seq: 1 })
    expect(controls.map(({ limit, control: one }) => [limit, one?.outcome])).toEqual(
      result === 'inconclusive' ? [] : [['exit_status', 'detected']],
    )
  })
  test.each([
    ['holds', [...node('process.exit(0)'), 'with a fault'], 'control_not_detected'],
    ['cannot start', ['./not-there'], 'control_not_run'],
  ] as const)('whose control %s is inconclusive, and says so', async (_what, control, code) => {
    await replaced('A3', node('process.exit(0)'), control)
    const run = await ff('probe', 'run', 'A3')
    expect([run.status, run.stdout]).toEqual([22, expect.stringContaining(code)])
    expect(run.stdout).toContain('ff probe selftest A3')
    expect((await records()).map(({ kind, codes }) => [kind, codes])).toEqual([
      ['measurement', []],
      ['control', [code]],
    ])
  })
  test('is refused for an item that cannot be waived', async () => {
    await replaced('A1', node('process.exit(0)'), FAILS)
    const run = await ff('probe', 'run', 'A1')
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('[checklist_loosened,')])
  })
})

test('a runner without a key gets one, readable by its owner only, with a note', async () => {
  const first = await ff('probe', 'run', 'J1')
  expect(first.stderr).toMatch(/Made a key for this runner in .*runner\.pem\.\n/)
  expect(first.stderr).toMatch(/trust file does not name this runner, [\w-]{43}, /)
  expect((await stat(join(cwd, '.ff/runner.pem'))).mode & 0o777).toBe(0o600)
  expect((await readFile(join(cwd, '.ff/.gitignore'), 'utf8')).split('\n')).toContain('runner.pem')
  const again = await ff('probe', 'run', 'J1')
  expect([again.status, again.stderr]).toEqual([0, expect.not.stringContaining('Made')])
  expect(again.stderr).toContain('does not name this runner')
  const kept = (await records()).map(({ seq, kind }) => [seq, kind])
  const controls = 6
  expect(kept).toHaveLength(2 * (1 + controls))
  expect(kept.filter(([, kind]) => kind === 'measurement')).toEqual([
    [1, 'measurement'],
    [2 + controls, 'measurement'],
  ])
})

test('two at once: the second ends busy', async () => {
  const folder = join(cwd, '.ff/evidence')
  await mkdir(folder, { recursive: true })
  const key = { path: join(cwd, '.ff/runner.pem'), make: true }
  const shapes = { isLine: () => true, isHead: () => true }
  const { writer } = await openEvidenceLog(folder, { ...toNeeds(shapes), key })
  const run = await ff('probe', 'run', 'J1')
  await writer.close()
  expect([run.status, run.stderr]).toEqual([24, expect.stringContaining('evidence_locked')])
})

test.each([
  ['an unknown item', ['probe', 'run', 'Z9'], 2, 'no item Z9'],
  [
    'scratch on another machine',
    ['probe', 'run', 'J1', '--scratch', 'postgres://db.example/x'],
    2,
    'this machine',
  ],
  [
    'a service as scratch',
    ['probe', 'run', 'J1', '--scratch', 'http://127.0.0.1:8080'],
    2,
    'not a PostgreSQL',
  ],
  ['--repeat 0', ['probe', 'run', 'J1', '--repeat', '0'], 2, '--repeat'],
  ['a key that is missing', ['probe', 'run', 'J1'], 2, 'runner_key_invalid'],
])('%s', async (what, args, status, text) => {
  const env: Record<string, string> = what.startsWith('a key')
    ? { FF_RUNNER_KEY_FILE: './none.pem' }
    : {}
  const run = await runFf(args, { cwd, env })
  expect([run.status, run.stderr]).toEqual([status, expect.stringContaining(text)])
})

test('the list has all 42, each with a probe', async () => {
  const run = await ff('probe', 'list', '--format', 'json')
  const rows = JSON.parse(run.stdout) as { needs: string | null }[]
  expect([run.status, rows.length]).toEqual([0, 42])
  expect(rows.filter(({ needs }) => needs !== null)).toEqual([])
})

test('the report fits its schema', async () => {
  const run = await ff('probe', 'run', 'J1', '--format', 'json')
  expect(validateSchema('check-report', JSON.parse(run.stdout), '')).toEqual([])
})

test('a selftest reports the controls, also those of a served endpoint', async () => {
  const run = await ff('probe', 'selftest', 'A1', 'H1')
  expect(run.status).toBe(0)
  const kept = (await records()).map((one) => [one.item, one.limit, one.kind, one.control?.outcome])
  const detected = (item: string, ...limits: string[]) =>
    limits.map((limit) => [item, limit, 'control', 'detected'])
  expect(kept).toEqual([
    ...detected('A1', 'forged_accepted', 'attacker_key_requests', 'valid_accepted'),
    ...detected('H1', 'metrics_missing', 'metrics_still', 'slowest_s'),
  ])
})
