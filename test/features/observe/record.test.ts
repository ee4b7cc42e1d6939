import { beforeEach, describe, expect, it } from 'vitest'
import type { InstanceReading } from '../../../src/core/observe/fold.ts'
import { MINUTE_MS, type ObservedMinute } from '../../../src/core/observe/minute.ts'
import { observe } from '../../../src/features/observe/record.ts'
import { at, START } from '../../core/observe/minutes.ts'

/** A played clock: each rest moves both clocks on, and the wall clock may be set. */
let wall = 0
let monotonic = 0
let rests = 0
let onRest: (rest: number) => void = () => undefined
let controller: AbortController
let recorded: ObservedMinute[]
/** What each reading returns, in order; the last one stays. */
let readings: (readonly (InstanceReading | null)[])[]

const clock = {
  wall: () => wall,
  monotonic: () => monotonic,
  rest: (ms: number) => {
    wall += ms
    monotonic += ms
    rests += 1
    onRest(rests)
    return Promise.resolve()
  },
}
const sample = (name: string, value: number, labels = {}) => ({ name, value, labels })
const reading = (compared: number, { started = 1, identity = 'one' } = {}): InstanceReading => ({
  identity,
  scrape: {
    at_ms: monotonic,
    samples: [
      sample('process_start_time_seconds', started),
      sample('ff_shadow_compared_total', compared, { reason: 'kill_switch' }),
    ],
  },
})
const run = (): Promise<void> =>
  observe({
    writer: {
      kid: 'k',
      last: null,
      append: (minute) => {
        recorded.push(minute)
        return Promise.resolve()
      },
      close: () => Promise.resolve(),
    },
    read: () => {
      const [first = [], ...rest] = readings
      if (rest.length > 0) readings = rest
      return Promise.resolve(first)
    },
    connections: () => Promise.resolve({ used: 1, limit: 10 }),
    disturbed: (since) => Promise.resolve(since === START + MINUTE_MS ? ['D3'] : []),
    onMinute: () => {
      if (recorded.length === 3) controller.abort()
    },
    clock,
    signal: controller.signal,
  })

beforeEach(() => {
  wall = START + 20_000
  monotonic = 5
  rests = 0
  onRest = () => undefined
  controller = new AbortController()
  recorded = []
  readings = [[reading(10)], [reading(15)], [reading(15)], [reading(21)]]
})

describe('observe', () => {
  it('records whole minutes, each between two readings', async () => {
    await run()
    expect(recorded.map(({ minute, measured_ms }) => [minute, measured_ms])).toEqual([
      [at(1), MINUTE_MS],
      [at(2), MINUTE_MS],
      [at(3), MINUTE_MS],
    ])
    expect(recorded.map(({ compared }) => compared)).toEqual([
      { kill_switch: 5 },
      {},
      { kill_switch: 6 },
    ])
    expect(recorded.map(({ disturbed_by }) => disturbed_by)).toEqual([['D3'], [], []])
    expect(recorded[0]?.resources.connections).toEqual({ used: 1, limit: 10 })
  })

  it('asks an instance that is being restarted again, and counts it from 0', async () => {
    readings = [[reading(10)], [null], [reading(3, { started: 2 })], [reading(4, { started: 2 })]]
    await run()
    expect(recorded[0]).toMatchObject({ compared: { kill_switch: 3 }, restarts: 1, errors: 0 })
    expect(recorded[1]).toMatchObject({ restarts: 0, instances: 1 })
  })

  it('counts an instance that stays away as an error, and says what it is not', async () => {
    readings = [[reading(10)], [null]]
    await run()
    expect(recorded[0]).toMatchObject({ errors: 1, identities: [], instances: 0, compared: {} })
  })

  it('loses no count of an instance that did not answer at the end of a minute', async () => {
    const silent = Array.from({ length: 21 }, (): [null] => [null])
    readings = [[reading(10)], ...silent, [reading(17)]]
    await run()
    expect(recorded.map(({ compared, errors }) => [compared, errors])).toEqual([
      [{}, 1],
      [{ kill_switch: 7 }, 0],
      [{}, 0],
    ])
  })

  it('shows a clock that was set back by a minute that is there twice', async () => {
    onRest = (rest) => {
      if (rest === 2) wall -= MINUTE_MS
    }
    await run()
    expect(recorded.map(({ minute }) => minute).slice(0, 3)).toEqual([at(1), at(1), at(2)])
  })

  it('leaves out the minute in which it ends', async () => {
    onRest = (rest) => {
      if (rest === 2) controller.abort()
    }
    await run()
    expect(recorded).toEqual([])
  })
})
