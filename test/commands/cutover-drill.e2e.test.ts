import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestCutover } from '../support/cutover.ts'
import { CutoverServices } from '../support/cutover-services.ts'
import { until } from './outcome.ts'

let cutover: TestCutover
let services: CutoverServices
beforeAll(async () => {
  cutover = await TestCutover.open(true)
  services = await CutoverServices.open(cutover.serviceEnv)
  await cutover.step('advance')
  await cutover.step('advance')
}, 60_000)
afterAll(async () => {
  await services.close()
  await cutover.close()
})

test('an instance or a command with another lease than the instances that live is refused', async () => {
  const other = { FF_CUTOVER_LEASE: '3' }
  await expect(services.start(other)).rejects.toThrow(/lease of 2 s/)
  const command = cutover.with({ env: other })
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
    const killed = await cutover.killAt('freeing the switch lock', ...DRILL, '8.0005')
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
    expect(await services.readMetric('ff_cutover_drill')).toEqual([0, 0])
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
