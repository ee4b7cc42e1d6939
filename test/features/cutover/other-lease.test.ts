import { describe, expect, test } from 'vitest'
import { formatConfiguration } from '../../../src/core/cutover/leases.ts'
import {
  findLongestLease,
  findOtherLease,
  otherLeaseError,
  requireSameLease,
} from '../../../src/features/cutover/other-lease.ts'
import type { CutoverSides } from '../../../src/features/cutover/read-sides.ts'
import type { RegisteredInstance } from '../../../src/ports/cutover.ts'

const registered = (
  leaseMs: number | null,
  counter: number,
  place: RegisteredInstance['place'] = 'file',
): RegisteredInstance => ({
  id: 'one',
  place,
  counter,
  epoch: 1,
  facts: {
    host: 'h',
    pid: 7,
    code: 'v1',
    schema_head: 6,
    configuration: leaseMs === null ? '0f' : formatConfiguration('0f', leaseMs),
  },
})

/** A clock that stands still between two rests. */
const makeWait = (leaseMs: number) => {
  let at = 0
  const rest = (ms: number): Promise<void> => {
    at += ms
    return Promise.resolve()
  }
  return { leaseMs, signal: new AbortController().signal, clock: { now: () => at, rest } }
}
/** Looks that are answered one after the other, the last one again and again. */
const listInTurn = (looks: readonly (readonly RegisteredInstance[])[]) => {
  const left = [...looks]
  return () => Promise.resolve(left.length > 1 ? (left.shift() ?? []) : (looks.at(-1) ?? []))
}

describe('an instance with another lease', () => {
  test('is found once it renews', async () => {
    const list = listInTurn([
      [registered(5_000, 1)],
      [registered(5_000, 1)],
      [registered(5_000, 2)],
    ])
    expect(await findOtherLease(list, makeWait(2_000))).toMatchObject({ id: 'one', counter: 2 })
  })
  test('is not there where it does not renew within its lease', async () => {
    const wait = makeWait(2_000)
    expect(await findOtherLease(listInTurn([[registered(5_000, 1)]]), wait)).toBeNull()
    expect(wait.clock.now()).toBeGreaterThanOrEqual(5_000)
  })
  test('is none where all have the same, at once', async () => {
    const wait = makeWait(2_000)
    expect(await findOtherLease(listInTurn([[registered(2_000, 1)]]), wait)).toBeNull()
    expect(wait.clock.now()).toBe(0)
  })
  test('keeps a step from being taken, in whichever place it is registered', async () => {
    const look = listInTurn([
      [registered(5_000, 1, 'database')],
      [registered(5_000, 2, 'database')],
    ])
    const sides = {
      file: { instances: () => Promise.resolve([]) },
      database: { look: async () => ({ instances: await look() }) },
    } as unknown as CutoverSides
    await expect(requireSameLease(sides, makeWait(2_000))).rejects.toMatchObject({
      code: 'phase_refused',
      message:
        'The instance "one" (pid 7 on "h") has a lease of 5 s, and FF_CUTOVER_LEASE is 2 here.',
      hint: expect.stringContaining('`export FF_CUTOVER_LEASE=5`') as string,
    })
  })
  test('of an earlier version says none', () => {
    const error = otherLeaseError('setting_invalid', registered(null, 1), 2_000)
    expect(error.message).toContain('does not say its lease')
    expect(error.hint).toContain('this version')
  })
})

test('a command that decides alone waits for the longest lease', () => {
  expect(findLongestLease([registered(5_000, 1), registered(null, 1)], 2_000)).toBe(5_000)
  expect(findLongestLease([], 2_000)).toBe(2_000)
})
