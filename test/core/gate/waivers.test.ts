import { describe, expect, test } from 'vitest'
import type {
  ItemResult,
  Limit,
  Scalar,
  Waiver,
  WaiverCover,
} from '../../../src/core/gate/types.ts'
import {
  activeWaivers,
  findWaiverFaults,
  findWaiverMismatch,
  formatCover,
  isApproved,
} from '../../../src/core/gate/waivers.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import { at, IDENTITY, NOW, toItem, waiver } from './builders.ts'

const DAY_MS = 86_400_000
const H4 = toItem('H4')
const ITEMS = ['A1', 'E5', 'F4', 'H4'].map(toItem)
const POLICY = { max_active: 3, max_days: 14 }
const faults = (...waivers: readonly Waiver[]): readonly string[] =>
  findWaiverFaults(waivers, { items: ITEMS, policy: POLICY }).map(({ code }) => code)

describe('the rules of a waiver', () => {
  test.each<readonly [string, Partial<Waiver>, readonly string[]]>([
    ['of the longest time', { requested_at: at(0), expires_at: at(14 * DAY_MS) }, []],
    [
      'a millisecond longer',
      { requested_at: at(0), expires_at: at(14 * DAY_MS + 1) },
      ['waiver_too_long'],
    ],
    [
      'that ends as it begins',
      { requested_at: NOW, expires_at: NOW },
      ['waiver_ends_before_it_begins'],
    ],
    ['of no time', { expires_at: 'later' as Instant }, ['waiver_ends_before_it_begins']],
    ['that has no approval yet', { approvals: [] }, []],
    ['that its requester approves among others', { requester: 'Ada' }, []],
    [
      'that its requester alone approves',
      { requester: 'Ada', approvals: [{ person: 'Ada', role: 'platform-lead' }] },
      ['waiver_self_approved'],
    ],
    ['of an item that the checklist lacks', { item: 'Z9' }, ['waiver_item_unknown']],
    [
      'of an item that no one may waive',
      { item: 'A1', covers: { state: 'inconclusive', code: 'flaky' } },
      ['waiver_item_unwaivable'],
    ],
    ['of a reason', { covers: { state: 'inconclusive', code: 'flaky' } }, []],
    ['of two measures', { covers: bounded('memory_share', 0.9, 'disk_share') }, []],
    ['of a measure without a limit', { covers: bounded('other', 9) }, ['waiver_bound_unknown']],
    [
      'of a limit that is one value',
      { item: 'F4', covers: bounded('half_open_calls', 9) },
      ['waiver_bound_of_equals'],
    ],
    [
      'of a greatest value as strict as the limit',
      { covers: bounded('memory_share', 0.8) },
      ['waiver_bound_not_looser'],
    ],
    [
      'of a greatest value below the limit',
      { covers: bounded('memory_share', 0.7) },
      ['waiver_bound_not_looser'],
    ],
    [
      'of a least value in the right direction',
      {
        item: 'E5',
        covers: { state: 'fail', bounds: [{ measure: 'load_share', op: 'at_least', value: 1.2 }] },
      },
      [],
    ],
    [
      'of a least value as strict as the limit',
      {
        item: 'E5',
        covers: { state: 'fail', bounds: [{ measure: 'load_share', op: 'at_least', value: 1.5 }] },
      },
      ['waiver_bound_not_looser'],
    ],
    [
      'of a least value in the other direction',
      {
        item: 'E5',
        covers: { state: 'fail', bounds: [{ measure: 'load_share', op: 'at_most', value: 1.2 }] },
      },
      ['waiver_bound_not_looser'],
    ],
  ])('%s', (_what, change, codes) => expect(faults(waiver(change))).toEqual(codes))
  function bounded(...[first, value, ...rest]: [string, number, ...string[]]): WaiverCover {
    const measures = [first, ...rest]
    return { state: 'fail', bounds: measures.map((measure) => ({ measure, op: 'at_most', value })) }
  }
  test('one for another item is no second one', () =>
    expect(faults(waiver(), waiver({ item: 'E5', covers: bounded('db_p99_ms', 60) }))).toEqual([]))
  test('the second for one item is a fault, with its place', () => {
    const second = waiver({ id: 'WV-2' })
    const other = waiver({ id: 'WV-3', attempt: 9 })
    const found = findWaiverFaults([waiver(), other, second], { items: [H4], policy: POLICY })
    expect(found).toEqual([{ waiver: second, at: 2, code: 'waiver_item_repeated' }])
  })
})

const BOUND = { measure: 'x', op: 'at_most', value: 9 } as const
const use = (change: Partial<ItemResult>) => ({
  state: 'fail' as const,
  codes: ['limit_broken'],
  measured: [],
  failed: true,
  target: IDENTITY,
  now: NOW,
  ...change,
})
const broken = (value: Scalar | null, change: Partial<Limit> = {}) => ({
  limit: { measure: 'x', op: 'at_most', value: 5, unit: 's', ...change } as const,
  value,
  held: false,
})

describe('a failure within the bounds of a waiver', () => {
  const judge = (bounds: readonly object[], ...measured: ItemResult['measured'][number][]) => {
    const covers = { state: 'fail', bounds } as unknown as WaiverCover
    return findWaiverMismatch(waiver({ covers }), H4, use({ measured }))
  }
  test.each<readonly [string, readonly object[], ItemResult['measured'], string | null]>([
    ['at the bound', [BOUND], [broken(9)], null],
    ['past the bound', [BOUND], [broken(9.1)], 'waiver_past_bound'],
    ['without a value', [BOUND], [broken(null)], 'waiver_past_bound'],
    ['with a text for a value', [BOUND], [broken('7')], 'waiver_past_bound'],
    ['beside a limit that holds', [BOUND], [{ ...broken(99), held: true }, broken(7)], null],
    ['of limits that all hold', [BOUND], [{ ...broken(4), held: true }], 'waiver_past_bound'],
    ['of two limits, one without a bound', [BOUND], [broken(7), other()], 'waiver_past_bound'],
    [
      'within one of two bounds alone',
      [BOUND, { ...BOUND, value: 6 }],
      [broken(7)],
      'waiver_past_bound',
    ],
    [
      'under a bound of the other direction',
      [{ ...BOUND, op: 'at_least', value: 1 }],
      [broken(7)],
      'waiver_past_bound',
    ],
    [
      'at a least bound',
      [{ ...BOUND, op: 'at_least', value: 3 }],
      [broken(3, { op: 'at_least' })],
      null,
    ],
    [
      'below a least bound',
      [{ ...BOUND, op: 'at_least', value: 3 }],
      [broken(2.9, { op: 'at_least' })],
      'waiver_past_bound',
    ],
  ])('%s', (_what, bounds, measured, mismatch) => expect(judge(bounds, ...measured)).toBe(mismatch))
  test('and of too few samples is not covered', () => {
    const found = use({ codes: ['limit_broken', 'too_few_samples'], measured: [broken(9)] })
    const covers = { state: 'fail', bounds: [BOUND] } as const
    expect(findWaiverMismatch(waiver({ covers }), H4, found)).toBe('waiver_covers_another_reason')
  })
  function other() {
    return broken(7, { measure: 'y' })
  }
})

describe('a waiver that does not apply', () => {
  test.each<readonly [string, Partial<Waiver>, string | null]>([
    ['of another cutover', { cutover_id: 'x' }, 'waiver_for_another_cutover'],
    ['of another environment', { environment: 'x' }, 'waiver_for_another_cutover'],
    ['of another attempt', { attempt: 9 }, 'waiver_for_another_cutover'],
    ['that has ended', { expires_at: NOW }, 'waiver_expired'],
    ['that ends later', { expires_at: at(1) }, null],
    ['that begins later', { requested_at: at(1) }, 'waiver_not_yet_requested'],
    ['that begins now', { requested_at: NOW }, null],
    ['without approvals', { approvals: [] }, 'waiver_not_approved'],
  ])('%s', (_what, change, mismatch) => {
    const covers = { state: 'fail', bounds: [BOUND] } as const
    const found = use({ measured: [broken(9)] })
    expect(findWaiverMismatch(waiver({ covers, ...change }), H4, found)).toBe(mismatch)
  })
  test('is active until its end, for its cutover', () => {
    const later = waiver({ requested_at: at(1), expires_at: at(2) })
    const all = [waiver({ expires_at: NOW }), waiver({ attempt: 9 }), later, waiver()]
    expect(activeWaivers(all, IDENTITY, NOW)).toEqual([later, waiver()])
  })
})

describe('an inconclusive item', () => {
  const covers = { state: 'inconclusive', code: 'disk_full' } as const
  test.each<readonly [string, readonly string[], boolean, string | null]>([
    ['for the covered reason', ['disk_full'], false, null],
    ['for another one too', ['disk_full', 'flaky'], false, 'waiver_covers_another_reason'],
    ['after a failure', ['disk_full'], true, 'waiver_after_failure'],
  ])('%s', (_what, codes, failed, mismatch) => {
    const found = { ...use({ state: 'inconclusive', codes }), failed }
    expect(findWaiverMismatch(waiver({ covers }), H4, found)).toBe(mismatch)
  })
  test('is no failure', () =>
    expect(findWaiverMismatch(waiver(), H4, use({ state: 'inconclusive' }))).toBe(
      'waiver_covers_another_state',
    ))
})

describe('the approvals of a waiver', () => {
  const ada = { person: 'Ada', role: 'platform-lead' } as const
  const grace = { person: 'Grace', role: 'security-lead' } as const
  test.each<readonly [string, Waiver['approvals'], Parameters<typeof isApproved>[1], boolean]>([
    ['of both leads', [ada, grace], 'two', true],
    ['of the platform lead for two', [ada], 'two', false],
    ['of the security lead for two', [grace], 'two', false],
    ['of two platform leads', [ada, { ...ada, person: 'Eve' }], 'two', false],
    ['of one person in both roles', [ada, { ...grace, person: 'Ada' }], 'two', false],
    ['of the platform lead for one', [ada], 'one', true],
    ['of the security lead for one', [grace], 'one', false],
    ['of both leads for none', [ada, grace], 'no', false],
    ['of no lead', [], 'one', false],
  ])('%s', (_what, approvals, waivable, approved) =>
    expect(isApproved(waiver({ approvals }), waivable)).toBe(approved),
  )
  test.each([
    ['another person', [ada, grace], true],
    ['the requester alone', [ada], false],
  ])('of %s for a request of a lead', (_what, approvals, approved) =>
    expect(isApproved(waiver({ requester: 'Ada', approvals }), 'one')).toBe(approved),
  )
})

test('the bounds of a waiver are listed in words, and a reason by its code', () => {
  expect(formatCover({ state: 'inconclusive', code: 'flaky' })).toBe('flaky')
  const bounds = [BOUND, { measure: 'y', op: 'at_least', value: 1 }] as const
  expect(formatCover({ state: 'fail', bounds })).toBe('x at most 9, y at least 1')
})
