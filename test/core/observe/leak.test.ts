import { describe, expect, it } from 'vitest'
import { projectUse } from '../../../src/core/observe/leak.ts'
import type { ObservedMinute } from '../../../src/core/observe/minute.ts'
import { makeMinute } from './minutes.ts'

const record = (
  minutes: number,
  use: (minute: number) => number,
  change: (minute: number) => Partial<ObservedMinute> = () => ({}),
): readonly ObservedMinute[] =>
  Array.from({ length: minutes }, (_, at) => {
    const { resources } = makeMinute(0)
    const memory = { used: use(at), limit: 1000 }
    return makeMinute(at, { resources: { ...resources, memory }, ...change(at) })
  })

describe('projectUse', () => {
  it('says nothing of less than two hours', () => {
    expect(projectUse([], 7)).toBeNull()
    expect(
      projectUse(
        record(120, () => 1),
        7,
      ),
    ).toBeNull()
    expect(
      projectUse(
        record(121, () => 1),
        7,
      ),
    ).not.toBeNull()
  })

  it('keeps what is level, and takes a fall for level', () => {
    expect(
      projectUse(
        record(600, () => 100),
        7,
      ),
    ).toEqual({ memory: 0.1, connections: 0.1, disk: 0.05 })
    expect(
      projectUse(
        record(600, (at) => 700 - at),
        7,
      )?.memory,
    ).toBeCloseTo(0.16, 1)
  })

  it('projects a rise of one an hour by the days', () => {
    expect(
      projectUse(
        record(600, (at) => 100 + Math.floor(at / 60)),
        7,
      )?.memory,
    ).toBeCloseTo((109 + 7 * 24) / 1000)
  })

  const unmeasured = (minutes: number) =>
    record(
      1200,
      () => 100,
      (at) => {
        const { resources } = makeMinute(0)
        const memory = { used: 100, limit: 1000 }
        const connections = at < minutes ? { used: 1, limit: 1 } : resources.connections
        return { resources: { ...resources, memory, connections } }
      },
    )
  it('takes what was not measured in one of a hundred minutes for full', () => {
    expect(projectUse(unmeasured(12), 7)?.connections).toBe(0.1)
    expect(projectUse(unmeasured(13), 7)?.connections).toBe(1)
    expect(projectUse(unmeasured(1200), 7)?.connections).toBe(1)
  })

  it('looks at the last measured minute where the very last one was not', () => {
    const minutes = [...unmeasured(0)]
    minutes.push({ ...(unmeasured(1)[0] as ObservedMinute), minute: makeMinute(1200).minute })
    expect(projectUse(minutes, 7)?.connections).toBe(0.1)
  })

  it('is not bent by one peak', () => {
    expect(
      projectUse(
        record(1200, (at) => (at === 300 ? 900 : 100)),
        7,
      )?.memory,
    ).toBe(0.1)
  })

  it('sees a rise that starts of the instance interrupt', () => {
    const sawtooth = record(
      1200,
      (at) => 100 + (at % 240),
      (at) => ({ restarts: at % 240 === 0 && at > 0 ? 1 : 0 }),
    )
    expect(projectUse(sawtooth, 7)?.memory).toBeGreaterThan(8)
  })
})
