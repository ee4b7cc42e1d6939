import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PhaseRecord } from '../../../src/core/cutover/record.ts'
import type { CutoverDatabase, WriteName } from '../../../src/ports/cutover.ts'
import { FaultProxy } from '../../faults/tcp-proxy.ts'
import { buildRecord, openSide } from '../../support/cutover-database.ts'
import {
  connect,
  getSocket,
  migratedDatabase,
  SUPPORTED,
  type TestDatabase,
} from '../../support/database.ts'
import { FULL } from '../../support/scale.ts'
import { getErrorCode, putFlag } from '../store-contract/requests.ts'

const LIMITS = { boundMs: 2_000, leaseMs: 5_000 }
const name = (op_id: string): WriteName => ({ op_id, request_digest: null })
/** Bytes of answers between two cuts; the finer one is less than the answer to a COMMIT. */
const STEP = FULL ? 16 : 96
const FINE_STEP = 8
/** An error after which the server has gone, as the driver reads it. */
function formatPanic(code: string): Buffer {
  const fields = Buffer.from(`SPANIC\0VPANIC\0C${code}\0Mcould not write\0\0`)
  const head = Buffer.from('E....')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}
const VERSIONS = FULL ? SUPPORTED : (['18'] as const)

describe.each(VERSIONS)('a connection to PostgreSQL %s that is cut', (version) => {
  let database: TestDatabase
  let proxy: FaultProxy
  let near: CutoverDatabase
  let record: PhaseRecord
  let sql: pg.Client
  beforeEach(async () => {
    database = await migratedDatabase(version)
    proxy = await FaultProxy.to({ path: `${getSocket(version)}/.s.PGSQL.5432` })
    near = await openSide(database)
    sql = await connect(version, database.database)
    const { identity } = await near.look(0)
    record = buildRecord({ epoch: 2, phase: 'db_authoritative', database: identity })
    await near.writeRecord(record, 1)
  })
  afterEach(async () => {
    await near.end()
    await sql.end()
    await proxy.close()
    await database.drop()
  })
  /** A side behind the proxy, whose connections are cut after so many bytes of answers from now on. */
  const openFar = async (): Promise<CutoverDatabase> =>
    openSide({ ...database, config: { ...database.config, host: '127.0.0.1', port: proxy.port } })

  /**
   * Runs `work` again and again, cut a little later each time, until it succeeds; then again at shorter distances before
   * that, where the commit is answered.
   *
   * @param warm opens the connection that `work` uses, so that it is not cut while it is opened
   * @returns for each cut what was thrown; `none` where nothing was
   */
  const cutAtEachStatement = async (
    work: (far: CutoverDatabase, at: number) => Promise<unknown>,
    settle: (at: number, code: string) => Promise<void>,
    warm: (far: CutoverDatabase) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<readonly string[]> => {
    const codes: string[] = []
    const cutAfter = async (bytes: number): Promise<string> => {
      const at = codes.length
      const far = await openFar()
      await warm(far)
      await proxy.set({ kind: 'cut_after', bytes: proxy.answeredBytes + bytes })
      const code = await work(far, at).then(
        () => 'none',
        (error: unknown) => getErrorCode(error),
      )
      await proxy.set({ kind: 'none' })
      await far.end()
      codes.push(code)
      await settle(at, code)
      return code
    }
    let end = 0
    while ((await cutAfter(end)) !== 'none') {
      end += STEP
      expect(end).toBeLessThan(10_000)
    }
    for (let bytes = end - STEP + FINE_STEP; bytes < end; bytes += FINE_STEP) await cutAfter(bytes)
    return codes
  }

  test('a write is there, or not, or its outcome is not known; never otherwise than was said', async () => {
    const codes = await cutAtEachStatement(
      async (far, at) => (await far.share(LIMITS)).write(putFlag(`ff.x${at}`), name(`op${at}`)),
      async (at, code) => {
        const found = await sql.query('SELECT FROM ff.change_log WHERE op_id = $1', [`op${at}`])
        if (code === 'none') expect(found.rowCount).toBe(1)
        else if (code !== 'outcome_unknown') expect(found.rowCount).toBe(0)
        // By its name it is made once, whatever happened.
        const turn = await near.share(LIMITS)
        expect((await turn.write(putFlag(`ff.x${at}`), name(`op${at}`))).result.ok).toBe(true)
        const again = await sql.query('SELECT FROM ff.change_log WHERE op_id = $1', [`op${at}`])
        expect(again.rowCount).toBe(1)
      },
    )
    expect(codes.length).toBeGreaterThan(5)
    expect(codes).toContain('outcome_unknown')
    expect(new Set(codes)).toStrictEqual(
      new Set(['backing_unavailable', 'outcome_unknown', 'none']),
    )
  })

  test.each(['53100', '58030', '57P02', 'XX000'])(
    'a server that ends with %s at a commit leaves the outcome unknown',
    async (code) => {
      const far = await openFar()
      const turn = await far.share(LIMITS)
      await proxy.set({ kind: 'last_words', after: 'COMMIT', bytes: formatPanic(code) })
      const failed = await turn.write(putFlag('ff.a'), name('op')).catch(getErrorCode)
      expect(failed).toBe('outcome_unknown')
      const found = await sql.query(`SELECT FROM ff.change_log WHERE op_id = 'op'`)
      expect(found.rowCount).toBe(1)
      await far.end()
    },
  )

  test('a decision is read back after any cut, and its session holds no lock any more', async () => {
    let [stands, seq] = [record, (await near.head()).seq]
    const codes = await cutAtEachStatement(
      async (far, at) => {
        const session = await far.openSwitch(2_000)
        try {
          await session.lockExclusive()
          const next = { ...stands, epoch: stands.epoch + 1, attempt: at + 2 }
          expect(await session.decide(next, stands.epoch)).toBe(true)
        } finally {
          await session.close()
        }
      },
      async (at, code) => {
        // Taken by a write, the lock is free.
        await (await near.share(LIMITS)).free()
        const look = await near.look(0)
        const decided = look.record?.epoch === stands.epoch + 1
        if (code === 'none') expect(decided).toBe(true)
        else if (code !== 'outcome_unknown') expect(decided).toBe(false)
        if (decided) expect(look.record?.attempt).toBe(at + 2)
        // The record and its boundary record are there together, or neither.
        expect(look.head.seq).toBe(seq + (decided ? 1 : 0))
        stands = look.record ?? stands
        seq = look.head.seq
      },
    )
    expect(codes).toContain('outcome_unknown')
  })

  test('an append is there whole, or not at all', async () => {
    const made = await migratedDatabase(version)
    const other = await openSide(made)
    try {
      const { identity, head: start } = await other.look(0)
      await near.fill(await other.content())
      await other.writeRecord({ ...record, database: identity }, 1)
      for (const at of [1, 2, 3])
        await (await other.share(LIMITS)).write(putFlag(`ff.x${at}`), name(`op${at}`))
      const changes = await other.changes(start, 100)
      const end = await other.head()
      const codes = await cutAtEachStatement(
        // False where an earlier one has landed, whose answer was lost.
        (far) => far.append(start, changes, 2),
        async (_, code) => {
          const head = await near.head()
          expect([start, end]).toContainEqual(head)
          if (code === 'none') expect(head).toStrictEqual(end)
        },
      )
      expect(codes.length).toBeGreaterThan(5)
      expect(await near.changes(start, 100)).toStrictEqual(changes)
    } finally {
      await other.end()
      await made.drop()
    }
  })
})
