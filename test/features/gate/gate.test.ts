import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { join } from 'node:path'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { formatDecisionFile } from '../../../src/features/gate/decision-file.ts'
import { judgeFolder, runGateCheck, toReport } from '../../../src/features/gate/gate.ts'
import type { GateReport } from '../../../src/core/report/types.ts'
import type { TrustFile } from '../../../src/core/signoff/types.ts'
import { formatTextReport, REPORTERS } from '../../../src/reports/index.ts'
import { formatMarkdownReport } from '../../../src/reports/markdown.ts'
import { CHECKLIST, COMMAND_CONTROLS } from '../../core/gate/builders.ts'
import {
  changeTrust,
  ADAPTERS,
  requestIn,
  type SignedFolder,
  signedFolder,
} from '../../support/signed-folder.ts'

let folder: SignedFolder
beforeAll(async () => {
  folder = await signedFolder()
})
afterAll(() => rm(folder.cwd, { recursive: true, force: true }))

/** The gate report of a folder; by default of the signed one. */
async function judged({ cwd, env }: SignedFolder = folder): Promise<GateReport> {
  return runGateCheck(await requestIn(cwd, env.FF_TRUST_SHA256), ADAPTERS)
}
/** The gate report of a new folder without a sign-off, with a changed trust file. */
async function judgedUnder(
  trust: Partial<TrustFile>,
  wanted: Parameters<typeof signedFolder>[0] = {},
): Promise<GateReport> {
  const other = await signedFolder(wanted)
  try {
    await rm(join(other.cwd, 'checklists/signoff.json'))
    const pin = await changeTrust(other.cwd, trust)
    return await runGateCheck(await requestIn(other.cwd, pin), ADAPTERS)
  } finally {
    await rm(other.cwd, { recursive: true, force: true })
  }
}

describe('all 42 records of a trusted runner and two signatures', () => {
  test('are a GO, with the first expiries', async () => {
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
    'are a GO in the format %s',
    async (format) => {
      const text = (await REPORTERS[format]())(await judged(), { color: false })
      const words = { junit: 'failures="0"', json: '"verdict": "go"', sarif: '"results": []' }
      expect(text).toContain(format in words ? words[format as 'json'] : 'GO, valid until')
    },
  )
  test('do not count for a runner that the trust file does not name', async () => {
    const report = await judgedUnder({ runners: [] })
    expect([report.verdict, report.exitCode]).toEqual(['inconclusive', 22])
    expect(report.counts.states.pass).toBe(0)
  })
  test('are an error with more waivers than the trust file allows', async () => {
    const policy = { waiver_policy: { max_active: 0, max_days: 14 } }
    const refused = judgedUnder(policy, { waived: true })
    await expect(refused).rejects.toMatchObject({ code: 'waiver_invalid', exitName: 'usage' })
  })
})

describe('a checklist that departs from the package’s, with two team commands', () => {
  let team: SignedFolder
  beforeAll(async () => {
    team = await signedFolder({
      waived: true,
      checklist: (items) => {
        for (const item of items) {
          if (item['id'] === 'B4')
            Object.assign((item['probe'] as { params: object }).params, { pool: 20 })
          if (item['id'] === 'A1') Object.assign(item, { min_sample: 20, title: '<b>&::error::' })
          if (item['id'] !== 'H1' && item['id'] !== 'H2') continue
          const params = {
            argv: ['./check', String(item['id'])],
            control_argv: ['false'],
            timeout_s: 5,
          }
          Object.assign(item, {
            kind: 'command',
            probe: { name: 'command', version: 1, params },
            limits: [{ measure: 'exit_status', op: 'equals', value: 0, unit: 'status' }],
            controls: COMMAND_CONTROLS,
            min_sample: 1,
          })
        }
      },
    })
  })
  afterAll(() => rm(team.cwd, { recursive: true, force: true }))
  const DEPARTURES = [
    'A1 title',
    'A1 min_sample',
    'B4 probe.params.pool',
    ...['H1', 'H2'].flatMap((id) =>
      [
        'kind',
        'probe.params.argv',
        'probe.params.control_argv',
        'probe.params.timeout_s',
        'controls.exit_status.name',
      ].map((member) => `${id} ${member}`),
    ),
  ]
  test('is a GO that counts waivers and commands, and the report and the decision list each', async () => {
    const request = await requestIn(team.cwd, team.env.FF_TRUST_SHA256)
    const judged = await judgeFolder(request, ADAPTERS)
    const report = toReport(judged, request.now)
    expect(report.verdict).toBe('go')
    expect(report.departures.map(({ item, member }) => `${item} ${member}`)).toEqual(DEPARTURES)
    expect(report.team_commands).toEqual(
      ['H1', 'H2'].map((item) => ({ item, argv: ['./check', item] })),
    )
    const decision = formatDecisionFile(judged, { report, tool_version: '0.0.0' })
    expect(JSON.parse(decision).verdict).toMatchObject({
      departures: report.departures,
      team_commands: report.team_commands,
    })
  })
  test.each(['text', 'markdown', 'html', 'github'] as const)(
    'is named in the format %s',
    async (format) => {
      const text = (await REPORTERS[format]())(await judged(team), { color: false })
      expect(text).toContain('GO with 1 waiver and 2 team commands')
      if (format === 'github') return
      for (const part of [
        'Team commands in place of probes (2)',
        'H1 ./check H1',
        'H2 ./check H2',
        `checklist (${DEPARTURES.length})`,
        'A1 min_sample: 12 in the package, 20 here',
        '8 in the package, 20 here',
      ])
        expect(
          text
            .replaceAll('&#39;', "'")
            .replaceAll('&#95;', '_')
            .replaceAll(/\n {4}/g, ' '),
        ).toContain(part)
      if (format !== 'text') expect(text).not.toContain('<b>')
    },
  )
})

describe('V20: without a trust file or a pin, that is said first', () => {
  const firstLines = (report: GateReport) =>
    formatTextReport(report, { color: false }).split('\n').slice(0, 14).join('\n')
  test.each<readonly [string, string, number, string]>([
    ['no trust file', 'trust.json', 22, 'trust_missing'],
    ['a trust file, nothing signed and no pin', 'signoff.json', 23, 'trust_pin_missing'],
  ])('%s', async (_what, removed, exitCode, code) => {
    const other = await signedFolder()
    try {
      await rm(join(other.cwd, 'checklists', removed))
      const request = { ...(await requestIn(other.cwd, '')), trust_pin: null }
      const report = await runGateCheck(request, ADAPTERS)
      expect([report.exitCode, report.findings[0]?.code]).toEqual([exitCode, code])
      for (const text of [firstLines(report), formatMarkdownReport(report)])
        expect(text.replaceAll('&#95;', '_')).toContain('FF_TRUST_SHA256')
      expect(report.next).toMatch(/^ff trust /)
    } finally {
      await rm(other.cwd, { recursive: true, force: true })
    }
  })
})

describe('V16: an approved waiver that was changed', () => {
  const path = (cwd: string) => join(cwd, 'checklists/waivers.json')
  test('is UNTRUSTED at every third digit of it', async () => {
    const other = await signedFolder({ waived: true })
    try {
      const text = await readFile(path(other.cwd), 'utf8')
      const from = text.indexOf('"id"')
      const to = text.indexOf('"approvals"')
      const places = [...text.matchAll(/\d/g)].map(({ index }) => index)
      const own = places.filter((at, index) => at > from && at < to && index % 3 === 0)
      expect(own.length).toBeGreaterThan(12)
      for (const at of own) {
        const digit = (Number(text[at]) + 1) % 10
        await writeFile(path(other.cwd), `${text.slice(0, at)}${digit}${text.slice(at + 1)}`)
        const exit = await judged(other).then(
          ({ exitName }) => exitName,
          ({ exitName }: { exitName: string }) => exitName,
        )
        expect([at, exit]).toEqual([at, 'untrusted'])
      }
    } finally {
      await rm(other.cwd, { recursive: true, force: true })
    }
  })
})

describe('V25: a waived item is named with reason, risk, bound, expiry and approvers', () => {
  test.each(Object.keys(REPORTERS) as (keyof typeof REPORTERS)[])('in %s', async (format) => {
    const other = await signedFolder({ waived: true })
    try {
      const report = await judged(other)
      expect(report.verdict).toBe('go')
      const text = (await REPORTERS[format]())(report, { color: false })
        .replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
        .replaceAll(/\s+/g, ' ')
      const { expires_at = '' } = report.waivers[0] ?? {}
      for (const part of [
        'WV-1',
        'the cache was warmed twice',
        'a restart within the week',
        'memory_share at most 0.9',
        expires_at,
        'dora',
        'alice',
        'bob',
      ])
        expect(text).toContain(part)
    } finally {
      await rm(other.cwd, { recursive: true, force: true })
    }
  })
})

test('a failure names the measured value, the limit, an example, the owner and the next command', async () => {
  const failing = await signedFolder({
    change: (draft) =>
      draft.item === 'B3'
        ? {
            ...draft,
            result: 'fail',
            measured: { ...draft.measured, longest_lock_ms: 2_417 },
            example: 'step 3 locked flags for 2.4 s',
          }
        : draft,
  })
  try {
    await rm(join(failing.cwd, 'checklists/signoff.json'))
    const report = await judged(failing)
    expect([report.verdict, report.next]).toEqual(['no_go', 'ff probe run B3'])
    const text = formatTextReport(report, { color: false })
    const item = CHECKLIST.items.find(({ id }) => id === 'B3')
    for (const part of [
      'NO-GO',
      'longest_lock_ms 2417',
      'at most 2000 ms',
      'step 3',
      item?.owner,
      'ff probe run B3',
    ])
      expect(text).toContain(part)
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/^NO-GO .*exit 20 \(no_go\)$/)
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  } finally {
    await rm(failing.cwd, { recursive: true, force: true })
  }
})
