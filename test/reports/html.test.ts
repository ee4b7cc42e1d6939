import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { buildGateReport } from '../../src/features/gate/report.ts'
import { judgeGate } from '../../src/core/gate/judge-gate.ts'
import type { GateInput } from '../../src/core/gate/judge-gate.ts'
import { judgeObservation } from '../../src/core/observe/judge.ts'
import { OBSERVATION_BOUNDS } from '../../src/core/observe/bounds.ts'
import { buildSeries, type ObservationView } from '../../src/core/observe/series.ts'
import type { ObservedMinute } from '../../src/core/observe/minute.ts'
import { makeMinute, makeMinutes } from '../core/observe/minutes.ts'
import { formatHtmlReport } from '../../src/reports/html.ts'
import { CHECKLIST, go, goBut, NOW } from '../core/gate/builders.ts'

const HOSTILE = `</dd><script>alert(1)</script><img src="https://x.example/" onerror='x'>`
const page = (input: GateInput, observation: ObservationView | null = null): string => {
  const report = buildGateReport(judgeGate(input), {
    files: { checklist: { value: { ...CHECKLIST } }, departures: [] } as never,
    evidence: input.evidence,
    runners: input.runners,
    identity: input.expected,
    signoff: input.signoff,
    trust: { status: 'absent' },
    texts: { signoff: null },
    at: NOW,
    waivers: input.waivers,
    timing: { started_at: NOW, duration_ms: 0 },
  })
  return formatHtmlReport(report, { observation })
}
const failing = goBut('D1', {
  result: 'fail',
  codes: ['x'],
  example: HOSTILE,
  measured: { p99_ms: 2417, instances_missed: 0, kinds_unseen: 0 },
})

describe('the HTML report', () => {
  test('allows its own style and nothing else', () => {
    const text = page(failing)
    const [, style = ''] = /<style>([\s\S]*)<\/style>/.exec(text) ?? []
    const digest = createHash('sha256').update(style).digest('base64')
    const [, policy = ''] = /Content-Security-Policy" content="([^"]*)"/.exec(text) ?? []
    expect(policy.replaceAll('&#39;', "'")).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`,
    )
    expect(style).not.toMatch(/url\(|@import/)
    // No element that loads, runs or links.
    expect(text).not.toMatch(/<(script|img|link|iframe|object|embed|a|form|base)\b/i)
    expect(text).not.toMatch(/<[^>]* (src|href|style|on\w+)=/i)
  })
  test('escapes texts from outside', () => {
    const text = page(failing)
    expect(text).toContain('&#60;script&#62;alert(1)&#60;/script&#62;')
    expect(text).not.toContain(HOSTILE)
  })
  test('begins with the verdict and the blockers, and has every item with its evidence', () => {
    const text = page(failing)
    const ids = [...text.matchAll(/<details id="(\w+)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(42)
    expect(ids[0]).toBe('D1')
    expect(text).toContain('<details id="D1" open>')
    expect(text.match(/<dt>digest<\/dt>/g)).toHaveLength(42)
    expect(text.indexOf('NO-GO')).toBeLessThan(text.indexOf('<details'))
    for (const person of ['Ada', 'Grace']) expect(text).toContain(person)
  })
  test('of a GO has only accepted items', () => {
    const text = page(go())
    expect(text).toContain('<h1 class="good">GO</h1>')
    expect(text).not.toContain('Not accepted')
  })
})

const NONE = { p50: null, p95: null, p99: null }
/** Two hours and a half with everything that a timeline shows. */
const STAGING = [
  ...makeMinutes(0, 40),
  ...makeMinutes(40, 45, { disturbed_by: ['D1'] }),
  ...makeMinutes(45, 50, { drill: true }),
  makeMinute(50, { compared: {}, latency: { file: NONE, database: NONE } }),
  makeMinute(51, { divergences: { [HOSTILE]: 2 } }),
  ...makeMinutes(52, 60),
  ...makeMinutes(130, 150),
]
const view = (minutes: readonly ObservedMinute[] = STAGING): ObservationView => {
  const bounds = { ...OBSERVATION_BOUNDS, hours: 48, instances: 2 }
  return { status: 'here', series: buildSeries(judgeObservation(minutes, bounds, [])) }
}

describe('the observation of staging in the HTML report', () => {
  const text = page(go(), view())
  test('is a timeline of every minute, what is missing hatched, in words and marks too', () => {
    const cells = [...text.matchAll(/<rect class="m-(\w+)"( fill="url\(#hatch\)")?/g)]
    const states = cells.map(([, state]) => state)
    // The row of each hour, and the legend.
    expect(states.slice(0, 10)).toEqual(
      'clean disturbed drill idle broken clean gap gap clean clean'.split(' '),
    )
    expect(new Set(states.slice(-6)).size).toBe(6)
    for (const [, state, hatch] of cells)
      expect([state, hatch !== undefined]).toEqual([state, state === 'gap'])
    expect(text).toContain('1 minutes broke a bound')
    expect(text).toMatch(/<text class="mark"[^>]*>x<\/text>/)
    expect(text).toContain('divergence: the two sides differ in')
    expect(text).toContain('gap: 4200 s without a minute')
  })
  test('labels the first hour after some that are left out', () => {
    const ahead = makeMinutes(60 * 24 * 30, 60 * 24 * 30 + 1)
    expect(page(go(), view([...ahead, ...makeMinutes(0, 60)]))).toContain('>12-31 00:00</text>')
  })
  test('draws both sides as lines, and has their values by hour in a table', () => {
    for (const side of ['file', 'database'])
      expect(text).toMatch(new RegExp(`<path class="line-${side}" d="M[\\d.]+ [\\d.]+L`))
    expect(text).toContain('p99 of both sides by hour')
    expect(text).toContain('<td>1 / 2 / 3</td>')
    expect(text).toContain('<td>- / - / -</td>')
  })
  test('counts divergences by field and decisions by reason, and escapes what it shows', () => {
    expect(text).toContain('<td>kill_switch</td>')
    expect(text).not.toContain(HOSTILE)
    expect(page(go(), view(makeMinutes(0, 200)))).toContain(
      'No field differed in 30000 decisions: with 95 % confidence fewer than 100 of a million differ.',
    )
    const two = makeMinutes(0, 2, { compared: { default: 1 } })
    expect(page(go(), view(two))).toContain('fewer than 776394 of a million differ.')
    expect(page(go(), view([]))).toContain('Nothing was compared.')
  })
  test('loads nothing, and has no style of its own', () => {
    expect(text).not.toMatch(/<[^>]* (src|href|style|on\w+)=/i)
    expect(text.match(/<svg [^>]*role="img" aria-labelledby/g)).toHaveLength(2)
  })
  test('of no minute and of no latency has neither', () => {
    const silent = makeMinutes(0, 2, { latency: { file: NONE, database: NONE } })
    expect(page(go(), view(silent))).toContain('No latency was recorded.')
    expect(page(go(), view([]))).toContain('No latency was recorded.')
  })
  test('says why it is not here, and is not there where it was not read', () => {
    expect(page(go(), { status: 'away', why: 'altered' })).toContain('does not verify')
    expect(page(go())).not.toContain('Observation of staging')
  })
})
