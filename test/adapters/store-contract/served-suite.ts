import { expect, test } from 'vitest'
import type { AnyRow, RowsOfFlag } from '../../../src/core/rows/rows.ts'
import type { AuditQuery } from '../../../src/core/audit/audit-page.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import type {
  Announcement,
  FlagEntry,
  OverrideQuery,
  ServiceStore,
} from '../../../src/ports/store.ts'
import { changesIn, expectChain } from './audit-chain.ts'
import type { StoreFixture } from './store-fixture.ts'
import { HOSTILE_FLAG_KEYS, HOSTILE_TENANT_IDS } from './hostile-keys.ts'
import {
  attempt,
  flagKey,
  NOW,
  overrideText,
  putFlag,
  putTenant,
  putUser,
  remove,
  taken,
} from './requests.ts'

const NONE: RowsOfFlag = { flag: null, tenant: null, user: null }
const KEYS = ['ff.a', 'ff.a-b', 'ff.a.b', 'ff.a0', 'ff.a_b', 'ff.ab']
const getKeys = (entries: readonly FlagEntry[]): readonly string[] =>
  entries.map(({ flag_key }) => flag_key)

/** Tests of `ServiceStore` beyond `FlagStore`. @param at opens an empty store for each test */
export function servedSuite(at: StoreFixture): void {
  bulk(at)
  pages(at)
  refusals(at)
  announcements(at)
  overrideLists(at)
  auditPages(at)
  earlierRevisions(at)
}

function earlierRevisions(at: StoreFixture): void {
  test('each revision of a row is kept, deletions too, and rolled back to', async () => {
    const key = { scope_id: 'a/b', flag_key: 'ff.a' }
    const rows = [await taken(at.store, putFlag('ff.a', { sensitive: 'true' }))]
    rows.push(await taken(at.store, putFlag('ff.a', { sensitive: 'true', owner: '"é\u2028"' })))
    const overrides = [
      await taken(at.store, putTenant('a/b', 'ff.a', overrideText('true', { note: '"n"' }))),
      await taken(at.store, remove('tenant_override', key)),
      await taken(at.store, putTenant('a/b', 'ff.a', overrideText('false'))),
    ]
    for (const row of rows) {
      const query = {
        table: 'flag_registry',
        key: flagKey('ff.a'),
        revision: row.revision,
      } as const
      expect(await at.store.revision(query)).toEqual({ row })
    }
    for (const row of overrides) {
      const query = { table: 'tenant_override', key, revision: row.revision } as const
      expect(await at.store.revision(query)).toEqual({ row })
      expect(await at.store.revision({ ...query, table: 'user_override' })).toBeNull()
      expect(await at.store.revision({ ...query, revision: 4 })).toBeNull()
    }
    const back = async (earlier: AnyRow) => {
      const detail = { kind: 'rollback', reason: 'r', earlier } as const
      const request = { ...remove('tenant_override', key), action: 'rollback', detail } as const
      const result = await at.store.write(request)
      if (!result.ok) throw new Error(JSON.stringify(result.problems))
      return result
    }
    const [first, gone] = overrides as [AnyRow, AnyRow]
    const { row, head } = await back(first)
    expect(row).toMatchObject({ value: 'true', note: 'n', revision: 4 })
    expect(await back(row)).toEqual({ ok: true, row, head, unchanged: true })
    expect(await at.store.auditHead()).toEqual(head)
    expect((await back(gone)).row).toHaveProperty('deleted_at')
    const records = await at.opened.records()
    expectChain(records, await at.store.auditHead())
    expect(changesIn(records).slice(-2)).toMatchObject([
      { action: 'override.rollback', target: 'tenant/a%2Fb/ff.a' },
      { action: 'override.rollback' },
    ])
  })
}

function overrideLists(at: StoreFixture): void {
  test('lists of overrides are those of one flag, or of one tenant, without tombstones', async () => {
    for (const flag of ['ff.a', 'ff.b']) {
      await taken(at.store, putFlag(flag))
      for (const id of ['b', 'B', '~', 'a/b', 'gone'])
        await taken(at.store, putTenant(id, flag, overrideText('true')))
      await taken(at.store, putUser('a', flag, overrideText('true')))
      await taken(at.store, remove('tenant_override', { scope_id: 'gone', flag_key: flag }))
    }
    const list = async (query: Partial<OverrideQuery>) => {
      const terms = { table: 'tenant_override', after: null, limit: 100 } as const
      const found = await at.store.overrides({ ...terms, by: 'flag_key', value: 'ff.a', ...query })
      for (const { key, held } of found) expect(held.row).toMatchObject({ flag_key: key.flag_key })
      return found.map(({ key }) => `${key.scope_id} ${key.flag_key}`)
    }
    expect(await list({})).toEqual(['B ff.a', 'a/b ff.a', 'b ff.a', '~ ff.a'])
    expect(await list({ after: 'B', limit: 2 })).toEqual(['a/b ff.a', 'b ff.a'])
    expect(await list({ after: '~' })).toEqual([])
    expect(await list({ table: 'user_override' })).toEqual(['a ff.a'])
    expect(await list({ by: 'scope_id', value: 'b' })).toEqual(['b ff.a', 'b ff.b'])
    expect(await list({ by: 'scope_id', value: 'b', limit: 1 })).toEqual(['b ff.a'])
    expect(await list({ by: 'scope_id', value: 'b', after: 'ff.a' })).toEqual(['b ff.b'])
    for (const value of ['ff.none', 'FF', 'ff.\u0000']) expect(await list({ value })).toEqual([])
  })
}

function auditPages(at: StoreFixture): void {
  test('a page of records by time ends where no earlier record can match', async () => {
    const hour = (text: string): Instant => `2026-01-15T${text}:00.000Z` as Instant
    // The clock of the second write is behind that of the first.
    for (const time of ['08:00', '07:30', '09:00', '08:59', '11:00'])
      await taken(at.store, putFlag('ff.a', {}, { occurred_at: hour(time) }))
    await taken(at.store, putFlag('ff.b', {}, { occurred_at: hour('11:01') }))
    const page = async (query: Partial<AuditQuery>) => {
      const terms = { after: null, target: 'flag/ff.a', since: null, until: null, limit: 100 }
      const { records, next } = await at.store.audit({ ...terms, ...query })
      return [records.map(({ occurred_at }) => occurred_at.slice(11, 16)), next !== null]
    }
    expect(await page({})).toEqual([['11:00', '08:59', '09:00', '07:30', '08:00'], false])
    expect(await page({ limit: 2 })).toEqual([['11:00', '08:59'], true])
    expect(await page({ target: null, limit: 1 })).toEqual([['11:01'], true])
    expect(await page({ since: hour('09:00') })).toEqual([['11:00', '09:00'], false])
    expect(await page({ since: hour('08:00'), until: hour('09:00') })).toEqual([
      ['08:59', '08:00'],
      false,
    ])
    expect(await page({ since: hour('12:01') })).toEqual([[], false])
    expect(await page({ target: 'flag/ff.c' })).toEqual([[], false])
    const all = await at.store.audit({
      after: null,
      target: null,
      since: null,
      until: null,
      limit: 500,
    })
    expect(all.records).toEqual((await at.opened.records()).toReversed())
    expect(all.next).toBeNull()
  })
}

function bulk(at: StoreFixture): void {
  test('readMany returns the flags in the order of the keys, each as read does', async () => {
    for (const key of ['ff.b', 'ff.a', 'ff.c']) await taken(at.store, putFlag(key))
    await taken(at.store, putTenant('A1', 'ff.a', overrideText('true')))
    await taken(at.store, putUser('U1', 'ff.c', overrideText('true')))
    const flag_keys = ['ff.c', 'ff.none', 'ff.a', 'ff.c', 'ff.b']
    for (const ids of [
      { tenant_id: 'A1', user_id: 'U1' },
      { tenant_id: 'A1', user_id: null },
      { tenant_id: null, user_id: null },
    ]) {
      const alone = await Promise.all(
        flag_keys.map((flag_key) => at.store.read({ flag_key, ...ids })),
      )
      expect(await at.store.readMany({ flag_keys, ...ids })).toStrictEqual(alone)
    }
    expect(await at.store.readMany({ flag_keys: [], tenant_id: 'A1', user_id: null })).toEqual([])
  })

  test('keys and ids that no row can have find nothing, and the others are found', async () => {
    const row = await taken(at.store, putFlag('ff.a'))
    const hostile = HOSTILE_FLAG_KEYS.map(([, key]) => key)
    for (const [, id] of HOSTILE_TENANT_IDS) {
      const sets = await at.store.readMany({
        flag_keys: [...hostile, 'ff.a'],
        tenant_id: id,
        user_id: id,
      })
      expect(sets).toStrictEqual([...hostile.map(() => NONE), { ...NONE, flag: { row } }])
    }
  })

  test('readMany during writes returns one snapshot', async () => {
    const flag_keys = Array.from({ length: 20 }, (_, index) => `ff.f${index}`)
    for (const key of flag_keys) await taken(at.store, putFlag(key))
    const writing = (async () => {
      for (const owner of ['"1"', '"2"', '"3"', '"4"', '"5"'])
        for (const key of flag_keys) await taken(at.store, putFlag(key, { owner }))
    })()
    let done = false
    void writing.then(() => (done = true))
    while (!done) {
      const sets = await at.store.readMany({ flag_keys, tenant_id: null, user_id: null })
      const revisions = sets.map(({ flag }) => flag?.row?.revision ?? 0)
      // The flags are written in turn, so in a snapshot earlier flags have the same revision or one more.
      expect(revisions.toSorted((a, b) => b - a)).toStrictEqual(revisions)
      expect((revisions[0] ?? 0) - (revisions.at(-1) ?? 0)).toBeLessThanOrEqual(1)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await writing
  })
}

function pages(at: StoreFixture): void {
  const page = (after: string | null, limit: number) => at.store.page({ after, limit })

  test('pages list flags by key in byte order, archived ones too', async () => {
    expect(await page(null, 10)).toStrictEqual([])
    for (const key of KEYS.toReversed()) await taken(at.store, putFlag(key))
    const row = await taken(at.store, remove('flag_registry', flagKey('ff.a0')))
    const sorted = KEYS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect(getKeys(await page(null, 100))).toStrictEqual(sorted)
    const seen: string[] = []
    for (let after: string | null = null; ;) {
      const entries: readonly FlagEntry[] = await page(after, 4)
      seen.push(...getKeys(entries))
      if (entries.length < 4) break
      after = entries.at(-1)?.flag_key ?? null
    }
    expect(seen).toStrictEqual(sorted)
    expect(await page('ff.a.b', 1)).toStrictEqual([{ flag_key: 'ff.a0', held: { row } }])
  })

  test('the next page shows a new flag and a changed one', async () => {
    await taken(at.store, putFlag('ff.b'))
    expect(getKeys(await page(null, 10))).toStrictEqual(['ff.b'])
    await taken(at.store, putFlag('ff.a'))
    await taken(at.store, putFlag('ff.c'))
    const row = await taken(at.store, putFlag('ff.b', { owner: '"team-b"' }))
    expect(await page('ff.a', 1)).toStrictEqual([{ flag_key: 'ff.b', held: { row } }])
    expect(getKeys(await page(null, 10))).toStrictEqual(['ff.a', 'ff.b', 'ff.c'])
  })

  test.each([
    ['', KEYS],
    ['ff', KEYS],
    ['ff.ab', []],
    ['ff.a', ['ff.a-b', 'ff.a.b', 'ff.a0', 'ff.a_b', 'ff.ab']],
    ['ff.a\u0000', ['ff.a-b', 'ff.a.b', 'ff.a0', 'ff.a_b', 'ff.ab']],
    ['ff.a\u0000z', ['ff.a-b', 'ff.a.b', 'ff.a0', 'ff.a_b', 'ff.ab']],
    ['ff.a\ud800', []],
    ['ff.A', KEYS],
    ['ff.a-\u00e9', ['ff.a.b', 'ff.a0', 'ff.a_b', 'ff.ab']],
    ['ff.a-😀\n\u0000', ['ff.a.b', 'ff.a0', 'ff.a_b', 'ff.ab']],
    ["'; --", KEYS],
    ['x'.repeat(10_000), []],
  ])('a page after %j has the flags whose keys sort after it', async (after, expected) => {
    for (const key of KEYS) await taken(at.store, putFlag(key))
    expect(getKeys(await page(after, 10))).toStrictEqual(expected)
  })
}

function announcements(at: StoreFixture): void {
  const announcement: Announcement = {
    kind: 'global',
    target: 'global',
    actor: 'U1',
    auth_mode: 'verified',
    request_id: 'r-1',
    occurred_at: NOW,
  }
  test('an announcement is a boundary record; everything at most once a minute for each actor', async () => {
    const named = { ...announcement, kind: 'flag', target: 'flag/ff.a' } as const
    for (const one of [named, announcement, named, { ...announcement, actor: 'U2' }])
      expect(await at.store.announce(one)).toMatchObject({ ok: true })
    const refused = await at.store.announce(announcement)
    expect(refused).toEqual({ ok: false, retry_after_s: expect.any(Number) })
    expect(refused.ok ? 0 : refused.retry_after_s).toBeGreaterThan(50)
    const records = await at.opened.records()
    expectChain(records, await at.store.auditHead())
    const about = { action: 'audit.boundary', outcome: 'applied', auth_mode: 'verified' }
    expect(records.slice(-4)).toMatchObject([
      { ...about, target: 'flag/ff.a', after: '{"announced":"flag"}' },
      { ...about, target: 'global', actor: 'U1', after: '{"announced":"global"}' },
      { ...about, target: 'flag/ff.a' },
      { ...about, target: 'global', actor: 'U2' },
    ])
    await taken(at.store, putFlag('ff.a'))
  })
}

function refusals(at: StoreFixture): void {
  const SECRET = 'kept-to-itself-7f3a'
  const refuse = async (refused: Parameters<ServiceStore['refuse']>[0]) => at.store.refuse(refused)

  test('a refusal is an audit record with the actor, the change and the reason', async () => {
    const body = overrideText(`"${SECRET}"`, { note: `"${SECRET}"` })
    const approval = { approval_ref: 'APP-1-a', answer: { status: 'unknown' } as const }
    await taken(at.store, putFlag('ff.a'))
    const asked = [
      putFlag('ff.new', { owner: `"${SECRET}"` }, { approval }),
      remove('flag_registry', flagKey('ff.a')),
      putTenant('A1', 'ff.a', body, { auth_mode: 'dev-headers' }),
      remove('user_override', { scope_id: 'U1', flag_key: 'ff.a' }),
    ]
    const heads = []
    for (const request of asked) heads.push(await refuse({ request, code: 'forbidden' }))
    await taken(at.store, putFlag('ff.a', { owner: '"team-b"' }))
    const records = await at.opened.records()
    expectChain(records, await at.store.auditHead())
    expect(JSON.stringify(records)).not.toContain(SECRET)
    const refused = changesIn(records).slice(1, -1)
    expect(heads).toStrictEqual(refused.map(({ seq, hash }) => ({ ok: true, head: { seq, hash } })))
    const shared = { outcome: 'refused', before: null, after: '{"refused":"forbidden"}' }
    const more = { occurred_at: NOW, actor: 'U-editor', request_id: 'request-1', phase: 'file' }
    const as = { ...shared, ...more, auth_mode: 'verified', approval_ref: null }
    expect(refused).toMatchObject([
      { ...as, action: 'flag.put', target: 'flag/ff.new', approval_ref: 'APP-1-a' },
      { ...as, action: 'flag.archive', target: 'flag/ff.a' },
      { ...as, action: 'override.put', target: 'tenant/A1/ff.a', auth_mode: 'dev-headers' },
      { ...as, action: 'override.delete', target: 'user/U1/ff.a' },
    ])
  })

  test('S14: a refusal of a key outside the grammar is recorded, and so is the number of refusals', async () => {
    const asked = [putFlag('ff.\u0000'), putTenant('a\ud800', 'ff.a', overrideText('true'))]
    for (const request of asked) await refuse({ request, code: 'form_wrong', count: 7 })
    const records = await at.opened.records()
    expectChain(records, await at.store.auditHead())
    const after = '{"count":7,"refused":"form_wrong"}'
    expect(changesIn(records)).toMatchObject([
      { outcome: 'refused', target: 'flag/*', after },
      { outcome: 'refused', target: 'tenant/*/ff.a', after },
    ])
  })

  test('a refusal changes no row, and is there after a restart', async () => {
    const row = await taken(at.store, putFlag('ff.a'))
    await refuse({ request: putFlag('ff.a', { owner: '"x"' }), code: 'forbidden' })
    await refuse({ request: putFlag('ff.new'), code: 'forbidden' })
    const head = await at.store.auditHead()
    const again = await at.opened.reopen()
    expect(await again.auditHead()).toStrictEqual(head)
    expect(await again.page({ after: null, limit: 10 })).toStrictEqual([
      { flag_key: 'ff.a', held: { row } },
    ])
    expect(await taken(again, putFlag('ff.a'))).toMatchObject({ revision: 2 })
    expectChain(await at.opened.records(), await again.auditHead())
  })

  test.each([
    ['an actor', putFlag('ff.a', {}, { actor: 'two words' }), '/actor'],
    ['a request id', putFlag('ff.a', {}, { request_id: 'r\ud800' }), '/request_id'],
  ])('a refusal with %s that does not fit leaves no record', async (_what, request, pointer) => {
    const before = await at.store.auditHead()
    const problems = [{ code: 'form_wrong', pointer }]
    expect(await refuse({ request, code: 'forbidden' })).toStrictEqual({ ok: false, problems })
    expect(await at.store.auditHead()).toStrictEqual(before)
    await taken(at.store, putFlag('ff.b'))
    expectChain(await at.opened.records(), await at.store.auditHead())
  })

  test('concurrent changes and refusals are all in one chain', async () => {
    await taken(at.store, putFlag('ff.a'))
    const work = Array.from({ length: 60 }, (_, index) => {
      const request = putFlag('ff.a', {}, { request_id: `r-${index}` })
      return index % 2 === 0 ? attempt(at.store, request) : refuse({ request, code: 'forbidden' })
    })
    await Promise.all(work)
    const records = await at.opened.records()
    expectChain(records, await at.store.auditHead())
    const outcomes = new Map(records.map(({ request_id, outcome }) => [request_id, outcome]))
    for (const index of work.keys())
      expect(outcomes.get(`r-${index}`)).toBe(index % 2 === 0 ? 'applied' : 'refused')
  })

  test('kill -9 during changes and refusals: every acknowledged one is there, and the chain is whole', async () => {
    for (const round of [0, 1, 2]) {
      const child = await at.opened.elsewhere()
      const answers: Promise<unknown>[] = []
      for (let index = 0; index < 30; index += 1)
        answers.push(child.ask(`${index % 2 === 0 ? 'refuse' : 'write'} ff.a`))
      const heard = await Promise.all(answers.slice(0, 10))
      const lost = Promise.allSettled(answers)
      await new Promise((resolve) => setTimeout(resolve, round * 2))
      await child.kill()
      await lost
      const store = await at.opened.reopen()
      const records = await at.opened.records()
      expectChain(records, await store.auditHead())
      const acknowledged = heard.flatMap((one) => (one as { seq?: number }).seq ?? [])
      expect(acknowledged).toHaveLength(5)
      for (const seq of acknowledged)
        expect(records[seq - 1]).toMatchObject({ seq, outcome: 'refused', target: 'flag/ff.a' })
      const applied = changesIn(records).filter(({ outcome }) => outcome === 'applied')
      const { flag } = await store.read({ flag_key: 'ff.a', tenant_id: null, user_id: null })
      expect(flag?.row?.revision).toBe(applied.length)
    }
  })
}
