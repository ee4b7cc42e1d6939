import { describe, expect, test } from 'vitest'
import { FULL } from '../support/scale.ts'
import { explore } from './model.ts'
import { PLANTED_FAULTS } from './planted-faults.ts'
import { SOUND } from './protocol.ts'
import { SCENARIOS } from './scenarios.ts'
import { DEFAULTS, seedChoices, simulate } from './simulate.ts'

const LIMIT = { depth: 40, states: FULL ? 100_000 : 1_500 }

describe('every interleaving of a step', () => {
  test.each(SCENARIOS.map((one) => [one.name, one] as const))('%s', (_name, scenario) => {
    const found = explore(scenario, SOUND, LIMIT)
    expect([found.violation, found.trace]).toEqual([null, []])
    // A model that does nothing has no violation either.
    expect(found.states).toBeGreaterThan(1_000)
  })
})

describe('seeds', () => {
  const runs = Array.from({ length: FULL ? 3_000 : 100 }, (_, at) =>
    simulate(seedChoices(at + 1, DEFAULTS.steps), SOUND),
  )
  test('keep every promise', () => {
    expect(runs.filter(({ violation }) => violation !== null)).toEqual([])
  })
  test('reach the last phase', () => {
    expect(runs.map(({ farthest }) => farthest)).toContain('complete')
  })
  test('replay exactly', () => {
    const choices = seedChoices(7, DEFAULTS.steps)
    expect(simulate(choices, SOUND)).toEqual(simulate(choices, SOUND))
  })
})

describe('seeds with drills', () => {
  const runs = Array.from({ length: FULL ? 3_000 : 100 }, (_, at) =>
    simulate(seedChoices(at + 1, DEFAULTS.steps), SOUND, { drills: true }),
  )
  test('keep every promise', () => {
    expect(runs.filter(({ violation }) => violation !== null)).toEqual([])
  })
  test('begin drills, whose way back a writer takes', () => {
    const { trace } = simulate(seedChoices(34, DEFAULTS.steps), SOUND, { drills: true })
    const begun = trace.indexOf('drill')
    expect(begun).toBeGreaterThan(0)
    expect(trace.slice(begun).some((action) => action.startsWith('return '))).toBe(true)
  })
  test.each([
    ['endless_drill', 17, 'drill'],
    ['drill_goes_on', 17, 'attempt'],
  ])('the planted fault %s is found', (name, seed, kind) => {
    const choices = seedChoices(seed, DEFAULTS.steps)
    const protocol = PLANTED_FAULTS[name]?.protocol ?? SOUND
    const { violation } = simulate(choices, protocol, { drills: true })
    expect(violation).toMatch(new RegExp(`^${kind}:`))
    expect(simulate(choices, SOUND, { drills: true }).violation).toBeNull()
  })
})

/** The first seed that shows each planted fault, and the invariant that it breaks (RESULTS.md). */
const SHOWN: Readonly<Record<string, readonly [seed: number, kind: string]>> = {
  no_fence: [108, 'forked'],
  early_acknowledgement: [3, 'early'],
  any_newer_record: [3, 'early'],
  acts_before_open: [1101, 'parted'],
  endless_consent: [1390, 'parted'],
  marked_done: [8, 'no way out'],
  compares_once: [8, 'no way out'],
  joins_again: [67, 'lost'],
  no_check: [9, 'early'],
  long_transaction: [1031, 'forked'],
  no_lock: [260, 'early'],
  no_settling: [1900, 'parted'],
  neither_side: [15, 'stuck'],
  stays_armed: [2, 'stuck'],
  no_attempt: [1, 'attempt'],
  blind_back_out: [475, 'attempt'],
  no_wait: [235, 'parted'],
  no_answer: [5653, 'forked'],
  wall_clock: [19871, 'parted'],
}

test.each(Object.entries(SHOWN))('the planted fault %s is found', (name, [seed, kind]) => {
  const choices = seedChoices(seed, DEFAULTS.steps)
  const protocol = PLANTED_FAULTS[name]?.protocol ?? SOUND
  expect(simulate(choices, protocol).violation).toMatch(new RegExp(`^${kind}:`))
  expect(simulate(choices, SOUND).violation).toBeNull()
})
