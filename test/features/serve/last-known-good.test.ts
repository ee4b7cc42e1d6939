import { beforeEach, describe, expect, test } from 'vitest'
import type { ChangeKind, FeedEntry } from '../../../src/core/feed/types.ts'
import { type AnyRow, getRowKey, type RowOf, type TableName } from '../../../src/core/rows/rows.ts'
import { createDecisionReader } from '../../../src/features/serve/decision-reader.ts'
import { FeedPump } from '../../../src/features/serve/feed-pump.ts'
import { GuardedStore } from '../../../src/features/serve/guarded-store.ts'
import { LastKnownGood } from '../../../src/features/serve/last-known-good.ts'
import { FfError } from '../../../src/errors.ts'
import type { ChangeFeed, ServiceStore } from '../../../src/ports/store.ts'
import { FLAG, flagRow, json, tenantRow, TENANT, userRow } from '../../core/builders.ts'

type Link = FeedEntry & { readonly hash: string }
const KINDS: Readonly<Record<TableName, ChangeKind>> = {
  flag_registry: 'flag',
  tenant_override: 'tenant_override',
  user_override: 'user_override',
}

/** A database in memory: rows, and a feed. */
class Database {
  readonly rows = new Map<string, readonly [TableName, AnyRow]>()
  chain: Link[] = []
  away: 'no' | 'all' | 'rows' | 'refused' = 'no'
  loads = 0

  put(table: TableName, row: AnyRow): void {
    const { scope_id, flag_key } = getRowKey(row)
    this.rows.set(`${table} ${scope_id ?? ''} ${flag_key}`, [table, row])
    const name = { flag_registry: 'flag', tenant_override: 'tenant', user_override: 'user' }[table]
    const target = [name, ...(scope_id === null ? [] : [scope_id]), flag_key].join('/')
    this.link({ kind: KINDS[table], target })
  }

  /** Numbers are left out, as those of refusals are. */
  link(link: Partial<Link>): void {
    const prev = this.chain.at(-1)?.seq ?? 0
    const seq = prev + 2
    this.chain.push({ seq, prev, hash: `h${seq}`, kind: 'flag', target: '', ...link })
  }

  private answer<T>(what: 'rows' | 'chain', value: () => T): Promise<T> {
    const code = { no: null, refused: 'rights_missing', all: 'target_unreachable' } as const
    const failure =
      this.away === 'rows' ? (what === 'rows' ? 'backing_unavailable' : null) : code[this.away]
    if (failure === null) return Promise.resolve(value())
    return Promise.reject(new FfError(failure, 'It is away.', { hint: 'Wait.' }))
  }

  private find<T extends TableName>(table: T, scope_id: string | null, flag_key: string) {
    const row = this.rows.get(`${table} ${scope_id ?? ''} ${flag_key}`)?.[1]
    return row === undefined ? null : { row: row as RowOf[T] }
  }

  private set({ flag_key, tenant_id, user_id }: Parameters<ServiceStore['read']>[0]) {
    return {
      flag: this.find('flag_registry', null, flag_key),
      tenant: tenant_id === null ? null : this.find('tenant_override', tenant_id, flag_key),
      user: user_id === null ? null : this.find('user_override', user_id, flag_key),
    }
  }

  readonly store = {
    kind: 'db',
    read: (query) => this.answer('rows', () => this.set(query)),
    readMany: (query) =>
      this.answer('rows', () =>
        query.flag_keys.map((flag_key) => this.set({ ...query, flag_key })),
      ),
    page: () => this.answer('rows', () => []),
  } as Partial<ServiceStore> as ServiceStore

  readonly feed: ChangeFeed = {
    rows: ({ table, after, limit }) =>
      this.answer('rows', () => {
        if (table === 'flag_registry' && after === null) this.loads += 1
        const listed = [...this.rows.values()]
          .filter(([held]) => held === table)
          .map(([, row]) => ({ key: getRowKey(row), held: { row } }))
          .toSorted((a, b) => (order(a.key) < order(b.key) ? -1 : 1))
        return listed
          .filter(({ key }) => after === null || order(key) > order(after))
          .slice(0, limit)
      }),
    changes: ({ from, limit }) =>
      this.answer('chain', () => {
        const { seq } = this.chain.at(-1) ?? { seq: 0 }
        const operator = this.chain.findLast(({ kind }) => kind === 'global')?.seq ?? 0
        const entries = this.chain.filter((one) => one.seq >= (from ?? seq)).slice(0, limit)
        return { epoch: { cutover: 0, operator }, seq, entries }
      }),
    listen: () => ({ arrives: () => true, close: () => Promise.resolve() }),
  }
}
const order = ({ scope_id, flag_key }: ReturnType<typeof getRowKey>): string =>
  `${scope_id ?? ''} ${flag_key}`

let database: Database
let time = 0
let guarded: GuardedStore
let lastKnown: LastKnownGood
let pump: FeedPump
const QUERY = { flag_key: FLAG, tenant_id: TENANT, user_id: 'U1001' }
const open = (max_bytes = 1_000_000): void => {
  guarded = new GuardedStore(database.store, 1_000, () => time)
  lastKnown = new LastKnownGood(guarded, database.feed, {
    max_bytes,
    stale_max_ms: 60_000,
    now: () => time,
  })
  pump = new FeedPump({ store: guarded, feed: database.feed }, [lastKnown], () => time)
}
const reader = () => createDecisionReader(guarded, lastKnown)
const away = { code: 'target_unreachable' }
beforeEach(() => {
  time = 0
  database = new Database()
  database.put('flag_registry', flagRow())
  database.put('tenant_override', tenantRow())
  open()
})

describe('S7: while the database is away', () => {
  test('the rows of the copy are served with their age, and counted', async () => {
    await pump.poll()
    expect((await reader().read(QUERY)).stale).toBeUndefined()
    database.away = 'all'
    time = 2_500
    expect(await reader().read(QUERY)).toEqual({
      flag: { row: flagRow() },
      tenant: { row: tenantRow() },
      user: null,
      stale: { age_ms: 2_500, unread: false },
    })
    const all = reader()
    expect(await all.page({ after: null, limit: 9 })).toMatchObject([{ flag_key: FLAG }])
    expect(await all.readMany({ ...QUERY, flag_keys: [FLAG, 'ff.none'] })).toMatchObject([
      { stale: { age_ms: 2_500 } },
      { flag: null, stale: { age_ms: 2_500 } },
    ])
    expect(lastKnown.decisions).toBe(3)
  })
  test('a request asks the database once', async () => {
    await pump.poll()
    database.away = 'all'
    const one = reader()
    await one.page({ after: null, limit: 9 })
    database.away = 'no'
    expect((await one.read(QUERY)).stale).toBeDefined()
    expect((await reader().read(QUERY)).stale).toBeUndefined()
  })
  test('before the copy is whole, and past its age, nothing is decided', async () => {
    database.away = 'all'
    await expect(pump.poll()).rejects.toMatchObject(away)
    expect(lastKnown.status()).toEqual({ state: 'loading', age_ms: null })
    await expect(reader().read(QUERY)).rejects.toMatchObject(away)
    database.away = 'no'
    await pump.poll()
    database.away = 'all'
    time = 59_999
    expect(lastKnown.status()).toEqual({ state: 'held', age_ms: 59_999 })
    expect((await reader().read(QUERY)).stale).toBeDefined()
    time = 60_000
    expect(lastKnown.status()).toEqual({ state: 'expired', age_ms: 60_000 })
    await expect(reader().read(QUERY)).rejects.toMatchObject(away)
  })
  test('a refusal of a database that answers is not hidden, however often it comes', async () => {
    await pump.poll()
    database.away = 'refused'
    for (let at = 0; at < 8; at += 1)
      await expect(reader().read(QUERY)).rejects.toMatchObject({ code: 'rights_missing' })
  })
  test('a change of this instance shows, also one that came while the copy was filled', async () => {
    const filled = pump.poll()
    while (database.loads === 0) await Promise.resolve()
    lastKnown.put('user_override', userRow(), 6)
    await filled
    lastKnown.put('tenant_override', tenantRow({ revision: 8, value: json('"own"') }), 8)
    database.away = 'all'
    expect(await reader().read(QUERY)).toMatchObject({
      tenant: { row: { value: '"own"' } },
      user: { row: userRow() },
    })
  })
})

describe('the copy follows the feed', () => {
  const held = async () => {
    const before = database.away
    database.away = 'all'
    const rows = await reader().read(QUERY)
    database.away = before
    return rows
  }
  test('by the rows that it names, without reading all rows again', async () => {
    await pump.poll()
    for (let revision = 4; revision < 1_204; revision += 1)
      database.put('flag_registry', flagRow({ revision }))
    database.put('user_override', userRow())
    database.link({ kind: 'approval', target: 'approval/APP-1-A' })
    database.link({ kind: 'jwks', target: 'jwks' })
    time = 1_000
    await pump.poll()
    expect(await held()).toMatchObject({
      flag: { row: { revision: 1_203 } },
      user: { row: userRow() },
      stale: { age_ms: 0, unread: false },
    })
    expect(database.loads).toBe(1)
  })
  test('but not by a change of its own, which it holds: a database away leaves no doubt', async () => {
    await pump.poll()
    const own = tenantRow({ revision: 8 })
    database.put('tenant_override', own)
    lastKnown.put('tenant_override', own, database.chain.at(-1)?.seq ?? 0)
    database.away = 'rows'
    await pump.poll()
    expect(await held()).toMatchObject({ tenant: { row: own }, stale: { unread: false } })
    database.put('tenant_override', tenantRow({ revision: 9 }))
    await expect(pump.poll()).rejects.toMatchObject({ code: 'backing_unavailable' })
    expect((await held()).stale).toMatchObject({ unread: true })
  })
  test('from an empty feed on', async () => {
    database = new Database()
    open()
    await pump.poll()
    database.put('flag_registry', flagRow())
    await pump.poll()
    expect((await held()).flag).toEqual({ row: flagRow() })
    expect(database.loads).toBe(1)
  })
  test('a flag whose row changed and cannot be read is unread until it is', async () => {
    await pump.poll()
    database.put('tenant_override', tenantRow({ revision: 8 }))
    database.away = 'rows'
    await expect(pump.poll()).rejects.toMatchObject({ code: 'backing_unavailable' })
    expect(await held()).toMatchObject({
      tenant: { row: { revision: 7 } },
      stale: { unread: true },
    })
    database.away = 'no'
    await pump.poll()
    expect(await held()).toMatchObject({
      tenant: { row: { revision: 8 } },
      stale: { unread: false },
    })
  })
  test('a flag is unread also while its row is being read, when another one changes', async () => {
    await pump.poll()
    const target = `tenant/${TENANT}/${FLAG}`
    lastKnown.apply({ seq: 6, prev: 4, kind: 'tenant_override', target })
    database.away = 'rows'
    const settled = lastKnown.settle(time)
    lastKnown.apply({ seq: 8, prev: 6, kind: 'flag', target: 'flag/ff.other' })
    expect((await held()).stale).toMatchObject({ unread: true })
    await expect(settled).rejects.toMatchObject({ code: 'backing_unavailable' })
    expect((await held()).stale).toMatchObject({ unread: true })
  })
  test.each([
    ['an import', (one: Database) => one.link({ kind: 'global', target: 'import/0a1b' })],
    ['a row that is gone', (one: Database) => one.link({ target: 'flag/ff.gone' })],
    ['a restored backup', (one: Database) => (one.chain = one.chain.slice(0, 1))],
    [
      'another chain',
      (one: Database) => {
        one.chain = one.chain.map((link) => ({ ...link, hash: `other-${link.hash}` }))
      },
    ],
    ['a row that is missing', (one: Database) => one.link({ target: `flag/${FLAG}`, prev: 1 })],
    ['a target that is no row', (one: Database) => one.link({ target: 'flag' })],
  ])('%s has all rows read again, at most every ten seconds', async (_what, happen) => {
    await pump.poll()
    database.rows.clear()
    database.put('flag_registry', flagRow({ revision: 1 }))
    database.chain = database.chain.slice(0, -1)
    happen(database)
    time = 9_000
    await pump.poll()
    expect(database.loads).toBe(1)
    expect(lastKnown.status().age_ms).toBe(9_000)
    time = 10_000
    await pump.poll()
    expect(database.loads).toBe(2)
    expect(await held()).toMatchObject({ flag: { row: { revision: 1 } }, tenant: null })
  })
  test('an import while all rows are read has them read again, and until then none decides', async () => {
    const filled = pump.poll()
    while (database.loads === 0) await Promise.resolve()
    database.link({ kind: 'global', target: 'import/0a1b' })
    await Promise.all([filled, pump.poll()])
    database.put('flag_registry', flagRow({ revision: 99 }))
    expect(await held()).toMatchObject({ stale: { unread: true } })
    expect(lastKnown.keep()).toBeNull()
    time = 10_000
    await pump.poll()
    expect(database.loads).toBe(2)
    expect(await held()).toMatchObject({
      flag: { row: { revision: 99 } },
      stale: { unread: false },
    })
  })
  test('read in batches, whole', async () => {
    for (let at = 0; at < 1_200; at += 1)
      database.put('user_override', userRow({ user_id: `U${at}` }))
    await pump.poll()
    database.away = 'all'
    for (const user_id of ['U0', 'U499', 'U1199'])
      expect((await reader().read({ ...QUERY, user_id })).user?.row).toMatchObject({ user_id })
  })
})

describe('a database larger than the limit has no copy', () => {
  test('at the start, and is tried again after ten minutes', async () => {
    open(400)
    await pump.poll()
    expect(lastKnown.status()).toEqual({ state: 'too_large', age_ms: null })
    await pump.poll()
    expect(database.loads).toBe(1)
    database.rows.clear()
    time = 600_000
    await pump.poll()
    expect(lastKnown.status().state).toBe('held')
  })
  test('once it has grown past it', async () => {
    open(1_500)
    await pump.poll()
    expect(lastKnown.status().state).toBe('held')
    database.put('flag_registry', flagRow({ revision: 4, description: 'x'.repeat(1_000) }))
    await pump.poll()
    expect(lastKnown.status().state).toBe('too_large')
  })
})
