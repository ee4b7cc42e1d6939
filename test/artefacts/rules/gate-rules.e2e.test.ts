import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  loadArtefact,
  type ArtefactKind,
  type LoadedArtefact,
  packagedArtefact,
} from '../../../src/artefacts/load.ts'
import {
  findChecklistProblems,
  findGateContractProblems,
  findLoosenedProblems,
  findPlanProblems,
  findWaiverProblems,
} from '../../../src/artefacts/rules/gate-rules.ts'
import { ROOT, runFf } from '../../support/run-ff.ts'

type Checklist = LoadedArtefact<'cutover_readiness_checklist'>
type Item = Checklist['value']['items'][number]
async function own<K extends ArtefactKind>(kind: K): Promise<LoadedArtefact<K>> {
  const loaded = await loadArtefact(kind, packagedArtefact(ROOT, kind))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.loaded
}
const changed = <L extends { readonly value: object }>(
  loaded: L,
  change: (value: L['value']) => void,
): L => {
  const value = structuredClone(loaded.value)
  change(value)
  return { ...loaded, value }
}

describe('a checklist', () => {
  const item = (value: Checklist['value'], id: string): Item => {
    const found = value.items.find((one) => one.id === id)
    if (found === undefined) throw new Error(`no item ${id}`)
    return found
  }
  test('the packaged one has the 42 items and 10 groups of its contract', async () => {
    const [checklist, contract] = [
      await own('cutover_readiness_checklist'),
      await own('readiness_gate'),
    ]
    expect(checklist.value.items).toHaveLength(42)
    expect(checklist.value.groups).toHaveLength(10)
    expect(findGateContractProblems(contract)).toEqual([])
    expect(findChecklistProblems(checklist, contract, checklist)).toEqual([])
    expect(findLoosenedProblems(checklist, contract, checklist)).toEqual([])
  })
  test.each<readonly [string, (value: Checklist['value']) => void, readonly string[]]>([
    ['41 items', (value) => value.items.pop(), ['item_count_differs', 'item_missing']],
    [
      '43 items',
      (value) => value.items.push({ ...item(value, 'A1'), id: 'A9' }),
      ['item_count_differs', 'item_unknown'],
    ],
    [
      'one item twice in place of another',
      (value) => void (item(value, 'A2').id = 'A1'),
      ['id_repeated', 'item_missing'],
    ],
    ['nine groups', (value) => value.groups.pop(), ['group_count_differs', 'group_missing']],
    ['V4: a cut identity, which is looser', (value) => void (item(value, 'B1').identity = []), []],
    [
      'an order on a word',
      (value) =>
        void (item(value, 'B1').limits[0] = {
          measure: 'head_matches',
          op: 'at_most',
          value: 'x',
          unit: '',
        }),
      ['limit_has_no_order'],
    ],
    [
      'a further limit without a control',
      (value) =>
        void item(value, 'B1').limits.push({
          measure: 'other',
          op: 'at_most',
          value: 0,
          unit: '',
        }),
      ['control_missing'],
    ],
    ['a dropped control, which is looser', (value) => void item(value, 'B1').controls.pop(), []],
    [
      'a control of no limit',
      (value) =>
        void item(value, 'B1').controls.push({
          limit: 'other',
          name: 'x',
          run: 'selftest',
          max_age: 'P7D',
        }),
      ['control_unknown'],
    ],
    [
      'a limit with two controls',
      (value) => {
        const { controls } = item(value, 'B1')
        controls.push(...controls.slice(0, 1))
      },
      ['id_repeated'],
    ],
  ])('%s', async (_what, change, codes) => {
    const checklist = changed(await own('cutover_readiness_checklist'), change)
    const floor = await own('cutover_readiness_checklist')
    const found = findChecklistProblems(checklist, await own('readiness_gate'), floor)
    expect([...new Set(found.map(({ code }) => code))].sort()).toEqual([...codes].sort())
  })
})

test('V4: an identity that was cut is looser than the package, whose own is complete', async () => {
  const cut = changed(await own('cutover_readiness_checklist'), ({ items }) => {
    for (const one of items) if (one.id === 'B1') one.identity = ['environment']
  })
  const [contract, floor] = [await own('readiness_gate'), await own('cutover_readiness_checklist')]
  const loosened = findLoosenedProblems(cut, contract, floor)
  expect(loosened.map(({ code }) => code)).toEqual(['checklist_loosened'])
  expect(findChecklistProblems(cut, contract, floor)).toEqual([])
  const incomplete = findChecklistProblems(cut, contract, cut).map(({ code }) => code)
  expect(new Set(incomplete)).toEqual(new Set(['identity_incomplete']))
})

describe('waivers and plans', () => {
  const WAIVER: LoadedArtefact<'waivers'>['value']['waivers'][number] = {
    id: 'WV-1',
    item: 'H4',
    environment: 'production',
    cutover_id: 'flags-to-postgres',
    attempt: 1,
    covers: { state: 'inconclusive', code: 'target_missing' },
    reason: 'r',
    risk: 'r',
    compensation: 'c',
    requester: 'Ada',
    requested_at: '2026-01-01T00:00:00.000Z',
    expires_at: '2026-01-15T00:00:00.000Z',
    approvals: [],
  }
  const by = (...people: string[]) =>
    people.map((person) => ({ person, role: 'platform-lead' as const, kid: 'k', jws: 'j' }))
  test.each<readonly [string, Partial<typeof WAIVER>, readonly string[]]>([
    ['within the rules', {}, []],
    ['for no item of the checklist', { item: 'Z9' }, ['waiver_item_unknown']],
    ['for an unwaivable item', { item: 'A1' }, ['waiver_item_unwaivable']],
    ['for a millisecond too long', { expires_at: '2026-01-15T00:00:00.001Z' }, ['waiver_too_long']],
    [
      'that ends as it begins',
      { expires_at: WAIVER.requested_at },
      ['waiver_ends_before_it_begins'],
    ],
    [
      'until an impossible day',
      { expires_at: '2026-01-32T00:00:00.000Z' },
      ['time_not_canonical', 'waiver_ends_before_it_begins'],
    ],
    ['approved by its requester alone', { approvals: by('Ada') }, ['waiver_self_approved']],
    ['approved by another person too', { approvals: by('Ada', 'Grace') }, []],
  ])('a waiver %s', async (_what, change, codes) => {
    const waivers = changed(await own('waivers'), (value) => {
      value.waivers = [{ ...WAIVER, ...change }]
    })
    const found = findWaiverProblems(
      waivers,
      await own('cutover_readiness_checklist'),
      await own('readiness_gate'),
    )
    expect(found.map(({ code }) => code).sort()).toEqual([...codes].sort())
  })
  test('a plan with a window that is reversed or outside its freeze is refused', async () => {
    const plan = changed(await own('cutover_plan'), (value) => {
      value.window.until = value.window.from
      value.freeze.from = value.window.until.replace('T06', 'T07')
    })
    expect(findPlanProblems(plan).map(({ pointer }) => pointer)).toEqual([
      '/window/until',
      '/freeze/from',
    ])
  })
})

describe('ff checklist', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ff-checklist-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  test.each([41, 43])('validate ends 2 at %i items', async (count) => {
    const text = readFileSync(join(ROOT, 'checklists/cutover_readiness_checklist.json'), 'utf8')
    const value = JSON.parse(text) as Checklist['value']
    value.items = [...value.items, ...value.items].slice(0, count)
    const path = join(folder, `${count}.json`)
    await writeFile(path, JSON.stringify(value))
    const run = await runFf(['checklist', 'validate', path, '--format', 'json'])
    expect(run.status).toBe(2)
    expect(run.stdout).toContain('item_count_differs')
    const shown = await runFf(['checklist', 'show', '--checklist', path, '--format', 'json'])
    expect([shown.status, JSON.parse(shown.stdout).error.code]).toEqual([2, 'artefact_invalid'])
  })
  test('explain suggests the nearest item, and shows one as JSON', async () => {
    const wrong = await runFf(['checklist', 'explain', 'h9'])
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringMatching(/"H\d"/)])
    const item = await runFf(['checklist', 'explain', 'H3', '--format', 'json'])
    expect(JSON.parse(item.stdout)).toMatchObject({ id: 'H3', max_age: 'PT24H', waivable: 'no' })
  })
})
