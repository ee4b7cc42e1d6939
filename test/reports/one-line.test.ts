import { describe, expect, test } from 'vitest'
import { validateSchema } from '../../src/artefacts/schemas.ts'
import { checkDocumentShape } from '../../src/artefacts/documents.ts'
import { judgeGate } from '../../src/core/gate/judge-gate.ts'
import type { EvidenceEntry, EvidenceLogs } from '../../src/core/gate/types.ts'
import type { GateReport } from '../../src/core/report/types.ts'
import { buildGateReport } from '../../src/features/gate/report.ts'
import { formatChecklist, formatChecklistItem } from '../../src/reports/checklist-text.ts'
import { REPORTERS } from '../../src/reports/index.ts'
import { CHECKLIST, go, NOW, signed, toItem, waiver } from '../core/gate/builders.ts'
import { TRUST } from '../features/signoff/people.ts'

const HOSTILE = 'x\n::error::y\r\u001b[2J\u202e\u200b\u2028\u0085'
const RAW = /[\r\u001b\u202e\u200b\u2028\u0085]/

/** A report with a waiver, a failure and a fault, in which `text` stands in each text that is free. */
function reportWith(text: string): GateReport {
  const items = CHECKLIST.items.map((item) => ({
    ...item,
    title: text,
    why: text,
    owner: text,
    remediation: text,
  }))
  const groups = CHECKLIST.groups.map((group) => ({ ...group, title: text }))
  const broken = { memory_share: 0.85, connections_share: 0.5, disk_share: 0.5 }
  const base = go()
  const hostile = (entry: EvidenceEntry): EvidenceEntry => ({
    ...entry,
    record: {
      ...entry.record,
      example: text,
      met: { [text]: text },
      ...(entry.record.item === 'H4' ? { measured: broken } : {}),
      ...(entry.record.item === 'D1' ? { result: 'fail' as const, codes: ['late'] } : {}),
    },
  })
  const logs = base.evidence.status === 'whole' ? base.evidence.logs : []
  const evidence: EvidenceLogs = {
    status: 'whole',
    logs: logs.map((log) => ({ ...log, entries: log.entries.map(hostile) })),
  }
  const waivers = [waiver({ reason: text, risk: text, compensation: text })]
  const accepted = { ...signed().accepted, H4: 'waived' } as const
  const input = go({
    checklist: { groups, items },
    evidence,
    waivers,
    signoff: signed({ accepted }),
  })
  const departure = { item: 'A1', member: 'title', kind: 'text', package: text, team: text }
  const report = buildGateReport(judgeGate(input), {
    files: { checklist: { value: { groups, items } }, departures: [departure] } as never,
    evidence,
    runners: input.runners,
    identity: { ...input.expected, code: text },
    signoff: input.signoff,
    trust: { status: 'absent' },
    texts: { signoff: null },
    at: NOW,
    waivers,
    timing: { started_at: NOW, duration_ms: 0 },
  })
  const fault = { code: 'trust_pin_mismatch', subject: 'gate', pointer: null, detail: text }
  return { ...report, findings: [fault, ...report.findings] }
}

describe('V12, V18: a value can never make a line', () => {
  test.each(Object.keys(REPORTERS) as (keyof typeof REPORTERS)[])('in %s', async (format) => {
    const reporter = await REPORTERS[format]()
    const write = (text: string) => reporter(reportWith(text), { color: false })
    const shown = write(HOSTILE)
    expect(shown).not.toMatch(RAW)
    expect(shown).toContain(format === 'html' || format === 'markdown' ? 'u001b' : '\\u001b')
    expect(shown.split('\n').filter((line) => /^\s*(::error::y|::error y)/.test(line))).toEqual([])
    // Folded text has other breaks; every other format has the same lines as with a plain text.
    if (format !== 'text') expect(shown.split('\n').length).toBe(write('x').split('\n').length)
  })
  test('in the checklist', () => {
    const items = CHECKLIST.items.map((item) => ({ ...item, title: HOSTILE }))
    for (const shown of [
      formatChecklist({ ...CHECKLIST, items }),
      formatChecklistItem({ ...toItem('A1'), title: HOSTILE, remediation: HOSTILE }),
    ]) {
      expect(shown).not.toMatch(RAW)
      expect(shown).not.toMatch(/^::error/m)
    }
  })
  const CHARACTERS = [
    '\n',
    '\r',
    '\u001b',
    '\u202e',
    '\u200b',
    '\u2066',
    '\u2028',
    '\u3164',
    '\ufeff',
  ]
  test.each(CHARACTERS)('the schemas refuse %j in texts that people write', (character) => {
    const text = `a${character}b`
    const waivers = (reason: string) => ({
      kind: 'waivers',
      schemaVersion: 1,
      waivers: [{ ...waiver({ requester: 'dora' }), approvals: [], reason }],
    })
    const checklist = (title: string) => ({
      kind: 'cutover_readiness_checklist',
      schemaVersion: 1,
      ...CHECKLIST,
      items: CHECKLIST.items.map((item) => ({ ...item, title })),
    })
    const trust = (name: string) => ({
      ...TRUST,
      signers: TRUST.signers.map((one) => ({ ...one, name })),
    })
    const faults = (one: string): readonly boolean[] => [
      checkDocumentShape('waivers', waivers(one)).ok,
      checkDocumentShape('trust', trust(one)).ok,
      validateSchema('cutover-readiness-checklist', checklist(one), '').some(
        ({ code }) => code === 'schema_pattern',
      ),
    ]
    expect(faults('caf\u00e9, \u05d0')).toEqual([true, true, false])
    expect(faults(text)).toEqual([false, false, true])
  })
})
