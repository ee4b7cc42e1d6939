import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  compareServers,
  readServerIdentity,
  type ServerIdentity,
} from '../../../src/adapters/postgres/server-identity.ts'
import {
  lockSwitch,
  shareSwitchLock,
  unlockSwitch,
} from '../../../src/adapters/postgres/switch-lock.ts'
import { connect, createDatabase, type TestDatabase } from '../../support/database.ts'
import { failure } from '../store-contract/requests.ts'

const WRITERS = 8
let database: TestDatabase
const clients: pg.Client[] = []
const open = async (): Promise<pg.Client> => {
  const client = await connect('15', database.database)
  clients.push(client)
  return client
}
/** As the session of a switch does: the server ends it after the bound of silence. */
const withSwitchLock = async <T>(
  client: pg.Client,
  boundMs: number,
  work: () => Promise<T>,
): Promise<T> => {
  await client.query(`SET idle_session_timeout = ${boundMs}`)
  await lockSwitch(client, boundMs)
  try {
    return await work()
  } finally {
    await unlockSwitch(client)
  }
}
beforeAll(async () => {
  database = await createDatabase('15')
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()))
  await database.drop()
})

test('under 8 writers without a pause the switch gets its turn, and no write overlaps it', async () => {
  let [inside, writes, most, stopped] = [0, 0, 0, false]
  const write = async (client: pg.Client): Promise<void> => {
    while (!stopped) {
      await client.query('BEGIN')
      await shareSwitchLock(client, 10_000)
      inside += 1
      most = Math.max(most, inside)
      await client.query('SELECT pg_sleep(0.005)')
      inside -= 1
      writes += 1
      await client.query('COMMIT')
    }
  }
  const writers = (await Promise.all(Array.from({ length: WRITERS }, open))).map(write)
  const coordinator = await open()
  try {
    for (let turn = 0; turn < 5; turn += 1) {
      const before = writes
      while (writes < before + 2 * WRITERS) await sleep(1)
      const asked = writes
      await withSwitchLock(coordinator, 5_000, async () => {
        // Queued behind those that were under way, and before every later one: one write a writer at most.
        expect(writes - asked).toBeLessThanOrEqual(2 * WRITERS)
        expect(inside).toBe(0)
        const held = writes
        await sleep(30)
        expect([writes, inside]).toStrictEqual([held, 0])
      })
    }
  } finally {
    stopped = true
    await Promise.all(writers)
  }
  // The lock is shared by the writers.
  expect(most).toBeGreaterThan(1)
})

test('a write that does not end keeps the switch out, which backs out within its bound', async () => {
  const [writer, other, coordinator] = [await open(), await open(), await open()]
  await writer.query('BEGIN')
  await shareSwitchLock(writer, 1_000)
  expect(await failure(withSwitchLock(coordinator, 100, () => Promise.resolve()))).toBe(
    'lock_timeout',
  )
  // The session is as it was.
  const { rows } = await coordinator.query<{ lock_timeout: string }>('SHOW lock_timeout')
  expect(rows).toStrictEqual([{ lock_timeout: '0' }])
  // Writes go on behind a switch that backed out.
  await other.query('BEGIN')
  await shareSwitchLock(other, 1_000)
  await other.query('COMMIT')
  await writer.query('COMMIT')
  expect(await withSwitchLock(coordinator, 1_000, () => Promise.resolve('done'))).toBe('done')
})

test('a write that meets the switch waits for its bound, and its transaction has failed then', async () => {
  const [writer, coordinator] = [await open(), await open()]
  await withSwitchLock(coordinator, 5_000, async () => {
    await writer.query('BEGIN')
    expect(await failure(shareSwitchLock(writer, 50))).toBe('lock_timeout')
    await expect(writer.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
    await writer.query('ROLLBACK')
  })
})

test('a switch whose work fails, or whose session ends, frees the lock', async () => {
  const [first, second] = [await open(), await open()]
  await expect(
    withSwitchLock(first, 1_000, () => Promise.reject(new Error('the work failed'))),
  ).rejects.toThrow('the work failed')
  first.on('error', () => undefined) // The server ends the session.
  const idle = withSwitchLock(first, 100, () => sleep(400)).catch((error: unknown) => error)
  expect(await withSwitchLock(second, 2_000, () => Promise.resolve('done'))).toBe('done')
  expect(await idle).toBeInstanceOf(Error)
  clients.splice(clients.indexOf(first), 1)
})

test('the identity of a server is the same over each connection', async () => {
  const [first, second] = [await open(), await open()]
  const identity = await readServerIdentity(first)
  expect(identity.system).toMatch(/^\d+$/)
  expect(identity.started).toMatch(/^\d{16}$/)
  expect(identity.timeline).toBe(1)
  expect(compareServers(identity, await readServerIdentity(second))).toBe('same')
})

const BEFORE: ServerIdentity = { system: '7', started: '1000', timeline: 1 }
test.each([
  ['restarted', { ...BEFORE, started: '2000' }],
  ['promoted', { ...BEFORE, started: '2000', timeline: 2 }],
  ['promoted', { ...BEFORE, timeline: null }],
  ['other', { ...BEFORE, system: '8' }],
] as const)('another server is %s', (change, now) => {
  expect(compareServers(BEFORE, now)).toBe(change)
})
