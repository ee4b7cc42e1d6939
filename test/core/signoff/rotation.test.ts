import { describe, expect, test } from 'vitest'
import {
  buildNextVersion,
  closeLogs,
  findRunnerRetreat,
  listCurrentRunners,
  type LogEnds,
  type Rotation,
  type TrustChanges,
  withoutEnds,
} from '../../../src/core/signoff/rotation.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import type { TrustedRunner, TrustFile } from '../../../src/core/signoff/types.ts'
import { asRunner, digest, NOW, TRUST } from '../../features/signoff/people.ts'

const [ci, staging, fresh] = [asRunner('ci'), asRunner('staging'), asRunner('new')]
const END = { seq: 3, hash: digest('record') }
const SEALED = { ...END, sealed_at: NOW }
const PAST = '2026-01-10T00:00:00.000Z'
const withRunners = (...runners: readonly TrustedRunner[]): TrustFile => ({ ...TRUST, runners })
const before = withRunners(ci, staging)
const revoking = (trust: TrustFile, ...kids: readonly string[]): TrustFile => ({
  ...trust,
  revoked: { ...trust.revoked, keys: kids.map((kid) => ({ kid, at: NOW, reason: 'stolen' })) },
})
const NONE: TrustChanges = { add: [], end: [], revoke: [], lost: [], reason: '', expires: null }
const codeOf = (rotation: Rotation): string => (rotation.ok ? 'ok' : rotation.fault.code)

describe('the next version of a trust file', () => {
  const { from: _f, until: _u, ...added } = fresh
  const { from: _g, until: _v, ...again } = ci
  const runners = (change: Partial<TrustChanges>, trust = before) => {
    const next = buildNextVersion(trust, { ...NONE, ...change }, NOW)
    return next.ok ? next.trust.runners : next.fault.code
  }
  test('changes nothing but its version where nothing is named', () =>
    expect(buildNextVersion(before, NONE, NOW)).toEqual({
      ok: true,
      trust: { ...before, version: 2 },
    }))
  test('names a new runner from now on until 90 days after the file expires', () => {
    const until = '2026-08-30T00:00:00.000Z'
    expect(runners({ add: [added] })).toEqual([ci, staging, { ...added, from: NOW, until }])
    const expires = '2026-07-01T00:00:00.000Z' as never
    const [, , last] = runners({ add: [added], expires }) as readonly TrustedRunner[]
    expect(last?.until).toBe('2026-09-29T00:00:00.000Z')
  })
  test('changes the places of a runner that is named, and nothing else of it', () =>
    expect(runners({ add: [{ ...again, places: ['scratch'] }] })).toEqual([
      { ...ci, places: ['scratch'] },
      staging,
    ]))
  test('ends a runner by name or key', () => {
    for (const name of ['staging Example', staging.kid])
      expect(runners({ end: [name] })).toEqual([ci, { ...staging, until: NOW }])
  })
  test('does not prolong the time of a runner that is over', () => {
    const old = { ...staging, until: PAST }
    expect(runners({ end: [staging.kid] }, withRunners(ci, old))).toEqual([ci, old])
  })
  test('ends a runner whose log is lost', () =>
    expect(runners({ lost: [ci.kid] })).toEqual([{ ...ci, until: NOW, lost: true }, staging]))
  test('revokes a key with the reason', () => {
    const next = buildNextVersion(before, { ...NONE, revoke: [ci.kid], reason: 'stolen' }, NOW)
    expect(next).toMatchObject({
      trust: { runners: [ci, staging], revoked: { keys: [{ kid: ci.kid, reason: 'stolen' }] } },
    })
  })
  test('takes the runner that goes on, of two with one name', () => {
    const old = { ...staging, name: ci.name, until: PAST, closed: END }
    const [, first] = runners({ end: [ci.name] }, withRunners(old, ci)) as readonly TrustedRunner[]
    expect(first).toMatchObject({ kid: ci.kid, until: NOW })
  })
  test.each<readonly [string, Partial<TrustChanges>, TrustFile, string]>([
    ['a runner that is not named', { end: ['nightly'] }, before, 'runner_unknown'],
    ['a name that two runners have', { lost: ['ci'] }, both('ci'), 'runner_ambiguous'],
    ['a new runner whose key is over', { add: [again] }, over({ until: PAST }), 'runner_ended'],
    ['a new runner whose log is lost', { add: [again] }, over({ lost: true }), 'runner_ended'],
    ['a new runner that is revoked', { add: [again] }, revoking(before, ci.kid), 'runner_ended'],
  ])('is not made for %s', (_what, change, trust, code) =>
    expect(codeOf(buildNextVersion(trust, { ...NONE, ...change }, NOW))).toBe(code),
  )
  test.each<readonly [string, Partial<TrustChanges>, TrustFile, object]>([
    ['that is not named', { end: ['nightly'] }, before, { name: 'nightly', kids: [] }],
    [
      'of two with one name',
      { revoke: ['ci'] },
      both('ci'),
      { name: 'ci', kids: [ci.kid, staging.kid] },
    ],
    [
      'that has ended',
      { add: [again] },
      over({ until: PAST }),
      { name: 'ci Example', kids: [ci.kid] },
    ],
    [
      'that has ended at this moment',
      { add: [again] },
      over({ until: NOW }),
      { name: 'ci Example', kids: [ci.kid] },
    ],
  ])('names a runner %s, and its keys', (_what, change, trust, fault) =>
    expect(buildNextVersion(trust, { ...NONE, ...change }, NOW)).toMatchObject({ fault }),
  )
  test('is made for a new runner beside one that has ended', () =>
    expect(codeOf(buildNextVersion(over({ until: PAST }), { ...NONE, add: [added] }, NOW))).toBe(
      'ok',
    ))
  test('changes what a runner is called, its time and its loss at once', () => {
    const changes = { add: [{ ...again, name: 'new' }], lost: [ci.kid], end: [staging.kid] }
    expect(runners(changes)).toEqual([
      { ...ci, name: 'new', until: NOW, lost: true },
      { ...staging, until: NOW },
    ])
  })
  test('revokes keys besides those that are revoked', () => {
    const change = { ...NONE, revoke: [staging.kid], reason: 'lost' }
    const next = buildNextVersion(revoking(before, ci.kid), change, NOW)
    expect(next.ok && next.trust.revoked.keys).toEqual([
      { kid: ci.kid, at: NOW, reason: 'stolen' },
      { kid: staging.kid, at: NOW, reason: 'lost' },
    ])
  })
  function both(name: string): TrustFile {
    return withRunners({ ...ci, name }, { ...staging, name })
  }
  function over(change: Partial<TrustedRunner>): TrustFile {
    return withRunners({ ...ci, ...change })
  }
})

describe('the log of a runner that has ended', () => {
  const endsOf = (sealed_at: Instant): LogEnds =>
    new Map<string, typeof SEALED | 'damaged'>([
      [ci.kid, { ...END, sealed_at }],
      [staging.kid, 'damaged'],
    ])
  const ends = endsOf(NOW)
  const closed = { ...ci, until: PAST, closed: END }
  test('is closed at its last record', () => {
    const trust = withRunners({ ...ci, until: PAST }, staging)
    expect(closeLogs(trust, ends, NOW)).toEqual({ ok: true, trust: withRunners(closed, staging) })
    expect(closeLogs(revoking(before, ci.kid), ends, NOW)).toMatchObject({
      trust: { runners: [{ ...ci, closed: END }, staging] },
    })
  })
  test.each<readonly [string, Instant, string]>([
    ['just under an hour ago', '2026-01-15T08:00:00.001Z' as Instant, 'ok'],
    ['an hour ago', '2026-01-15T08:00:00.000Z' as Instant, 'log_not_sealed'],
    ['a minute ahead', '2026-01-15T09:01:00.000Z' as Instant, 'ok'],
    ['further ahead', '2026-01-15T09:01:00.001Z' as Instant, 'log_not_sealed'],
  ])('and was sealed %s', (_what, sealed_at, code) => {
    const closing = closeLogs(withRunners({ ...ci, until: PAST }), endsOf(sealed_at), NOW)
    expect(codeOf(closing)).toBe(code)
    if (code === 'ok') return
    expect(closing).toMatchObject({ fault: { name: ci.name, kids: [ci.kid], sealed_at } })
  })
  test('is declared lost after it was closed, where it is gone', () => {
    const next = buildNextVersion(withRunners(closed), { ...NONE, lost: [ci.kid] }, NOW)
    expect(next).toMatchObject({ trust: { runners: [{ ...ci, until: PAST, lost: true }] } })
    expect(next.ok && next.trust.runners[0]).not.toHaveProperty('closed')
    expect(next.ok && findRunnerRetreat(withRunners(closed), next.trust)).toBeNull()
  })
  test('stays closed or lost, wherever it is', () => {
    const trust = withRunners(closed, { ...staging, lost: true })
    expect(closeLogs(trust, new Map(), NOW)).toEqual({ ok: true, trust })
  })
  test.each<readonly [string, TrustedRunner, string]>([
    ['that is damaged', staging, 'log_damaged'],
    ['that is not here', fresh, 'log_not_here'],
  ])('%s is not closed', (_what, one, code) =>
    expect(codeOf(closeLogs(withRunners({ ...one, until: PAST }), ends, NOW))).toBe(code),
  )
  test.each<readonly [string, TrustedRunner]>([
    ['log_damaged', staging],
    ['log_not_here', fresh],
  ])('%s names the runner and its key', (code, one) =>
    expect(closeLogs(withRunners({ ...one, until: NOW }), ends, NOW)).toEqual({
      ok: false,
      fault: { code, name: one.name, kids: [one.kid] },
    }),
  )
  test('does not go on', () => {
    const trust = withRunners(closed, staging, { ...fresh, until: PAST })
    expect(listCurrentRunners(trust, NOW)).toEqual([staging])
    expect(withoutEnds(withRunners(closed)).runners).toEqual([{ ...ci, until: PAST }])
  })
})

describe('a next version that takes something back', () => {
  const closed = { ...ci, closed: END }
  const lost = { ...ci, lost: true } as const
  test.each<readonly [string, TrustFile, TrustFile, string | null]>([
    ['nothing', before, withRunners(staging, { ...ci, until: PAST }, fresh), null],
    ['a runner', before, withRunners(staging), 'runner_left_out'],
    ['nothing of a closed log', withRunners(closed), withRunners(closed), null],
    ['that a log was closed', withRunners(closed), withRunners(ci), 'runner_reopened'],
    ['that a log was lost', withRunners(lost), withRunners(ci), 'runner_reopened'],
    ['nothing of a lost log', withRunners(lost), withRunners(lost), null],
    [
      'the record that closes a log',
      withRunners(closed),
      withRunners({ ...closed, closed: { ...END, seq: 2 } }),
      'runner_reopened',
    ],
    [
      'the hash that closes a log',
      withRunners(closed),
      withRunners({ ...closed, closed: { ...END, hash: digest('other') } }),
      'runner_reopened',
    ],
    ['nothing where a closed log is lost', withRunners(closed), withRunners(lost), null],
    ['that a log was lost, for an end', withRunners(lost), withRunners(closed), 'runner_reopened'],
    ['a revocation', revoking(before, ci.kid), before, 'runner_reopened'],
    ['no revocation', revoking(before, ci.kid), revoking(before, ci.kid), null],
  ])('%s', (_what, was, next, code) => {
    const fault = code === null ? null : { code, name: ci.name, kids: [ci.kid] }
    expect(findRunnerRetreat(was, next)).toEqual(fault)
  })
})
