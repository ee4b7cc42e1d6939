import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { adapters } from '../../../src/composition.ts'
import { migrateUp } from '../../../src/features/migrate/migrate.ts'
import type { CutoverDatabase, WriteName } from '../../../src/ports/cutover.ts'
import { type DatabasePair, startPair } from '../../soak/databases.mjs'
import { buildRecord, openSide } from '../../support/cutover-database.ts'
import { ROOT } from '../../support/run-ff.ts'
import { until } from '../../support/until.ts'
import { failure, putFlag } from '../store-contract/requests.ts'

const LIMITS = { boundMs: 2_000, leaseMs: 5_000 }
const name = (op_id: string): WriteName => ({ op_id, request_digest: null })
let place: string
let pair: DatabasePair
const sides: CutoverDatabase[] = []
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'ff-pair-'))
  pair = await startPair(place)
})
afterAll(async () => {
  await Promise.all(sides.map((side) => side.end()))
  await pair.stop()
  await rm(place, { recursive: true })
})

const toUrl = (hosts: readonly string[]): string =>
  `postgres://postgres@/postgres?host=${hosts.map(encodeURIComponent).join(',')}&target_session_attrs=read-write`
const run = async (host: string, text: string): Promise<void> => {
  const sql = new pg.Client({ host, user: 'postgres', database: 'postgres' })
  await sql.connect()
  await sql.query(text)
  await sql.query('SELECT pg_reload_conf()')
  await sql.end()
}

test('a standby that is promoted without its tail is another server, and what it lacks is gone', async () => {
  const { primary, standby } = pair
  const config = { connectionString: toUrl([primary.host, standby.host]) }
  const migrated = await migrateUp({
    root: ROOT,
    database: { kind: 'postgres', url: toUrl([primary.host]), name: 'primary' },
    adapters,
    signal: new AbortController().signal,
    dryRun: false,
    environment: 'prod',
    adopt: false,
    to: null,
  })
  expect(migrated.exitName).toBe('ok')
  const side = await openSide({ config, name: 'pair' })
  sides.push(side)
  const before = await side.look(0)
  const record = buildRecord({ epoch: 2, phase: 'db_authoritative', database: before.identity })
  await side.writeRecord(record, 1)
  const kept = await (await side.share(LIMITS)).write(putFlag('ff.kept'), name('kept'))
  const { head: keptHead } = await side.look(0)
  const publication = { epoch: 2, server: before.server, seq: keptHead.seq, counters: { i: 1 } }
  expect(await side.publish(publication)).toBe(true)

  // The standby stops following, and commits are acknowledged without it.
  await run(primary.host, `ALTER SYSTEM SET synchronous_standby_names = ''`)
  await run(standby.host, `ALTER SYSTEM SET primary_conninfo = ''`)
  await until(async () => {
    const sql = new pg.Client({ host: primary.host, user: 'postgres', database: 'postgres' })
    await sql.connect()
    const { rowCount } = await sql.query('SELECT FROM pg_stat_replication')
    await sql.end()
    return rowCount === 0
  })
  await (await side.share(LIMITS)).write(putFlag('ff.lost'), name('lost'))
  const { head: lostHead } = await side.look(0)
  expect(lostHead.seq).toBe(keptHead.seq + 1)
  await side.publish({ ...publication, seq: lostHead.seq })
  expect(await side.isMirrored(lostHead)).toBe('mirrored')
  // A file that has both changes: what the database lacks comes from there.
  const tail = await side.changes(keptHead, 10)
  const turn = await side.share(LIMITS)

  await pair.promote()
  expect(await failure(turn.write(putFlag('ff.open'), name('open')))).toMatch(
    /^(backing_unavailable|outcome_unknown)$/,
  )
  await until(async () =>
    side.look(0).then(
      () => true,
      () => false,
    ),
  )
  const after = await side.look(keptHead.seq)
  expect(after.server).not.toBe(before.server)
  expect([after.identity, after.record, after.head, after.hash]).toStrictEqual([
    before.identity,
    record,
    keptHead,
    keptHead.hash,
  ])
  // The publication is of the server before: it is no consent here, and nothing is published in its name.
  expect(after.publication).toStrictEqual(publication)
  expect(await side.publish({ ...publication, seq: lostHead.seq })).toBe(false)
  expect(await side.leaveMirror({ ...record, epoch: 3, phase: 'complete' }, 2)).toBe(false)
  expect(await side.isMirrored(lostHead)).toBe('gone')
  expect(await side.isMirrored(keptHead)).toBe('mirrored')
  expect(await side.hashAt(lostHead.seq)).toBeNull()
  expect(await failure(side.changes(lostHead, 1))).toBe('chains_forked')
  // By its name the kept change is made once, also here; the lost one comes back with its number and hash.
  const again = await (await side.share(LIMITS)).write(putFlag('ff.kept'), name('kept'))
  expect(again).toStrictEqual(kept)
  expect(await side.append(keptHead, tail, 2)).toBe(true)
  expect(await side.head()).toStrictEqual(lostHead)
  expect(await side.publish({ ...publication, server: after.server, seq: lostHead.seq })).toBe(true)
  expect(await side.isMirrored(lostHead)).toBe('mirrored')
})
