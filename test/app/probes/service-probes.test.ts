import { expect, test } from 'vitest'
import { PROBES } from '../../../src/app/probes/index.ts'
import type { Probe } from '../../../src/app/probes/probe.ts'
import { worldOf } from './world.ts'

const probeOf = (name: string): Probe => {
  const found = PROBES[name]
  if (found === undefined) throw new Error(`no probe ${name}`)
  return found
}

test('H1: every metric moves, and one under another name is missed', async () => {
  const honest = await probeOf('signals').measure(worldOf())
  expect(honest).toMatchObject({
    measured: { metrics_missing: 0, metrics_still: 0 },
    example: null,
  })
  expect(Number(honest.measured['slowest_s'])).toBeLessThan(60)
  expect(honest.met['moved']).toBe(18)
  const faulty = await probeOf('signals').control(worldOf())
  expect(faulty).toMatchObject({ measured: { metrics_missing: 1, metrics_still: 0 } })
  expect(faulty.example).toBe('ff_decisions_total is not there')
})
