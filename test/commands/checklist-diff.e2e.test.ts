import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ChecklistItem } from '../../src/core/gate/types.ts'
import { toItem } from '../core/gate/builders.ts'
import { CODE, gateFolder } from '../support/gate-folder.ts'
import { ROOT, runFf } from '../support/run-ff.ts'

let cwd = ''
beforeEach(async () => {
  cwd = await gateFolder()
})
afterEach(() => rm(cwd, { recursive: true, force: true }))

const PACKAGED = join(ROOT, 'checklists/cutover_readiness_checklist.json')
const own = (): string => join(cwd, 'checklists/cutover_readiness_checklist.json')
const ff = (...args: string[]) => runFf(args, { cwd, env: { FF_CODE_VERSION: CODE } })

type Items = Readonly<Record<string, ChecklistItem & Record<string, unknown>>>
/** Changes items of the team's checklist, by id. */
async function change(edit: (items: Items) => void): Promise<void> {
  const value = JSON.parse(await readFile(own(), 'utf8')) as { items: Items[string][] }
  edit(Object.fromEntries(value.items.map((item) => [item.id, item])))
  await writeFile(own(), JSON.stringify(value, null, 2))
}
const loosenA1 = (items: Items): void => {
  const { A1, B1 } = items
  Object.assign(A1 as object, {
    min_sample: 1,
    limits: [{ ...A1?.limits[0], value: 1000 }],
  })
  Object.assign(B1 as object, {
    identity: ['code', 'schema_head', 'config_digest', 'checklist_digest'],
  })
}
/** Every command that measures, decides or signs by the checklist. */
const COMMANDS = [
  ['gate'],
  ['report', '--format', 'text'],
  ['probe', 'run', 'A1'],
  ['probe', 'selftest', 'A1'],
  ['probe', 'list'],
  ['signoff', 'verify'],
]

describe('a looser checklist', () => {
  test.each(COMMANDS.map((args) => [args.join(' '), args] as const))(
    'V4: stops ff %s, which names item, member and both values',
    async (_line, args) => {
      await change(loosenA1)
      const run = await ff(...args)
      expect([run.status, run.stdout]).toEqual([2, ''])
      expect(run.stderr).toContain('[checklist_loosened, exit usage]')
      for (const line of [
        'A1 min_sample: 12 in the package, 1 here',
        'A1 limits.forged_accepted: forged_accepted at most 0 tokens in the package, forged_accepted at most 1000 tokens here',
        'A1 limits.valid_accepted: valid_accepted at least 1 tokens in the package, nothing here',
        'B1 identity: ',
      ])
        expect(run.stderr).toContain(line)
    },
  )
  test.each(['D2', 'D3', 'I2', 'E1', 'E3', 'C5'])(
    'V5: A2 in place of %s is refused',
    async (id) => {
      const { probe, limits, controls } = toItem('A2')
      await change((items) => Object.assign(items[id] as object, { probe, limits, controls }))
      const run = await ff('probe', 'run', id)
      expect([run.status, run.stderr]).toEqual([
        2,
        expect.stringContaining(
          `${id} probe.name: ${toItem(id).probe.name} in the package, token-claims here`,
        ),
      ])
      expect((await ff('checklist', 'validate')).status).toBe(2)
    },
  )
  test('is no valid one, and validate names the command that mends it', async () => {
    await change(loosenA1)
    const run = await ff('checklist', 'validate', '--format', 'json')
    const report = JSON.parse(run.stdout)
    expect([run.status, report.items[0].codes]).toEqual([2, ['checklist_loosened']])
    expect(report.findings.map(({ pointer }: { pointer: string }) => pointer)).toEqual(
      expect.arrayContaining(['/items/0/min_sample', '/items/0/limits', '/items/5/identity']),
    )
    const next = report.items[0].next as string
    expect((await ff(...next.split(' ').slice(1))).status).toBe(0)
    expect((await ff('checklist', 'validate')).status).toBe(0)
  })
  test('of another name is named in the hint, which can be pasted', async () => {
    await change(loosenA1)
    const other = join(cwd, 'other.json')
    await writeFile(other, await readFile(own(), 'utf8'))
    await rm(own())
    const run = await ff('gate', '--checklist', other)
    expect([run.status, run.stderr]).toEqual([
      2,
      expect.stringContaining(`ff checklist diff --take --checklist ${other}`),
    ])
  })
})

describe('ff checklist diff', () => {
  test('of the packaged checklist lists nothing and writes nothing', async () => {
    await rm(own())
    expect((await ff('checklist', 'diff')).stdout).toBe(
      "checklists/cutover_readiness_checklist.json departs in nothing from the package's checklist.\n",
    )
    expect((await ff('checklist', 'diff', '--take')).status).toBe(0)
  })
  test('lists what is looser, stricter, free and text alone, each in words', async () => {
    await change((items) => {
      loosenA1(items)
      Object.assign(items['A2'] as object, { max_age: 'PT1H', owner: 'another team' })
      Object.assign(items['B4']?.probe.params as object, { pool: 20 })
    })
    const run = await ff('checklist', 'diff')
    expect(run.status).toBe(2)
    expect(run.stdout.split('\n\n').map((part) => part.split('\n')[0]?.trim())).toEqual([
      'looser, which is refused (5)',
      'stricter (1)',
      "free: it describes the team's service (1)",
      'text alone (1)',
      expect.stringContaining("departs from the package's checklist in 8 members."),
    ])
    expect(run.stdout).toContain('  B4 probe.params.pool: 8 in the package, 20 here\n')
    const json = JSON.parse((await ff('checklist', 'diff', '--format', 'json')).stdout)
    expect(json.departures).toContainEqual({
      item: 'A2',
      member: 'max_age',
      kind: 'stricter',
      package: 'PT24H',
      team: 'PT1H',
    })
    expect(json.taken).toEqual([])
  })
  test('--take writes the looser values alone, and keeps every other character', async () => {
    const packaged = await readFile(PACKAGED, 'utf8')
    const stricter = packaged
      .replace('"pool": 8', '"pool":  20')
      .replace('"owner": "identity team"', '"owner": "us"')
    const loosened = stricter
      .replace('"min_sample": 12', '"min_sample": 1')
      .replace('"edge_s": 1', '"edge_s": 9')
      .replace('"max_age": "PT24H"', '"max_age": "P9D"')
    expect(loosened).not.toBe(stricter)
    await writeFile(own(), loosened)
    const run = await ff('checklist', 'diff', '--take', '--format', 'json')
    expect([
      run.status,
      JSON.parse(run.stdout).taken.map(({ member }: { member: string }) => member),
    ]).toEqual([0, ['min_sample', 'max_age', 'probe.params.edge_s']])
    expect(await readFile(own(), 'utf8')).toBe(stricter)
    expect((await ff('gate')).status).not.toBe(2)
  })
  test('leaves a checklist that lacks an item to people', async () => {
    const value = JSON.parse(await readFile(own(), 'utf8'))
    await writeFile(own(), JSON.stringify({ ...value, items: value.items.slice(1) }))
    const before = await readFile(own(), 'utf8')
    const run = await ff('checklist', 'diff', '--take')
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('item_missing (A1)')])
    expect(await readFile(own(), 'utf8')).toBe(before)
  })
  test('says what it cannot read', async () => {
    await writeFile(own(), '{')
    expect((await ff('checklist', 'diff')).stderr).toContain('[artefact_invalid,')
    const missing = await ff('checklist', 'diff', '--checklist', join(cwd, 'missing.json'))
    expect([missing.status, missing.stderr]).toEqual([2, expect.stringContaining('file_missing')])
  })
})
