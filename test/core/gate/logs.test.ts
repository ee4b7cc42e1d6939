import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EMPTY_CHAIN, getLastRecord } from '../../../src/core/gate/chain.ts'
import { compareLogs, renewHead } from '../../../src/core/gate/heads.ts'
import { type GateInput, judgeGate } from '../../../src/core/gate/judge-gate.ts'
import type { EvidenceDraft, WholeLog } from '../../../src/core/gate/types.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import {
  at,
  CHECKLIST,
  CONTROLS,
  detecting,
  getHash,
  go,
  NOW,
  passing,
  RUNNER,
  runner,
  signed,
  toItem,
  toLog,
} from './builders.ts'

const OTHER = 'o'.repeat(43)
const LOCAL = 'l'.repeat(43)
const HOUR_MS = 3_600_000
const ALL = CHECKLIST.items.map((item) => passing(item))
const TRUST = go().sight.trust as NonNullable<GateInput['sight']['trust']>
const RUNNERS = [runner(), runner({ kid: OTHER, name: 'staging' })]
/** A GO over the logs of two runners, of which one is empty. */
const twoLogs = (...logs: readonly WholeLog[]): GateInput =>
  go({ runners: RUNNERS, evidence: { status: 'whole', logs } })
const FULL = toLog([...ALL, ...CONTROLS])
const EMPTY = toLog([], { kid: OTHER })

test('two runners with young heads, one of them without a record, are a GO', () => {
  const judged = judgeGate(twoLogs(FULL, EMPTY))
  expect(judged).toMatchObject({ verdict: 'go', faults: [] })
  expect(judged.expires_next.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['log ci', 'log staging']),
  )
})

describe('what expires next', () => {
  const stale = { ...EMPTY, head: { ...EMPTY.head, time: at(-HOUR_MS) } }
  const other = (change: Partial<(typeof RUNNERS)[0]>) => [
    runner(),
    runner({ kid: OTHER, name: 'staging', ...change }),
  ]
  test.each<readonly [string, readonly WholeLog[], GateInput['runners'], Instant | null]>([
    ['a head', [FULL, EMPTY], other({}), at(HOUR_MS)],
    ['no log that is missing', [FULL], other({}), null],
    ['no log whose head is stale', [FULL, stale], other({}), null],
    ['the beginning of a runner without a log', [FULL], other({ from: at(5) }), at(5)],
    ['the beginning of a runner with a stale head', [FULL, stale], other({ from: at(5) }), at(5)],
    ['the head of a runner that begins', [FULL, EMPTY], other({ from: at(5) }), at(HOUR_MS)],
    [
      'the end of a runner before its head',
      [FULL, EMPTY],
      other({ until: at(HOUR_MS - 1) }),
      at(HOUR_MS - 1),
    ],
    ['no runner that is over', [FULL], other({ until: NOW }), null],
    ['no revoked key', [FULL, EMPTY], other({ revoked: true }), null],
  ])('names %s', (_what, logs, runners, time) => {
    const judged = judgeGate({ ...twoLogs(...logs), runners })
    const found = judged.expires_next.find(({ id }) => id === 'log staging')
    expect(found?.at ?? null).toBe(time)
    if (judged.valid_until === null) return
    const end = judged.valid_until
    const last = new Date(Date.parse(end) - 1).toISOString() as Instant
    expect(judgeGate({ ...twoLogs(...logs), runners, now: last }).verdict).toBe('go')
    expect(judgeGate({ ...twoLogs(...logs), runners, now: end }).verdict).not.toBe('go')
  })
})

describe('logs at the gate', () => {
  type Logs = readonly WholeLog[]
  const sealed = (time: Instant): Logs => [FULL, { ...EMPTY, head: { ...EMPTY.head, time } }]
  const naming = (head: Partial<WholeLog['head']>): Logs => [
    FULL,
    { ...EMPTY, head: { ...EMPTY.head, ...head } },
  ]
  const pinned = (seq: number, hash: string, kid = RUNNER) => ({
    pinned_heads: [{ kid, seq, hash }],
  })
  test.each<readonly [string, Logs, Partial<GateInput>, GateInput['now'] | string, string[]]>([
    ['a runner without a log', [FULL], {}, 'not_ready', ['log_missing']],
    ['no log at all', [], {}, 'not_ready', ['log_missing', 'log_missing']],
    ['a head just under one hour old', sealed(at(1 - HOUR_MS)), {}, 'ok', []],
    ['a head of one hour', sealed(at(-HOUR_MS)), {}, 'not_ready', ['head_stale']],
    ['a head a minute ahead', sealed(at(60_000)), {}, 'ok', []],
    ['a head further ahead', sealed(at(60_001)), {}, 'inconclusive', []],
    [
      'a runner whose time is over',
      [FULL, EMPTY],
      { runners: [runner(), past()] },
      'not_ready',
      ['head_stale'],
    ],
    ['a runner that is not current yet', [FULL], { runners: [runner(), coming()] }, 'ok', []],
    [
      'a runner whose key is revoked',
      [FULL, EMPTY],
      { runners: [runner(), revoked()] },
      'not_ready',
      ['head_stale'],
    ],
    [
      'the log of a revoked key that is gone',
      [FULL],
      { runners: [runner(), revoked()] },
      'not_ready',
      ['head_stale'],
    ],
    ['a closed log', [FULL, EMPTY], ended({ seq: 0, hash: EMPTY_CHAIN.hash }), 'ok', []],
    [
      'a closed log that is gone',
      [FULL],
      ended({ seq: 1, hash: getHash(1) }),
      'not_ready',
      ['log_missing'],
    ],
    [
      'a closed log that ends before',
      [FULL, EMPTY],
      ended({ seq: 1, hash: getHash(1) }),
      'not_ready',
      ['log_missing'],
    ],
    [
      'a closed log with another record',
      [FULL, EMPTY],
      ended({ seq: 0, hash: getHash(7) }),
      'not_ready',
      ['log_missing'],
    ],
    [
      'a closed log that is younger than its runner',
      [FULL, EMPTY],
      { runners: [runner(), runner({ kid: OTHER, closed: { seq: 0, hash: EMPTY_CHAIN.hash } })] },
      'ok',
      [],
    ],
    ['a lost log that is gone', [FULL], ended('lost'), 'ok', []],
    ['a lost log that is here', [FULL, EMPTY], ended('lost'), 'ok', []],
    [
      'a lost log that was signed for',
      [FULL],
      {
        ...ended('lost'),
        signoff: signed({ evidence_heads: [{ kid: OTHER, seq: 1, hash: getHash(1) }] }),
      },
      'ok',
      [],
    ],
    [
      'a closed log that was signed for and is gone',
      [FULL],
      {
        ...ended({ seq: 1, hash: getHash(1) }),
        signoff: signed({ evidence_heads: [{ kid: OTHER, seq: 1, hash: getHash(1) }] }),
      },
      'untrusted',
      ['evidence_missing'],
    ],
    ['a head that names the trust file', naming({ trust: TRUST }), {}, 'ok', []],
    [
      'a head that names an older trust file',
      naming({ trust: TRUST }),
      { sight: { trust: { version: 2, sha256: getHash(2) }, withdrawn: [] } },
      'not_ready',
      ['head_stale', 'head_stale'],
    ],
    [
      'a head that names a newer trust file',
      naming({ trust: { version: 2, sha256: getHash(2) } }),
      {},
      'untrusted',
      ['trust_rolled_back'],
    ],
    [
      'a head that names another trust file of the same version',
      naming({ trust: { version: 1, sha256: getHash(2) } }),
      {},
      'untrusted',
      ['trust_forked'],
    ],
    [
      'a head that names a withdrawal that is gone',
      naming({ withdrawn: [getHash(5)] }),
      {},
      'untrusted',
      ['withdrawal_missing'],
    ],
    [
      'a head that names a withdrawal that is here',
      naming({ withdrawn: [getHash(5)] }),
      { sight: { trust: TRUST, withdrawn: [getHash(5)] } },
      'ok',
      [],
    ],
    ['a pinned record', [FULL, EMPTY], pinned(42, getHash(42)), 'ok', []],
    ['a pinned beginning', [FULL, EMPTY], pinned(0, EMPTY_CHAIN.hash), 'ok', []],
    [
      'a pinned beginning with another hash',
      [FULL, EMPTY],
      pinned(0, getHash(7)),
      'untrusted',
      ['evidence_forked'],
    ],
    [
      'a pinned beginning of a log that is gone',
      [FULL, EMPTY],
      pinned(0, EMPTY_CHAIN.hash, 'x'.repeat(43)),
      'untrusted',
      ['evidence_missing'],
    ],
    ['a pinned record that others follow', [FULL, EMPTY], pinned(7, getHash(7)), 'ok', []],
    ['a pinned empty log', [FULL, EMPTY], pinned(0, EMPTY_CHAIN.hash, OTHER), 'ok', []],
    ['a pin past the end', [FULL, EMPTY], pinned(999, getHash(999)), 'untrusted', ['evidence_cut']],
    [
      'a pin of another record',
      [FULL, EMPTY],
      pinned(7, getHash(8)),
      'untrusted',
      ['evidence_forked'],
    ],
    [
      'a pin of a log that is gone',
      [FULL, EMPTY],
      pinned(1, getHash(1), LOCAL),
      'untrusted',
      ['evidence_missing'],
    ],
  ])('%s', (_what, logs, change, exitName, codes) => {
    const judged = judgeGate({ ...twoLogs(...logs), ...change })
    expect([judged.faults.map(({ code }) => code), judged.exitName]).toEqual([codes, exitName])
  })
  function past() {
    return runner({ kid: OTHER, until: NOW })
  }
  function coming() {
    return runner({ kid: OTHER, from: at(1) })
  }
  function revoked() {
    return runner({ kid: OTHER, revoked: true })
  }
  function ended(closed: NonNullable<GateInput['runners'][number]['closed']>) {
    return { runners: [runner(), runner({ kid: OTHER, until: NOW, closed })] }
  }
  test('a trust file that does not verify leaves its refusal to the sign-off', () => {
    const logs = naming({ trust: { version: 2, sha256: getHash(2) } })
    const sight = { trust: null, withdrawn: [] }
    expect(judgeGate({ ...twoLogs(...logs), sight }).faults).toEqual([])
  })
})

describe('of several logs', () => {
  const a1 = (change: Partial<EvidenceDraft> = {}): EvidenceDraft => ({
    ...passing(toItem('A1')),
    ...change,
  })
  const failed = { result: 'fail', codes: ['x'] } as const
  const during = (from: number, to: number) => ({ started_at: at(from), ended_at: at(to) })
  type Records = readonly EvidenceDraft[]
  test.each<readonly [string, Records, Records, string]>([
    [
      'the newest passes',
      [a1({ ...failed, ...during(-90_000, -80_000) })],
      [a1(during(-70_000, -60_000))],
      'pass',
    ],
    [
      'the newest fails',
      [a1(during(-90_000, -80_000))],
      [a1({ ...failed, ...during(-70_000, -60_000) })],
      'fail',
    ],
    [
      'the newest fails in the first log',
      [a1({ ...failed, ...during(-70_000, -60_000) })],
      [a1(during(-90_000, -80_000))],
      'fail',
    ],
    [
      'two overlap: the worse counts',
      [a1({ ...failed, ...during(-90_000, -70_000) })],
      [a1(during(-80_000, -60_000))],
      'fail',
    ],
    [
      'two touch: the worse counts',
      [a1({ ...failed, ...during(-90_000, -80_000) })],
      [a1(during(-80_000, -60_000))],
      'fail',
    ],
    [
      'two overlap and pass',
      [a1(during(-90_000, -70_000))],
      [a1(during(-80_000, -60_000))],
      'pass',
    ],
    [
      'a failure is worse than an error',
      [a1({ ...failed, ...during(-90_000, -70_000) })],
      [a1({ result: 'error', ...during(-80_000, -60_000) })],
      'fail',
    ],
    ['a clock that runs back within the measurement', [a1(during(-50_000, -60_000))], [], 'pass'],
    [
      'a late record of an earlier time does not hide a failure',
      [
        a1({ ...failed, ...during(-70_000, -60_000) }),
        a1({ ...failed, ...during(-99_000, -98_000) }),
      ],
      [a1(during(-90_000, -80_000))],
      'fail',
    ],
  ])('%s', (_what, first, second, state) => {
    const others = ALL.filter(({ item }) => item !== 'A1')
    const own = [...CONTROLS, ...others, ...first]
    const logs = [toLog(own), toLog(second, { kid: OTHER })]
    const { items } = judgeGate(twoLogs(...logs))
    expect(items.find(({ id }) => id === 'A1')?.state).toBe(state)
  })

  /** The log of the named runner holds the controls too. */
  const withControls = (logs: readonly WholeLog[]): readonly WholeLog[] => {
    const drafts = logs
      .filter(({ kid }) => kid === RUNNER)
      .flatMap(({ entries }) => entries.map(({ record }) => record))
    return [
      toLog([...drafts, ...detecting(toItem('A1'))]),
      ...logs.filter(({ kid }) => kid !== RUNNER),
    ]
  }
  const judgeA1 = (logs: readonly WholeLog[], change: Partial<GateInput> = {}): string => {
    const { items } = judgeGate({ ...twoLogs(...withControls(logs)), ...change })
    const found = items.find(({ id }) => id === 'A1')
    return [found?.state, ...(found?.codes ?? [])].join(' ')
  }
  const named = toLog([a1()])
  const local = toLog([a1(failed)], { kid: LOCAL })
  test('a runner that is not named counts only where no named one has a record', () => {
    expect(judgeA1([named, local])).toBe('pass')
    expect(judgeA1([local])).toMatch(/^inconclusive runner_not_named/)
  })
  test('of a revoked key only failures count, until a current runner measures again', () => {
    const runners = [runner(), runner({ kid: OTHER, name: 'lost', revoked: true })]
    const lost = (change: Partial<EvidenceDraft>) => toLog([a1(change)], { kid: OTHER })
    const newer = during(-30_000, -20_000)
    expect(judgeA1([named, lost(newer)], { runners })).toBe('pass')
    expect(judgeA1([named, lost({ ...newer, ...failed })], { runners })).toMatch(/^fail/)
    expect(judgeA1([named, lost({ ...failed, ...during(-300_000, -200_000) })], { runners })).toBe(
      'pass',
    )
    expect(judgeA1([lost(newer)], { runners })).toMatch(/^inconclusive runner_not_current/)
    expect(judgeA1([lost({ ...newer, ...failed })], { runners })).toMatch(/^fail/)
  })

  test('a record counts only from a place that its runner is named for', () => {
    const only = (...places: GateInput['runners'][number]['places']) => ({
      runners: [runner({ places })],
    })
    expect(judgeA1([named], only('scratch', 'staging'))).toBe('pass')
    expect(judgeA1([named], only('target', 'staging'))).toBe(
      'inconclusive runner_not_for_place control_runner_not_named',
    )
    const revoked = { runners: [runner({ places: ['target'], revoked: true })] }
    expect(judgeA1([toLog([a1(failed)])], revoked)).toMatch(/^inconclusive runner_not_for_place/)
  })
  describe('of a runner that has ended', () => {
    const past = (change: Partial<GateInput['runners'][number]> = {}) => ({
      runners: [
        runner(),
        runner({
          kid: OTHER,
          name: 'old',
          until: NOW,
          closed: { seq: 1, hash: getHash(1) },
          ...change,
        }),
      ],
    })
    const old = (...changes: readonly Partial<EvidenceDraft>[]) =>
      toLog(
        changes.map((change) => a1(change)),
        { kid: OTHER },
      )
    const before = during(-90_000, -80_000)
    const after = during(-30_000, -20_000)
    test.each<readonly [string, readonly WholeLog[], Partial<GateInput>, RegExp]>([
      ['a pass counts until it ages', [old(after)], past(), /^pass/],
      [
        'a pass that aged',
        [old(after)],
        { ...past(), now: at(25 * HOUR_MS) },
        /^stale evidence_old/,
      ],
      [
        'a pass of a revoked key',
        [old(after)],
        past({ revoked: true }),
        /^inconclusive runner_not_current/,
      ],
      [
        'a pass after its time',
        [old(after)],
        past({ until: at(-50_000) }),
        /^inconclusive runner_not_current/,
      ],
      [
        'a failure after its time',
        [old({ ...after, ...failed })],
        past({ until: at(-50_000) }),
        /^inconclusive runner_not_current/,
      ],
      [
        'a failure, and an older record of a current runner',
        [toLog([a1(before)]), old({ ...after, ...failed })],
        past(),
        /^fail/,
      ],
      [
        'a failure, and a newer record of a current runner',
        [toLog([a1(after)]), old({ ...before, ...failed })],
        past(),
        /^pass/,
      ],
      [
        'a failure, and one of a current runner that began before its end',
        [toLog([a1(during(-85_000, -20_000))]), old({ ...before, ...failed })],
        past(),
        /^fail/,
      ],
      [
        'a failure, and a newer record of a current runner at another place',
        [toLog([a1({ ...after, where: 'target' })]), old({ ...before, ...failed })],
        past(),
        /^fail/,
      ],
      [
        'a failure, and a newer record of a current runner that could not measure',
        [
          toLog([a1({ ...after, result: 'inconclusive', codes: ['x'] })]),
          old({ ...before, ...failed }),
        ],
        past(),
        /^fail/,
      ],
      [
        'what follows the record that closes the log',
        [old(before, { ...after, ...failed })],
        past(),
        /^pass/,
      ],
      [
        'a pass that follows the failure that closes the log',
        [old({ ...before, ...failed }, after)],
        past(),
        /^fail/,
      ],
      [
        'a lost log',
        [toLog([a1(before)]), old({ ...after, ...failed })],
        past({ closed: 'lost' }),
        /^pass/,
      ],
    ])('%s', (_what, logs, change, found) => expect(judgeA1(logs, change)).toMatch(found))

    test('a failure counts past the newer pass of another one that has ended', () => {
      const ends = { until: NOW, closed: { seq: 1, hash: getHash(1) } }
      const runners = [runner(), ...[OTHER, LOCAL].map((kid) => runner({ kid, ...ends }))]
      const passed = toLog([a1(after)], { kid: LOCAL })
      const wrong = old({ ...before, ...failed })
      expect(judgeA1([wrong, passed], { runners })).toMatch(/^fail/)
      expect(judgeA1([wrong, passed, toLog([a1(during(-70_000, -60_000))])], { runners })).toBe(
        'pass',
      )
    })
  })

  test('removing a log, or adding a failure to one, never causes a GO', () => {
    const drafts = fc.array(
      fc.record({
        place: fc.nat(2),
        fails: fc.boolean(),
        from: fc.integer({ min: -200_000, max: -1 }),
        took: fc.nat(50_000),
      }),
      { minLength: 1, maxLength: 8 },
    )
    const kids = [RUNNER, OTHER, LOCAL]
    const toLogs = (
      records: readonly { place: number; fails: boolean; from: number; took: number }[],
    ) =>
      kids.map((kid, index) =>
        toLog(
          [
            ...records
              .filter(({ place }) => place === index)
              .map(({ fails, from, took }) =>
                a1({ ...(fails ? failed : {}), ...during(from, Math.min(0, from + took)) }),
              ),
            ...detecting(toItem('A1')),
          ],
          { kid },
        ),
      )
    /** The last of three runners has ended with the first record of its log. */
    const toRunners = (logs: readonly WholeLog[]) =>
      kids.map((kid, index) => {
        const closed = getLastRecord(logs[index]?.entries.slice(0, 1) ?? [])
        return runner(kid === LOCAL ? { kid, closed } : { kid })
      })
    const verdict = (logs: readonly WholeLog[], runners = toRunners(logs)) => {
      const items = CHECKLIST.items.filter(({ id }) => id === 'A1')
      const checklist = { ...CHECKLIST, items }
      return judgeGate({ ...twoLogs(...logs), runners, checklist }).verdict
    }
    for (const place of [0, 2])
      expect(verdict(toLogs([{ place, fails: false, from: -100, took: 10 }]))).toBe('go')
    fc.assert(
      fc.property(drafts, fc.nat(2), (records, place) => {
        const logs = toLogs(records)
        const runners = toRunners(logs)
        const before = verdict(logs)
        expect(verdict(logs.toSpliced(place, 1), runners)).not.toBe('go')
        const added = records.flatMap((one) =>
          one.place === place ? [one, { ...one, fails: true }] : [one],
        )
        if (before !== 'go') expect(verdict(toLogs(added), runners)).not.toBe('go')
      }),
    )
  })
})

describe('a renewed head', () => {
  const last = { seq: 3, hash: getHash(3) }
  const sight = { trust: TRUST, withdrawn: [getHash(6), getHash(5)] }
  const [V1, V2] = [1, 2].map((version) => ({ version, sha256: getHash(version) })) as [
    typeof TRUST,
    typeof TRUST,
  ]
  const before = { ...last, time: NOW, trust: V1, withdrawn: [getHash(5)] }
  test('names the last record, the time, the trust file and each withdrawal in order', () => {
    const head = { ...last, time: NOW, trust: TRUST, withdrawn: [getHash(5), getHash(6)] }
    expect(renewHead(null, last, { ...sight, time: NOW })).toEqual({ ok: true, head })
  })
  test.each<readonly [string, object, object]>([
    ['a newer trust file', { trust: V2 }, { trust: V2, withdrawn: [getHash(5), getHash(6)] }],
    [
      'no trust file that verifies',
      { trust: null, withdrawn: [] },
      { trust: V1, withdrawn: [getHash(5)] },
    ],
    ['a clock a minute behind', { time: at(-60_000) }, { time: NOW }],
    ['a later time', { time: at(1) }, { time: at(1) }],
  ])('%s', (_what, change, expected) =>
    expect(renewHead(before, last, { ...sight, time: NOW, ...change })).toMatchObject({
      ok: true,
      head: expected,
    }),
  )
  test.each<readonly [string, object, object, string, string]>([
    [
      'an older trust file',
      { trust: V2 },
      {},
      'trust_rolled_back',
      'a head names version 2, the trust file is version 1',
    ],
    [
      'another trust file of the version',
      { trust: { ...V1, sha256: getHash(9) } },
      {},
      'trust_forked',
      'two files claim to be version 1',
    ],
    ['a withdrawal that is gone', {}, { withdrawn: [] }, 'withdrawal_missing', getHash(5)],
    [
      'a clock that was set back',
      {},
      { time: at(-60_001) },
      'clock_set_back',
      `the last head is of ${NOW}`,
    ],
  ])('is refused for %s', (_what, was, now, code, detail) =>
    expect(renewHead({ ...before, ...was }, last, { ...sight, time: NOW, ...now })).toEqual({
      ok: false,
      code,
      detail,
    }),
  )
  test('is not refused where the head before named no trust file', () =>
    expect(renewHead({ ...before, trust: null }, last, { ...sight, time: NOW }).ok).toBe(true))
})

describe('an imported log', () => {
  const here = toLog(ALL.slice(0, 3), { trust: TRUST })
  const longer = toLog(ALL.slice(0, 5), { trust: TRUST })
  test.each<readonly [string, WholeLog | null, WholeLog, string]>([
    ['of a key without a log here', null, here, 'extends'],
    ['that goes on', here, longer, 'extends'],
    ['that goes on after an empty one', toLog([]), longer, 'extends'],
    ['that is the same', here, here, 'unchanged'],
    ['that is a shorter part', longer, here, 'unchanged'],
    ['that is empty', here, toLog([]), 'unchanged'],
    ['with the same records and a newer head', here, sealedAt(here, at(1)), 'extends'],
    ['with the same records and an older head', here, sealedAt(here, at(-1)), 'unchanged'],
    ['that goes on under an older head', here, sealedAt(longer, at(-1)), 'evidence_forked'],
    ['with another last record', here, renamed(here), 'evidence_forked'],
    ['that is longer with another record', here, renamed(longer, 2), 'evidence_forked'],
    ['that is shorter with another record', longer, renamed(here), 'evidence_forked'],
    ['that goes on and names no trust file', here, toLog(ALL.slice(0, 5)), 'trust_rolled_back'],
  ])('%s', (_what, own, other, outcome) => {
    const compared = compareLogs(own, other)
    const said = compared.ok ? (compared.extends ? 'extends' : 'unchanged') : compared.code
    expect(said).toBe(outcome)
  })
  function sealedAt(log: WholeLog, time: Instant): WholeLog {
    return { ...log, head: { ...log.head, time } }
  }
  function renamed(log: WholeLog, place = log.entries.length - 1): WholeLog {
    const entries = log.entries.map((one, index) =>
      index === place ? { ...one, hash: getHash(99) } : one,
    )
    return { ...log, entries }
  }
})
