import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import { gate } from '../../src/app/gate.ts'
import { behaviouralSettings, loadSettings } from '../../src/commands/settings.ts'
import type { GateReport } from '../../src/core/report/types.ts'
import { fromMilliseconds } from '../../src/core/state/instant.ts'
import { judgeTexts, readEvidence } from '../../src/evidence/evidence-log.ts'
import type { Runner } from '../../src/evidence/runner-key.ts'
import type { SignoffFound } from '../../src/ports.ts'
import { REPORTERS } from '../../src/reports/index.ts'
import { CHECKLIST, signed } from '../core/gate/world.ts'
import { CODE, fullEvidence, gateFolder } from '../support/gate-folder.ts'
import { ROOT } from '../support/run-ff.ts'

let cwd = ''
let runner: Runner
beforeAll(async () => {
  cwd = await gateFolder()
  runner = await fullEvidence(cwd)
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

const soon = (ms: number) => fromMilliseconds(Date.now() + ms)
/** Two people who signed a moment ago, and a trust file that names the runner: what verification would hand over. */
const found = (change: Partial<SignoffFound> = {}): SignoffFound => ({
  outcome: signed({
    signatures: signed().signatures.map((one) => ({ ...one, signed_at: soon(-500) })),
    valid_until: soon(86_400_000),
  }),
  runners: [{ kid: runner.kid, from: soon(-86_400_000), until: soon(86_400_000) }],
  waivers: [],
  policy: null,
  ...change,
})
async function judged(change: Partial<SignoffFound> = {}): Promise<GateReport> {
  const request = {
    folder: { root: ROOT, cwd, checklist: null },
    evidence: join(cwd, '.ff', 'evidence'),
    trust_pin: null,
    code: CODE,
    schema_head: '0002_flags',
    settings: behaviouralSettings(await loadSettings({}, cwd)),
    now: () => new Date(),
  }
  return gate(request, {
    readEvidence,
    judgeEvidence: async (texts, fits) => judgeTexts(texts, fits),
    verifySignoff: async () => found(change),
  })
}

describe('all 42 records, a runner that is named, and two people', () => {
  test('are a GO, with what expires first', async () => {
    const report = await judged()
    expect(report).toMatchObject({
      verdict: 'go',
      exitCode: 0,
      next: null,
      remeasure: null,
      findings: [],
    })
    expect(report.counts).toMatchObject({ expected: 42, compared: 42, neverReached: 0 })
    expect(report.groups.map(({ items }) => items).reduce((all, one) => all + one, 0)).toBe(42)
    expect(report.expires_next.map(({ id }) => id)).toEqual(['B1', 'C1', 'C2'])
    expect(Date.parse(report.valid_until ?? '')).toBeLessThan(Date.now() + 3_600_000)
  })
  test.each(Object.keys(REPORTERS) as (keyof typeof REPORTERS)[])(
    'say so as %s',
    async (format) => {
      const text = REPORTERS[format](await judged(), { color: false })
      const words = { junit: 'failures="0"', json: '"verdict": "go"', sarif: '"results": []' }
      expect(text).toContain(format in words ? words[format as 'json'] : 'GO, valid until')
    },
  )
  test('of a runner that nobody names are none', async () => {
    const report = await judged({ runners: [] })
    expect([report.verdict, report.exitCode]).toEqual(['inconclusive', 22])
    expect(report.counts.states.pass).toBe(0)
  })
  test('are no GO where trust allows fewer waivers than there are', async () => {
    const waiver = {
      id: 'WV-1',
      item: 'H4',
      covers: { state: 'inconclusive', code: 'x' },
      reason: 'r',
      risk: 'r',
      compensation: 'c',
      requester: 'Rosalind',
      requested_at: soon(-1_000),
      expires_at: soon(1_000),
      approvals: [],
    } as const
    const refused = judged({ waivers: [waiver], policy: { max_active: 0, max_days: 14 } })
    await expect(refused).rejects.toMatchObject({ code: 'waiver_invalid', exitName: 'usage' })
  })
})

test('a failure names what was measured, what is required, why, what to do, who, and how to check again', async () => {
  const folder = await gateFolder()
  try {
    runner = await fullEvidence(folder, (draft) =>
      draft.item === 'D1'
        ? {
            ...draft,
            result: 'fail',
            measured: { ...draft.measured, p99_ms: 2_417 },
            example: 'change 31 took 2.4 s to reach b',
          }
        : draft,
    )
    const before = cwd
    cwd = folder
    const report = await judged()
    cwd = before
    expect([report.verdict, report.next]).toEqual(['no_go', 'ff probe run D1'])
    const text = REPORTERS.text(report, { color: false })
    const item = CHECKLIST.items.find(({ id }) => id === 'D1')
    for (const part of [
      'NO-GO',
      'p99_ms 2417',
      'at most 2000 ms',
      'change 31',
      item?.owner,
      'ff probe run D1',
    ])
      expect(text).toContain(part)
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/^NO-GO .*exit 20 \(no_go\)$/)
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
