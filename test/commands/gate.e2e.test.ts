import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GateReport } from '../../src/core/report/types.ts'
import type { WaiverEntry } from '../../src/core/signoff/types.ts'
import { formatWaiver } from '../../src/core/signoff/waivers.ts'
import { encode } from '../features/signoff/people.ts'
import { tryLock } from '../../src/adapters/file-lock/file-lock.ts'
import { CODE, findLog, fullEvidence, gateFolder } from '../support/gate-folder.ts'
import { ROOT, type Run, runFf } from '../support/run-ff.ts'

let empty = ''
let full = ''
beforeAll(async () => {
  empty = await gateFolder()
  full = await gateFolder()
  await fullEvidence(full)
})
afterAll(() =>
  Promise.all([empty, full].map((folder) => rm(folder, { recursive: true, force: true }))),
)
const ff = (cwd: string, ...args: string[]): Promise<Run> =>
  runFf(args, { cwd, env: { FF_CODE_VERSION: CODE } })
const getGate = async (cwd: string): Promise<GateReport> => {
  const run = await ff(cwd, 'gate', '--format', 'json')
  const report = JSON.parse(run.stdout) as GateReport
  expect(run.status).toBe(report.exitCode)
  return report
}

describe('without measurements', () => {
  test('every item has a state and says what to do, with a command', async () => {
    const report = await getGate(empty)
    expect([report.verdict, report.exitCode]).toEqual(['inconclusive', 22])
    expect(report.items).toHaveLength(42)
    expect(report.groups.map(({ items }) => items)).toEqual([5, 4, 5, 4, 5, 5, 3, 4, 4, 3])
    expect(report.items.filter(({ fix }) => fix === null || fix === '')).toEqual([])
    expect(report.items.filter(({ next }) => next === null)).toEqual([])
    expect(report.items.some(({ state }) => state === 'pass' || state === 'waived')).toBe(false)
  })
  test('text has ten groups of 42 items in all, and ends with the verdict', async () => {
    const { stdout, status } = await ff(empty, 'gate')
    const groups = [...stdout.matchAll(/^ {2}[A-J] {2}.* (\d+) {2,}\d+ \w+/gm)]
    expect(groups.map(([, items]) => Number(items)).reduce((all, one) => all + one, 0)).toBe(42)
    expect([groups.length, status]).toEqual([10, 22])
    expect(stdout).toMatch(/INCONCLUSIVE {2}not ready to go[^\n]*\n? .*\(inconclusive\)\n$/)
    // A command stays on one line, so that it can be pasted.
    const prose = stdout.split('\n').filter((line) => !/`|\bff [a-z]/.test(line))
    expect(Math.max(...prose.map((line) => line.length))).toBeLessThanOrEqual(80)
  })
  test('JUnit has 10 suites and 42 cases, all of them failures', async () => {
    const { stdout } = await ff(empty, 'gate', '--format', 'junit')
    expect(stdout.match(/<testsuite /g)).toHaveLength(10)
    expect(stdout.match(/<testcase /g)).toHaveLength(42)
    expect(stdout.match(/<failure /g)).toHaveLength(42)
    expect(stdout).not.toContain('<skipped')
  })
  test('GitHub gets nine annotations, the number of the others, and the job summary', async () => {
    const summary = join(empty, 'summary.md')
    await writeFile(summary, 'before\n')
    const env = { FF_CODE_VERSION: CODE, GITHUB_STEP_SUMMARY: summary }
    const { stdout, status } = await runFf(['gate', '--format', 'github'], { cwd: empty, env })
    expect(status).toBe(22)
    expect(stdout.match(/^::warning /gm)).toHaveLength(9)
    expect(stdout).toContain('::notice title=ff::33 more')
    const text = await readFile(summary, 'utf8')
    expect(text).toMatch(/^before\n## ff gate: INCONCLUSIVE/)
    expect(text.match(/^\| [A-J] /gm)).toHaveLength(10)
  })
})

describe('SARIF', () => {
  const LOG = {
    type: 'object',
    required: ['$schema', 'version', 'runs'],
    properties: {
      version: { const: '2.1.0' },
      runs: {
        type: 'array',
        items: {
          type: 'object',
          required: ['tool', 'results'],
          properties: {
            tool: {
              type: 'object',
              required: ['driver'],
              properties: {
                driver: {
                  type: 'object',
                  required: ['name', 'rules'],
                  properties: {
                    rules: {
                      type: 'array',
                      uniqueItems: true,
                      items: { type: 'object', required: ['id', 'shortDescription'] },
                    },
                  },
                },
              },
            },
            results: {
              type: 'array',
              items: {
                type: 'object',
                required: ['message', 'ruleId', 'ruleIndex', 'kind', 'level', 'locations'],
                properties: {
                  kind: { enum: ['fail', 'open'] },
                  level: { enum: ['error', 'none'] },
                  message: { type: 'object', required: ['text'] },
                },
              },
            },
          },
        },
      },
    },
  }
  interface Log {
    readonly runs: readonly {
      readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } }
      readonly results: readonly { readonly ruleId: string; readonly ruleIndex: number }[]
    }[]
  }
  // The part of the OASIS schema that the reporter uses; the whole one is larger than the program.
  const fits = new Ajv2020({ strict: false }).compile(LOG)
  test.each([
    ['a gate', ['gate'], 42],
    ['a parity run', ['parity', 'run', '--candidate', 'file', '--allow-same-kind'], 22],
  ])('of %s has a rule for each item and control', async (_what, args, rules) => {
    const { stdout } = await ff(empty, ...args, '--format', 'sarif')
    const log = JSON.parse(stdout) as Log
    expect([fits(log), fits.errors ?? []]).toEqual([true, []])
    const [run] = log.runs
    expect(new Set(run?.tool.driver.rules.map(({ id }) => id)).size).toBe(rules)
    for (const one of run?.results ?? [])
      expect(run?.tool.driver.rules[one.ruleIndex]?.id).toBe(one.ruleId)
  })
})

describe('with every item measured by an untrusted runner', () => {
  test('no evidence counts, but all of it is shown', async () => {
    const report = await getGate(full)
    expect(report.exitCode).toBe(22)
    const measured = report.items.filter(({ codes }) => codes.includes('runner_not_named'))
    // The probes of the two signature items too.
    expect(measured).toHaveLength(42)
    expect(report.items.every(({ evidence }) => evidence !== null)).toBe(true)
  })
  test('evidence of other code is stale', async () => {
    const run = await runFf(['gate', '--format', 'json'], {
      cwd: full,
      env: { FF_CODE_VERSION: 'x' },
    })
    expect(run.status).toBe(22)
  })
  test('an edited record ends 23, and no record counts', async () => {
    const path = join(await findLog(join(full, '.ff/evidence')), 'evidence.ndjson')
    const text = await readFile(path, 'utf8')
    try {
      await writeFile(path, text.replace('"result":"pass"', '"result":"fail"'))
      const report = await getGate(full)
      expect([report.exitCode, report.verdict]).toEqual([23, 'untrusted'])
      expect(report.findings.slice(0, 2)).toContainEqual({
        code: 'evidence_edited',
        subject: 'gate',
        pointer: null,
        detail: expect.stringMatching(/^line 1, log [\w-]{43}$/),
      })
      expect(report.items.filter(({ state }) => state === 'error')).toHaveLength(40)
    } finally {
      await writeFile(path, text)
    }
  })
  test('it is judged while another process holds the lock of the log', async () => {
    const lock = await tryLock(join(await findLog(join(full, '.ff/evidence')), 'lock'))
    try {
      expect((await getGate(full)).exitCode).toBe(22)
    } finally {
      await lock?.close()
    }
  })
})

describe('an invalid file of the team ends 2 under its own code', () => {
  const WAIVER = {
    id: 'WV-1',
    item: 'H4',
    covers: { state: 'inconclusive', code: 'target_missing' },
    reason: 'r',
    risk: 'r',
    compensation: 'c',
    environment: 'production',
    cutover_id: 'flags-to-postgres',
    attempt: 1,
    requester: 'ada',
    requested_at: '2026-01-01T00:00:00.000Z',
    expires_at: '2026-01-02T00:00:00.000Z',
    approvals: [],
  }
  const jws = `h.${encode(formatWaiver(WAIVER as WaiverEntry))}.s`
  const own = { person: 'ada', role: 'platform-lead', kid: 'k'.repeat(43), jws }
  test.each<readonly [string, object, string]>([
    ['without an expiry', { ...WAIVER, expires_at: undefined }, 'schema_required'],
    ['for an unwaivable item', { ...WAIVER, item: 'A1' }, 'waiver_item_unwaivable'],
    ['for 15 days', { ...WAIVER, expires_at: '2026-01-16T00:00:00.000Z' }, 'waiver_too_long'],
    ['approved by its requester', { ...WAIVER, approvals: [own] }, 'waiver_self_approved'],
  ])('a waiver %s', async (_what, waiver, code) => {
    const path = join(empty, 'checklists/waivers.json')
    await writeFile(path, JSON.stringify({ kind: 'waivers', schemaVersion: 1, waivers: [waiver] }))
    try {
      const run = await ff(empty, 'gate', '--format', 'json')
      expect(run.status).toBe(2)
      expect(JSON.stringify(JSON.parse(run.stdout).error.details)).toContain(code)
    } finally {
      await rm(path)
    }
  })
  test('a checklist of 41 items', async () => {
    const text = await readFile(join(ROOT, 'checklists/cutover_readiness_checklist.json'), 'utf8')
    const value = JSON.parse(text) as { items: unknown[] }
    value.items.pop()
    const path = join(empty, 'short.json')
    await writeFile(path, JSON.stringify(value))
    const run = await ff(empty, 'gate', '--checklist', path)
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('item_count_differs')])
  })
})
