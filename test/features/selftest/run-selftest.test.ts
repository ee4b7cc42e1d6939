import { describe, expect, test } from 'vitest'
import { FAULT_CATALOGUE } from '../../../src/features/selftest/catalogue.ts'
import type { SelftestContext, PlantedFault } from '../../../src/features/selftest/fault.ts'
import { runSelftest, type SelftestOptions } from '../../../src/features/selftest/run-selftest.ts'
import type { Finding, ParityReport } from '../../../src/core/report/types.ts'
import type { ExitName } from '../../../src/core/exit.ts'
import { FfError } from '../../../src/errors.ts'
import type { ScratchSides } from '../../../src/features/parity/run-parity.ts'

/** A report with the members that the selftest reads. */
const report = (verdict: string, findings: readonly Partial<Finding>[] = []): ParityReport =>
  ({ verdict, findings, controls: [] }) as unknown as ParityReport
const SIDES = {} as unknown as ScratchSides
const DIVERGENCE = { code: 'divergence', subject: 'PV-01', pointer: '/value' } as const

interface Planted extends SelftestContext {
  readonly planted?: true
}
const fault = (id: string, plant: PlantedFault['plant']): PlantedFault => ({
  id,
  models: id,
  proof: 'vectors',
  plant,
})
const real = fault('real', (context) => ({ ...context, planted: true }) as Planted)
const idle = fault('idle', (context) => context)
const inCells: PlantedFault = { ...real, id: 'in-cells', proof: 'cells' }

const options = (more: Partial<SelftestOptions> = {}): SelftestOptions => ({
  vectors: (context: Planted) =>
    Promise.resolve(context.planted === true ? report('fail', [DIVERGENCE]) : report('pass')),
  cells: () => Promise.resolve(report('pass')),
  served: () => Promise.resolve(report('pass')),
  cached: () => Promise.resolve(null),
  redis: () => Promise.resolve(null),
  judging: { rules: [], leaves: [] },
  lines: [],
  signal: new AbortController().signal,
  now: () => new Date(0),
  progress: () => undefined,
  ...more,
})

describe('the catalogue', () => {
  test('has at least 60 faults, each with a unique id and a description', () => {
    expect(FAULT_CATALOGUE.length).toBeGreaterThanOrEqual(60)
    expect(new Set(FAULT_CATALOGUE.map(({ id }) => id)).size).toBe(FAULT_CATALOGUE.length)
    expect(FAULT_CATALOGUE.every(({ models }) => models.length > 5)).toBe(true)
  })

  test('plants three quarters of its faults outside the rules', () => {
    const above = FAULT_CATALOGUE.filter(({ id }) => id.startsWith('core.'))
    expect(above.length / FAULT_CATALOGUE.length).toBeLessThan(0.25)
  })
})

describe('a selftest', () => {
  test('passes if it catches each fault, and names the finding that caught it', async () => {
    const done = await runSelftest([real], SIDES, options())
    expect(done).toMatchObject({ verdict: 'pass', exitName: 'ok', counts: { expected: 3 } })
    expect(done.items.find(({ id }) => id === 'real')).toMatchObject({
      id: 'real',
      state: 'pass',
      seen_by: { proof: 'vectors', subject: 'PV-01', pointer: '/value' },
    })
  })

  test('runs the controls of the proofs that its faults name, and of no other', async () => {
    const { items } = await runSelftest([real, inCells], SIDES, options())
    expect(items.map(({ id }) => id).filter((id) => id.startsWith('control.'))).toEqual([
      'control.vectors.before',
      'control.cells.before',
      'control.vectors.after',
      'control.cells.after',
    ])
    expect(new Set(FAULT_CATALOGUE.map(({ proof }) => proof)).size).toBe(7)
  })

  test('fails if a fault has no effect', async () => {
    const done = await runSelftest([real, idle], SIDES, options())
    expect(done).toMatchObject({ verdict: 'fail', exitName: 'no_go' })
    expect(done.findings).toMatchObject([{ subject: 'idle', code: 'fault_not_caught' }])
  })

  test('fails if a proof finds nothing', async () => {
    const blind = options({ vectors: () => Promise.resolve(report('pass')) })
    expect(await runSelftest([real], SIDES, blind)).toMatchObject({ exitName: 'no_go' })
  })

  test('is inconclusive if a proof raises a false alarm', async () => {
    const nervous = options({ cells: () => Promise.resolve(report('fail', [DIVERGENCE])) })
    const done = await runSelftest([inCells], SIDES, nervous)
    expect(done.exitName).toBe('inconclusive')
    expect(done.findings).toMatchObject([
      { subject: 'control.cells.before', code: 'false_alarm' },
      { subject: 'control.cells.after', code: 'false_alarm' },
    ])
  })

  test('is inconclusive if a side breaks during the run, although each fault seems caught', async () => {
    let asked = 0
    const rotting: SelftestOptions['vectors'] = () => {
      asked += 1
      return Promise.resolve(asked === 1 ? report('pass') : report('fail', [DIVERGENCE]))
    }
    const done = await runSelftest([idle], SIDES, options({ vectors: rotting }))
    expect(done.items.find(({ id }) => id === 'idle')?.state).toBe('pass')
    expect(done.exitName).toBe('inconclusive')
  })

  test.each(['row_refused', 'store_corrupt'])('counts %s as a catch', async (left) => {
    const vectors: SelftestOptions['vectors'] = (context: Planted) =>
      Promise.resolve(
        context.planted === true
          ? report('inconclusive', [{ code: 'unanswered', subject: 'PV-02', left }])
          : report('pass'),
      )
    const done = await runSelftest([real], SIDES, options({ vectors }))
    expect(done.exitName).toBe('ok')
    expect(done.items.find(({ id }) => id === 'real')?.seen_by).toMatchObject({ subject: 'PV-02' })
  })

  test('does not count an unavailable side as a catch', async () => {
    const vectors: SelftestOptions['vectors'] = (context: Planted) =>
      Promise.resolve(
        context.planted === true
          ? report('inconclusive', [
              { code: 'unanswered', subject: 'PV-02', left: 'backing_unavailable' },
            ])
          : report('pass'),
      )
    await expect(runSelftest([real], SIDES, options({ vectors }))).rejects.toMatchObject({
      code: 'backing_unavailable',
    })
  })

  test('says of a proof that cannot run here that it was not run, which passes nothing', async () => {
    const inRedis: PlantedFault = { ...real, id: 'in-redis', proof: 'redis' }
    const redis = new FfError('command_unanswered', 'Cannot start it.', { hint: 'Install it.' })
    const done = await runSelftest([real, inRedis], SIDES, options({ redis }))
    expect(done.exitName).toBe('inconclusive')
    const left = ['control.redis.before', 'in-redis', 'control.redis.after']
    expect(done.items.filter(({ state }) => state !== 'pass').map(({ id }) => id)).toEqual(left)
    expect(done.findings).toEqual(
      left.map((subject) => ({
        subject,
        code: 'not_run',
        pointer: null,
        detail: 'Cannot start it.',
      })),
    )
    expect(done.items.find(({ id }) => id === 'in-redis')).toMatchObject({ next: 'Install it.' })
  })

  test('throws the error that a side throws', async () => {
    const lost = new FfError('backing_unavailable', 'It is gone.', { hint: 'Look.' })
    const vectors: SelftestOptions['vectors'] = () => Promise.reject(lost)
    await expect(runSelftest([real], SIDES, options({ vectors }))).rejects.toBe(lost)
  })

  test('that is interrupted among its first controls runs no further proof', async () => {
    const controller = new AbortController()
    const ran: string[] = []
    const record = (name: string) => () => {
      ran.push(name)
      controller.abort('interrupted' satisfies ExitName)
      return Promise.resolve(report('pass'))
    }
    const own = { signal: controller.signal, vectors: record('vectors'), cells: record('cells') }
    await expect(runSelftest([real, inCells], SIDES, options(own))).rejects.toMatchObject({
      code: 'interrupted',
    })
    expect(ran).toEqual(['vectors'])
  })

  test('reports nothing if it is stopped', async () => {
    const controller = new AbortController()
    const signal = controller.signal
    const progress = (): void => controller.abort('interrupted' satisfies ExitName)
    await expect(
      runSelftest([real, real], SIDES, options({ signal, progress })),
    ).rejects.toMatchObject({ code: 'interrupted' })
  })
})
