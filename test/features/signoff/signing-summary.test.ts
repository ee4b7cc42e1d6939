import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  askAttestations,
  formatSigningSummary,
  type SigningSummaryInput,
} from '../../../src/features/signoff/summary.ts'
import type { SignoffContext } from '../../../src/features/signoff/context.ts'
import { ROOT } from '../../support/run-ff.ts'
import { IDENTITY, passing, toItem, toLog, waiver } from '../../core/gate/builders.ts'
import { bob, NOW, tools } from './people.ts'
import type { Terminal } from '../../../src/ports/signoff.ts'

const template = (name: string): Promise<string> =>
  readFile(join(ROOT, `checklists/templates/${name}.json`), 'utf8')
let context: SignoffContext
beforeAll(async () => {
  context = {
    cwd: await mkdtemp(join(tmpdir(), 'ff-summary-')),
    tools,
    texts: { plan: await template('plan'), rollback_triggers: await template('rollback_triggers') },
  } as unknown as SignoffContext
})
afterAll(() => rm(context.cwd, { recursive: true, force: true }))

const summaryWith = (reason: string, state: object = {}): Promise<string> =>
  formatSigningSummary(context, {
    statement: { predicate: { decision: 'go', identity: {}, accepted: {}, not_after: NOW } },
    state: {
      items: [],
      counts: { pass: 40 },
      departures: [],
      logs: [],
      identity: IDENTITY,
      ...state,
    },
    signer: bob,
    waivers: [{ ...waiver({ reason }), expires_at: '2026-01-20T09:00:00.000Z' }],
  } as unknown as SigningSummaryInput)

test('a reason of a waiver cannot forge a line of the summary', async () => {
  const lines = (await summaryWith('late\nWaivers     none')).split('\n')
  expect(lines.filter((line) => line.startsWith('Waivers'))).toEqual(['Waivers     1'])
  const [found, ...others] = lines.filter((line) => line.startsWith('  WV-1 for H4'))
  expect(found).toContain('reason: late\\u000aWaivers     none; risk: r')
  expect(others).toEqual([])
})

test('the whole plan, every trigger and every waiver are shown in words', async () => {
  const text = await summaryWith('late')
  const plan = JSON.parse(await template('plan')) as object
  const { triggers } = JSON.parse(await template('rollback_triggers')) as {
    triggers: readonly object[]
  }
  const values = (one: unknown): readonly string[] =>
    typeof one === 'object' && one !== null ? Object.values(one).flatMap(values) : [String(one)]
  const { kind: _kind, schemaVersion: _version, ...members } = plan as Record<string, unknown>
  for (const value of values(members)) expect(text).toContain(value)
  expect(triggers.length).toBeGreaterThan(0)
  for (const value of triggers.flatMap(values)) expect(text).toContain(value.replace(/^at_/, 'at '))
  for (const part of [
    'memory_share at most 0.9',
    'risk: r',
    'compensation: c',
    'Ada (platform-lead)',
  ])
    expect(text).toContain(part)
})

test('how often each item was measured and failed in this attempt is shown', async () => {
  const [A1, A2] = [toItem('A1'), toItem('A2')]
  const logs = [toLog([passing(A1), { ...passing(A2), result: 'fail' }, passing(A2)])]
  const lines = (await summaryWith('r', { items: [A1, A2], logs })).split('\n')
  const from = lines.findIndex((line) => line.startsWith('Measured'))
  expect(lines.slice(from, from + 4)).toEqual([
    'Measured    number of times by item, on the target in this attempt',
    '  A1 1, A2 2',
    'Failed      1 of 2 items',
    '  A2: 1 of 2 times',
  ])
  expect(await summaryWith('r')).toContain('\nFailed      none\n')
})

test('departures from the package and team commands are shown, and can make no line', async () => {
  const argv = ['./check', '--all\nCommands    none']
  const summary = await summaryWith('r', {
    items: [{ id: 'H2', title: 't', kind: 'command', probe: { params: { argv } } }],
    departures: [
      { item: 'B4', member: 'probe.params.pool', kind: 'free', package: '8', team: '20' },
      { item: 'A1', member: 'why', kind: 'text', package: 'x', team: 'y\nChecklist   x' },
    ],
  })
  const lines = summary.split('\n')
  const from = lines.findIndex((line) => line.startsWith('Commands'))
  expect(lines.slice(from, from + 5)).toEqual([
    'Commands    1 of the team in place of probes',
    '  H2: ./check --all\\u000aCommands    none',
    "Checklist   departs from the package's in 2 places",
    '  free: B4 probe.params.pool: 8 in the package, 20 here',
    '  text: A1 why: x in the package, y\\u000aChecklist   x here',
  ])
  const plain = await summaryWith('r')
  expect(plain).toContain("\nCommands    none\nChecklist   as the package's\n")
  const asked: string[] = []
  const terminal = { ask: (text: string) => (asked.push(text), Promise.resolve('yes')) }
  const items = [
    { id: 'H2', title: 'Alerts', kind: 'command', probe: { params: { argv: ['a', 'b'] } } },
  ]
  await askAttestations(terminal as unknown as Terminal, ['H2'], {
    items,
  } as unknown as SigningSummaryInput['state'])
  expect(asked).toEqual(['Do you attest H2 (Alerts, measured by a b)? (yes/no)'])
})

test.each([
  ['a left-to-right mark', '\u200e', '\\u200e'],
  ['an override of the direction', '\u202e', '\\u202e'],
  ['a line separator', '\u2028', '\\u2028'],
  ['a control', '\u001b[2J', '\\u001b[2J'],
])('%s is escaped in the summary and in the questions', async (_what, raw, shown) => {
  const summary = await summaryWith(raw)
  expect(summary).toContain(shown)
  expect(summary).not.toContain(raw)
  const asked: string[] = []
  const terminal = { ask: (text: string) => (asked.push(text), Promise.resolve('yes')) }
  const items = [{ id: 'E5', title: raw }]
  await askAttestations(terminal as unknown as Terminal, ['E5'], {
    items,
  } as unknown as SigningSummaryInput['state'])
  expect(asked).toEqual([`Do you attest E5 (${shown})? (yes/no)`])
})
