import { randomUUID } from 'node:crypto'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { adapters } from '../../src/composition.ts'
import { FfError } from '../../src/errors.ts'
import { beginDrill, type DrillTools, drillTwice } from '../../src/features/cutover/drill.ts'
import type { TestCutover } from '../support/cutover.ts'
import type { CutoverServices } from '../support/cutover-services.ts'
import { openStagedCutover, toDrillTools } from '../support/staged-cutover.ts'
import { until } from './outcome.ts'

let cutover: TestCutover
let services: CutoverServices
beforeAll(async () => {
  const opened = await openStagedCutover()
  cutover = opened.cutover
  services = opened.services
}, 60_000)
afterAll(async () => {
  await services.close()
  await cutover.close()
})

test('an instance or a command with another lease than the instances that live is refused', async () => {
  const other = { FF_CUTOVER_LEASE: '3' }
  await expect(services.start(other)).rejects.toThrow(/lease of 2 s/)
  const command = cutover.with({ env: { FF_ENV: 'staging', ...other } })
  const said = /has a lease of 2 s, and FF_CUTOVER_LEASE is 3 here/
  expect((await command.refused(20, 'advance')).message).toMatch(said)
  expect((await command.refused(20, ...DRILL, '8')).message).toMatch(said)
  const { blocks } = await command.status()
  expect(blocks[0]).toMatchObject({ code: 'other_lease', detail: expect.stringMatching(said) })
})

const DRILL = ['drill', '--staging', '--seconds'] as const

test('a drill that is killed before its decision is taken back by the printed command, in the same attempt', async () => {
  const killed = await cutover.killAt('writing the intent', ...DRILL, '60')
  expect(killed.signal, killed.stderr).toBe('SIGKILL')
  const { phase, next } = await cutover.status()
  expect([phase, next.command]).toEqual(['shadow_read', 'ff cutover rollback --to shadow_read'])
  expect(await cutover.step('rollback', '--to', 'shadow_read')).toMatchObject({ attempt: 1 })
  expect(await cutover.status()).toMatchObject({ armed: false, next: { standing: 'ready' } })
})

test('a drill goes back by itself when its command is killed, and loses no acknowledged write', async () => {
  const load = services.startLoad()
  try {
    await load.goesOn()
    // The decision and the file's copy are there, and the command is dead.
    const killed = await cutover.killAt('freeing the switch lock', ...DRILL, '12.0005')
    expect(killed.signal, killed.stderr).toBe('SIGKILL')
    expect(await cutover.status()).toMatchObject({
      phase: 'db_authoritative',
      attempt: 1,
      drill_ends_at: expect.any(String) as string,
      next: { standing: 'drill', command: 'ff cutover rollback --to shadow_read' },
      blocks: [{ code: 'drill' }],
    })
    await until('each instance says that it is in a drill', async () =>
      (await services.readMetric('ff_cutover_drill')).every((value) => value === 1),
    )
    expect((await cutover.refused(20, 'advance')).message).toContain('drill')
    expect((await cutover.refused(20, ...DRILL, '8')).message).toContain('drill')
    await load.goesOn()

    await until('the drill is over', async () => {
      const { phase, next } = await cutover.status()
      return phase === 'shadow_read' && next.standing === 'ready'
    })
    expect(await cutover.status()).toMatchObject({ attempt: 1, drill_ends_at: null })
    // An instance hears of it at its next renewal.
    await until('each instance says that it is in no drill', async () =>
      (await services.readMetric('ff_cutover_drill')).every((value) => value === 0),
    )
    await load.goesOn()
    await services.expectCompared()

    const { steps } = await cutover.read('staging-drill', ...DRILL, '60')
    expect(steps.map(({ from, phase, attempt }) => [from, phase, attempt])).toEqual([
      ['shadow_read', 'db_authoritative', 1],
      ['db_authoritative', 'shadow_read', 1],
      ['shadow_read', 'db_authoritative', 1],
      ['db_authoritative', 'shadow_read', 1],
    ])

    const ended = await cutover.runUntil(
      'freeing the switch lock',
      (child) => child.kill('SIGINT'),
      [...DRILL, '60'],
    )
    expect(ended.status, ended.stderr).toBe(130)
    expect(await cutover.status()).toMatchObject({ phase: 'shadow_read', attempt: 1 })
  } finally {
    await load.stop()
  }
  await load.expectKept()
}, 90_000)

test('a copy of the folder is refused, although its record is the one that stands', async () => {
  const copy = await copyFolder()
  const { epoch } = await cutover.status()
  const elsewhere = cutover.with({ env: { FF_ENV: 'staging', FF_STORE_DIR: copy } })
  const { code, message } = await elsewhere.refused(20, ...DRILL, '60')
  expect([code, message]).toEqual(['phase_refused', expect.stringContaining('a copy of')])
  expect((await cutover.status()).epoch).toBe(epoch)
})

test('on a copy of the folder nothing goes back to the file', { timeout: 30_000 }, async () => {
  await beginDrill(toTools(), { seconds: 60, gate: null })
  const copy = await copyFolder()
  const elsewhere = cutover.with({ env: { FF_ENV: 'staging', FF_STORE_DIR: copy } })
  const { code, message } = await elsewhere.refused(22, 'rollback', '--to', 'shadow_read')
  expect([code, message]).toEqual(['step_backed_out', expect.stringContaining('a copy of')])
  expect(await cutover.step('rollback', '--to', 'shadow_read')).toMatchObject({ attempt: 1 })
})

async function copyFolder(): Promise<string> {
  const copy = join(cutover.root, `copy-${randomUUID()}`)
  await cp(cutover.folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  return copy
}

const toTools = (): DrillTools => toDrillTools(cutover)
const untilBack = (): Promise<void> =>
  until('the writer went back', async () => {
    const { phase, next } = await cutover.status()
    return phase === 'shadow_read' && next.standing === 'ready'
  })

test(
  'a drill whose way back the writer takes first was not timed',
  { timeout: 30_000 },
  async () => {
    const tools = toTools()
    let opened = 0
    const late: DrillTools['request']['adapters'] = {
      ...adapters,
      openCutoverFile: async (folder) => {
        opened += 1
        if (opened === 2) await untilBack()
        return adapters.openCutoverFile(folder)
      },
    }
    const drill = drillTwice(
      { ...tools, request: { ...tools.request, adapters: late } },
      { seconds: 0, gate: null },
    )
    await expect(drill).rejects.toMatchObject({ code: 'proof_inconclusive' })
  },
)

test('a step that fails and cannot go back says both', { timeout: 30_000 }, async () => {
  let failures = 0
  const observe: DrillTools['observe'] = ({ do: effect }) => {
    if (failures === 0 && effect !== 'free_lock') return
    failures += 1
    throw new FfError('step_unsettled', `failure ${failures}`, { hint: '' })
  }
  const drill = drillTwice({ ...toTools(), observe }, { seconds: 0, gate: null })
  await expect(drill).rejects.toMatchObject({
    message: 'failure 1 The way back failed too: failure 2',
  })
  await untilBack()
})
