import { describe, expect, test } from 'vitest'
import {
  checkLogs,
  findLateLogs,
  isClockBehind,
  isHeadYoung,
  listHeadExpiries,
} from '../../../src/core/gate/judge-logs.ts'
import type { RunnerKey, WholeLog } from '../../../src/core/gate/types.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import { at, getHash, NOW, passing, RUNNER, runner, toItem, toLog } from './builders.ts'

const V2 = { version: 2, sha256: getHash(2) }
const SIGHT = { trust: V2, withdrawn: [getHash(5)] }
const LOG = toLog([passing(toItem('A1'))], { trust: V2 })
const sealed = (change: Partial<WholeLog['head']>): WholeLog => ({
  ...LOG,
  head: { ...LOG.head, ...change },
})
const closed = { seq: 2, hash: getHash(2) }
const FIRST = { seq: 1, hash: getHash(1) }

test.each<readonly [string, readonly WholeLog[], Partial<RunnerKey>, object | null]>([
  ['a young head under the present trust file', [LOG], {}, null],
  [
    'no log',
    [],
    {},
    { code: 'log_missing', detail: `runner ci, ${RUNNER}`, next: 'ff evidence seal --first' },
  ],
  [
    'an old head',
    [sealed({ time: at(-3_600_000) })],
    {},
    {
      code: 'head_stale',
      detail: `runner ci, sealed at ${at(-3_600_000)}`,
      next: 'ff evidence seal',
    },
  ],
  [
    'a head under the first trust file',
    [sealed({ trust: null })],
    {},
    {
      code: 'head_stale',
      detail: 'runner ci, sealed under version 1 of the trust file, now 2',
      next: 'ff evidence seal',
    },
  ],
  [
    'a log that has ended and is not closed',
    [LOG],
    { until: NOW },
    {
      code: 'head_stale',
      detail: `runner ci has ended, and the trust file does not close its log ${RUNNER}`,
      next: 'ff trust rotate --key alice.key.json',
      unclosed: true,
    },
  ],
  ['no log, before the time of its runner', [], { from: at(1) }, null],
  [
    'no log, at the begin of its runner',
    [],
    { from: NOW },
    { code: 'log_missing', detail: `runner ci, ${RUNNER}`, next: 'ff evidence seal --first' },
  ],
  [
    'the log of another runner alone',
    [{ ...LOG, kid: 'x' }],
    {},
    { code: 'log_missing', detail: `runner ci, ${RUNNER}`, next: 'ff evidence seal --first' },
  ],
  ['a log that holds the record that closes it', [LOG], { closed: FIRST }, null],
  ['a lost log', [], { closed: 'lost' }, null],
  [
    'no log of a runner whose log is closed',
    [],
    { closed },
    {
      code: 'log_missing',
      detail: `runner ci, ${RUNNER}, closed at record 2`,
      next: 'ff evidence list',
    },
  ],
  [
    'a log that ends before the record that closes it',
    [LOG],
    { closed },
    {
      code: 'log_missing',
      detail: `runner ci, ${RUNNER}, closed at record 2`,
      next: 'ff evidence list',
    },
  ],
])('%s', (_what, logs, change, late) => {
  const found = findLateLogs(logs, { runners: [runner(change)], now: NOW, sight: SIGHT })
  expect(found).toEqual(late === null ? [] : [{ kid: RUNNER, ...late }])
})
test('a head without a trust file is young where no trust file verifies', () => {
  const sight = { trust: null, withdrawn: [] }
  const found = findLateLogs([sealed({ trust: null })], { runners: [runner()], now: NOW, sight })
  expect(found).toEqual([])
})

test.each<readonly [string, Partial<WholeLog['head']>, readonly object[], object]>([
  [
    'a log that is not here',
    {},
    [{ kid: 'x', seq: 7, hash: getHash(7) }],
    { code: 'evidence_missing', detail: 'a log of 7 records is missing, log x' },
  ],
  [
    'a log that was cut, before what its head says',
    { trust: { version: 3, sha256: getHash(3) } },
    [{ kid: RUNNER, seq: 7, hash: getHash(7) }],
    { code: 'evidence_cut', detail: `1 of 7 records are there, log ${RUNNER}` },
  ],
  [
    'a head that names fewer withdrawals than are pinned',
    {},
    [{ kid: RUNNER, seq: 1, hash: getHash(1), withdrawn: 1 }],
    { code: 'evidence_cut', detail: `the head names 0 withdrawals of 1, log ${RUNNER}` },
  ],
  [
    'a newer trust file',
    { trust: { version: 3, sha256: getHash(3) } },
    [],
    {
      code: 'trust_rolled_back',
      detail: `a head names version 3, the trust file is version 2, log ${RUNNER}`,
    },
  ],
  [
    'another trust file',
    { trust: { version: 2, sha256: getHash(3) } },
    [],
    { code: 'trust_forked', detail: `two files claim to be version 2, log ${RUNNER}` },
  ],
  [
    'a withdrawal that is gone',
    { withdrawn: [getHash(5), getHash(6)] },
    [],
    { code: 'withdrawal_missing', detail: `${getHash(6)}, log ${RUNNER}` },
  ],
])('logs are untrusted for %s', (_what, head, must_hold, fault) => {
  const evidence = { status: 'whole', logs: [sealed(head)] } as const
  const found = checkLogs(evidence, { sight: SIGHT, must_hold: must_hold as never })
  expect(found).toEqual({ status: 'untrusted', ...fault })
})
test.each([0, 1])('a head that names %i withdrawals more than are pinned is whole', (more) => {
  const evidence = { status: 'whole', logs: [sealed({ withdrawn: [getHash(5)] })] } as const
  const must_hold = [{ kid: RUNNER, seq: 1, hash: getHash(1), withdrawn: 1 - more }]
  expect(checkLogs(evidence, { sight: SIGHT, must_hold })).toBe(evidence)
})

test.each([
  ['now', 0, true],
  ['just less than an hour ago', -3_599_999, true],
  ['an hour ago', -3_600_000, false],
  ['60 s ahead of this clock', 60_000, true],
  ['more than 60 s ahead of this clock', 60_001, false],
])('a head sealed %s is young: %i ms, %s', (_what, ms, young) => {
  expect(isHeadYoung(at(ms), NOW)).toBe(young)
})

test('logs that are untrusted already stay so', () => {
  const evidence = { status: 'untrusted', code: 'evidence_edited', detail: 'line 1' } as const
  expect(checkLogs(evidence, { sight: SIGHT, must_hold: [] })).toBe(evidence)
})

const HOUR_MS = 3_600_000
test.each<readonly [string, readonly WholeLog[], Partial<RunnerKey>, Instant | null]>([
  ['an hour after its head', [sealed({ time: at(-60_000) })], {}, at(HOUR_MS - 60_000)],
  ['with the time of its runner', [sealed({ time: NOW })], { until: at(9) }, at(9)],
  ['at the begin of its runner, without a log', [], { from: at(5) }, at(5)],
  [
    'at the begin of its runner, with an older head',
    [LOG],
    { from: at(2 * HOUR_MS) },
    at(2 * HOUR_MS),
  ],
  ['never, as it is late', [sealed({ time: at(-HOUR_MS) })], {}, null],
  ['never, as it is missing', [], { from: NOW }, null],
  ['never, as it has ended', [LOG], { closed: FIRST }, null],
])('a log becomes late %s', (_what, logs, change, end) => {
  const found = listHeadExpiries(logs, { runners: [runner(change)], now: NOW })
  expect(found).toEqual(end === null ? [] : [{ id: 'log ci', at: end }])
})

describe('the clock is behind', () => {
  const atTime = (time: Instant): readonly WholeLog[] => [
    {
      ...LOG,
      entries: LOG.entries.map((one) => ({ ...one, record: { ...one.record, ended_at: time } })),
    },
    {
      ...LOG,
      entries: LOG.entries.map((one) => ({ ...one, record: { ...one.record, recorded_at: time } })),
    },
    sealed({ time }),
  ]
  test('of a record or head that is more than 60 s ahead', () => {
    for (const log of atTime(at(60_001))) {
      expect(isClockBehind([log], NOW)).toBe(true)
      expect(isClockBehind([LOG, log], NOW)).toBe(true)
    }
    for (const log of atTime(at(60_000))) expect(isClockBehind([log], NOW)).toBe(false)
    expect(isClockBehind([], NOW)).toBe(false)
  })
})
