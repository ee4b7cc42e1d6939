import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { buildGateReport } from '../../src/features/gate/report.ts'
import { judgeGate } from '../../src/core/gate/judge-gate.ts'
import type { GateInput } from '../../src/core/gate/judge-gate.ts'
import { formatHtmlReport } from '../../src/reports/html.ts'
import { CHECKLIST, go, goBut, NOW } from '../core/gate/builders.ts'

const HOSTILE = `</dd><script>alert(1)</script><img src="https://x.example/" onerror='x'>`
const page = (input: GateInput): string => {
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
  return formatHtmlReport(report)
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
