import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestCutover } from '../support/cutover.ts'
import { CutoverServices } from '../support/cutover-services.ts'

let cutover: TestCutover
let services: CutoverServices
beforeAll(async () => {
  cutover = await TestCutover.open(true)
  services = await CutoverServices.open(cutover.serviceEnv)
}, 60_000)
afterAll(async () => {
  await services.close()
  await cutover.close()
})

test('two services go forth and back under load by the commands, and lose no acknowledged write', async () => {
  const load = services.startLoad()
  try {
    for (const phase of ['dual_write', 'shadow_read', 'db_authoritative']) {
      expect(await cutover.step('advance')).toMatchObject({ phase })
      await load.goesOn()
      if (phase !== 'dual_write') await services.expectCompared()
    }
    const { instances, next } = await cutover.status()
    expect(instances.filter(({ live }) => live)).toHaveLength(2)
    expect(next.command).toBe('ff cutover advance')
    const [writer, ...others] = instances.filter((one) => one.writer)
    expect(others).toEqual([])
    await services.kill(writer?.pid ?? 0)
    await services.start()
    await load.goesOn()

    const killed = await cutover.killAt('deciding', 'rollback', '--to', 'shadow_read')
    expect(killed.signal).toBe('SIGKILL')
    await finish('shadow_read')
    await load.goesOn()
    for (const phase of ['db_authoritative', 'complete']) {
      expect(await cutover.step('advance')).toMatchObject({ phase })
      await load.goesOn()
    }
    expect(await cutover.step('rollback')).toMatchObject({ from: 'complete', phase: 'file' })
    await load.goesOn()
  } finally {
    await load.stop()
  }
  await load.expectKept()
}, 120_000)

/** Gives the command that the status prints, until the phase is reached. */
async function finish(goal: string): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    const { phase, next } = await cutover.status()
    if (phase === goal && next.standing === 'ready') return
    const words =
      next.standing === 'ready' ? ['rollback', '--to', goal] : next.command.split(' ').slice(2)
    await cutover.step(...words)
  }
  expect(await cutover.status()).toMatchObject({ phase: goal })
}
