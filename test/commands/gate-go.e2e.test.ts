import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GateReport } from '../../src/core/report/types.ts'
import { runGateCheck as gateHere } from '../../src/features/gate/gate.ts'
import { FfError } from '../../src/errors.ts'
import { flipped } from '../support/flipped.ts'
import {
  ADAPTERS,
  measureAgain,
  requestIn,
  type SignedFolder,
  signedFolder,
  signFolder,
} from '../support/signed-folder.ts'
import { type Run, runFf, type RunOptions } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'

let go: SignedFolder
let waived: SignedFolder
beforeAll(async () => {
  go = await signedFolder()
  waived = await signedFolder({ waived: true })
})
afterAll(() =>
  Promise.all([go, waived].map(({ cwd }) => rm(cwd, { recursive: true, force: true }))),
)

type Place = Pick<RunOptions, 'env' | 'now'>
const gate = (
  folder: SignedFolder,
  args: readonly string[] = [],
  { env = {}, ...place }: Place = {},
): Promise<Run> =>
  runFf(['gate', ...args], { cwd: folder.cwd, env: { ...folder.env, ...env }, ...place })
const told = async (folder: SignedFolder, place: Place = {}): Promise<GateReport> =>
  JSON.parse((await gate(folder, ['--format', 'json'], place)).stdout) as GateReport
const later = (ms: number): string => new Date(Date.now() + ms).toISOString()
const HOUR_MS = 3_600_000

describe('42 records of a trusted runner, and two signatures', () => {
  test('are a GO until the first of them is stale, and the report names what expires next', async () => {
    const { status, stdout } = await gate(go)
    expect([status, stdout]).toEqual([0, expect.stringMatching(/all +42 {2}42 pass/)])
    expect(stdout).toMatch(/expires next {2}B1 at [^\n]*, C1 at/)
    expect(stdout).toMatch(/\nGO {2}valid until \S+Z\. {2}exit 0 \(ok\)\n$/)
    const { valid_until, timing } = await told(go)
    const left = Date.parse(valid_until ?? '') - Date.parse(timing.started_at)
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThan(HOUR_MS)
  })
  test('with a waiver name it', async () => {
    const { status, stdout } = await gate(waived)
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/\nGO with 1 waiver {2}valid until/),
    ])
  })
  test.each<readonly [string, () => Place, number, string]>([
    ['after its end', () => ({ now: later(HOUR_MS + 1_000) }), 21, 'evidence_old'],
    ['after the plan', () => ({ now: later(29 * HOUR_MS) }), 21, 'plan_over'],
    ['with the clock set back', () => ({ now: later(-HOUR_MS) }), 23, 'signed_in_future'],
    [
      'of another image',
      () => ({ env: { FF_CODE_VERSION: 'sha256:other' } }),
      21,
      'identity_changed',
    ],
    ['with other settings', () => ({ env: { FF_JWT_LEEWAY: '5' } }), 21, 'identity_changed'],
    ['without a pin', () => ({ env: { FF_TRUST_SHA256: '' } }), 23, 'trust_pin_missing'],
    [
      'under another pin',
      () => ({ env: { FF_TRUST_SHA256: 'a'.repeat(64) } }),
      23,
      'trust_pin_mismatch',
    ],
  ])('are no GO %s', async (_when, place, exitCode, code) => {
    const report = await told(go, place())
    const codes = report.findings.map((one) => one.code)
    expect([report.exitCode, codes]).toEqual([exitCode, expect.arrayContaining([code])])
  })
  test('are no GO once an item fails again, also when it passes, until both sign anew', async () => {
    const folder = await signedFolder()
    try {
      await measureAgain(folder, 'A1', { result: 'fail', codes: ['token_accepted'] })
      expect(await told(folder)).toMatchObject({ verdict: 'no_go', exitCode: 20 })
      await measureAgain(folder, 'A1')
      expect(await told(folder)).toMatchObject({ verdict: 'not_ready', exitCode: 21 })
      await signFolder(folder.cwd, folder.env.FF_TRUST_SHA256)
      expect(await told(folder)).toMatchObject({ verdict: 'go', exitCode: 0 })
    } finally {
      await rm(folder.cwd, { recursive: true, force: true })
    }
  })
})

test('V19: without FF_CODE_VERSION, committing sign-off and evidence leaves the code as it is', async () => {
  const folder = await signedFolder()
  const run = (...args: readonly string[]) =>
    promisify(execFile)('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], folder)
  try {
    await run('init', '-q')
    const { FF_TRUST_SHA256 } = folder.env
    const codes: (string | null)[] = []
    const note = async (): Promise<void> => {
      const { stdout } = await runFf(['gate', '--format', 'json'], {
        cwd: folder.cwd,
        env: { FF_TRUST_SHA256 },
      })
      codes.push((JSON.parse(stdout) as GateReport).identity.code)
    }
    await note()
    await run('add', '-A')
    await note()
    await run('commit', '-qm', 'sign-off')
    await note()
    expect(codes[0]).toMatch(/^worktree:[0-9a-f]{64}$/)
    expect(new Set(codes).size).toBe(1)
  } finally {
    await rm(folder.cwd, { recursive: true, force: true })
  }
})

test('a gate loads neither the schema compiler nor the database driver', async () => {
  const watch = `const m=process.getBuiltinModule('node:module');const load=m._load;m._load=function(name,from,main){const path=m._resolveFilename(name,from,main);if(/node_modules.(ajv.dist.(core|2020)|pg.)/.test(path))process.stderr.write(path+'\\n');return load.call(this,name,from,main)}`
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(watch)}`
  const { status, stderr } = await gate(go, [], { env: { NODE_OPTIONS } })
  expect([status, stderr]).toEqual([0, ''])
  // Control: other commands load it.
  const FF_DATABASE_URL = 'postgres://127.0.0.1:1/x'
  const other = await runFf(['migrate', 'status'], { env: { NODE_OPTIONS, FF_DATABASE_URL } })
  expect(other.stderr).toMatch(/node_modules.pg./)
})

test('three gates at once all answer', async () => {
  const runs = await Promise.all([gate(go), gate(go), gate(go)])
  expect(runs.map(({ status }) => status)).toEqual([0, 0, 0])
})

/** Number of bytes of each file to flip in turn, besides its first and its last. */
const FLIPS = { here: FULL ? 40 : 16, program: 2 }
describe('each flipped byte prevents the GO', () => {
  test.each<readonly [string, string, () => SignedFolder]>([
    ['the checklist', 'checklists/cutover_readiness_checklist.json', () => go],
    ['the evidence', 'LOG/evidence.ndjson', () => go],
    ['the head of the evidence', 'LOG/head.json', () => go],
    ['the trust file', 'checklists/trust.json', () => go],
    ['the signatures', 'checklists/signoff.json', () => go],
    ['the plan', 'checklists/plan.json', () => go],
    ['the triggers', 'checklists/rollback_triggers.json', () => go],
    ['the waivers', 'checklists/waivers.json', () => waived],
  ])('of %s', async (_what, name, folder) => {
    const survived: string[] = []
    const { cwd, runner } = folder()
    const path = join(cwd, name.replace('LOG', `.ff/evidence/${runner.kid}`))
    const bytes = await readFile(path)
    try {
      for (const [at, changed] of flipped(bytes, FLIPS.here)) {
        await writeFile(path, changed)
        if ((await judged(folder())) === 'ok') survived.push(`byte ${at}`)
      }
      for (const [at, changed] of flipped(bytes, FLIPS.program)) {
        await writeFile(path, changed)
        const { status } = await gate(folder())
        if (status === 0 || status === 1) survived.push(`byte ${at} ends ${status}`)
      }
    } finally {
      await writeFile(path, bytes)
    }
    expect(survived).toEqual([])
    expect(await judged(folder())).toBe('ok')
  })
})

/** Runs the gate in this process, on the same files, which is faster. @returns its exit */
async function judged({ cwd, env }: SignedFolder): Promise<string> {
  try {
    return (await gateHere(await requestIn(cwd, env.FF_TRUST_SHA256), ADAPTERS)).exitName
  } catch (error) {
    if (error instanceof FfError) return error.exitName
    throw error
  }
}
