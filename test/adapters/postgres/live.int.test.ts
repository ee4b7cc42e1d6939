import { appendFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FileReader } from '../../../src/adapters/file-store/file-reader.ts'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { ReadPipe } from '../../../src/adapters/postgres/read-pipe.ts'
import { SERVER_NAME } from '../../../src/adapters/postgres/server-identity.ts'
import { connect, createDatabase, startServer, type TestDatabase } from '../../support/database.ts'
import { startChild } from '../store-contract/child.ts'
import { temporaryFolder, TOOLS } from '../store-contract/opened-store.ts'
import { failure, putFlag, taken } from '../store-contract/requests.ts'

const query = (flag_key: string) => ({ flag_key, tenant_id: null, user_id: null })

describe('a file store that is read while a service writes', () => {
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    await createStore(folder)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('shows acknowledged rows, also after a compaction, and keeps showing them', async () => {
    const writer = await startChild('serve', folder)
    await writer.ask('write ff.a')
    const before = await FileReader.open(folder)
    await writer.ask('compact')
    await writer.ask('write ff.a')
    const after = await FileReader.open(folder)
    await writer.kill()
    const getRevision = async (reader: FileReader) =>
      (await reader.read(query('ff.a'))).flag?.row?.revision
    expect([await getRevision(before), await getRevision(after)]).toEqual([1, 2])
    expect((await after.state()).flag_registry.map(({ flag_key }) => flag_key)).toEqual(['ff.a'])
  })

  test('at full write speed is never torn', async () => {
    const writer = await startChild('stream', folder)
    const seen: number[] = []
    for (let look = 0; look < 25; look += 1) {
      const reader = await FileReader.open(folder)
      seen.push((await reader.read(query('ff.b'))).flag?.row?.revision ?? 0)
    }
    await writer.kill()
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect(seen.at(-1)).toBeGreaterThan(seen[0] as number)
  })

  test('leaves out a line that is being written, and does not change it', async () => {
    const own = await temporaryFolder()
    await createStore(own)
    const store = await FileStore.open(own, TOOLS)
    await taken(store, putFlag('ff.a'))
    const log = (await readdir(own)).find((name) => name.startsWith('log-')) as string
    await appendFile(join(own, log), '00000000 {"half":')
    const reader = await FileReader.open(own)
    expect((await reader.read(query('ff.a'))).flag?.row?.revision).toBe(1)
    expect((await reader.read(query('ff.b'))).flag).toBeNull()
    await store.close()
    await writeFile(join(own, log), 'no log\n')
    expect(await failure(FileReader.open(own))).toBe('store_corrupt')
    await rm(own, { recursive: true })
  })
})

describe('a live database that is only read', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDatabase('15')
  })
  afterAll(() => database.drop())

  test('refuses every write of that connection', async () => {
    const pipe = new ReadPipe(database, 1)
    const made = pipe.query({ text: 'CREATE TABLE made (a int)', rowMode: 'array' })
    await expect(made).rejects.toMatchObject({ code: '25006' })
    const { rows } = await pipe.query({
      text: `SELECT to_regclass('made')::text`,
      rowMode: 'array',
    })
    expect(rows).toEqual([[null]])
    await pipe.end()
  })

  const asked = (text: string) => ({ text, rowMode: 'array' }) as const
  const KILL = asked('SELECT pg_terminate_backend(pg_backend_pid())')

  test('is read over a new connection after a loss; a query that always loses it fails', async () => {
    const pipe = new ReadPipe(database, 2)
    const killed = pipe.query(KILL)
    const beside = pipe.query(asked('SELECT 1'))
    await expect(killed).rejects.toMatchObject({ code: '57P01' })
    expect((await beside).rows).toEqual([['1']])
    // The server has announced its end, and its socket may still accept bytes that it never reads.
    const again = await Promise.all([1, 2].map((one) => pipe.query(asked(`SELECT ${one}`))))
    expect(again.map(({ rows }) => rows)).toEqual([[['1']], [['2']]])
    await pipe.end()
  })

  test('retries the queries in flight when an administrator ends the connection', async () => {
    const admin = await connect('15', database.database)
    const pipe = new ReadPipe(database, 1)
    const end = async (): Promise<void> => {
      const [[pid] = []] = (await pipe.query(asked('SELECT pg_backend_pid()::text'))).rows
      const waiting = ['SELECT 1, pg_sleep(0.1)::text', 'SELECT 2', 'SELECT 3']
      const sent = waiting.map((text) => pipe.query(asked(text)))
      await admin.query('SELECT pg_terminate_backend($1)', [pid])
      const behind = pipe.query(asked('SELECT 4'))
      const answers = await Promise.all([...sent, behind])
      expect(answers.map(({ rows: [row] }) => row?.[0])).toEqual(['1', '2', '3', '4'])
    }
    for (let loss = 0; loss < 5; loss += 1) await end()
    await Promise.all([pipe.end(), admin.end()])
  })

  test('is read from the wanted server alone, over a new connection where the old one leads elsewhere', async () => {
    const folder = await temporaryFolder()
    const link = join(folder, 'server')
    const [older, newer] = [await startServer('15'), await startServer('18')]
    await symlink(older, link)
    let wanted: string | null = null
    const config = { host: link, user: 'postgres', database: 'postgres' }
    const pipe = new ReadPipe({ name: 'moved', config }, 1, () => wanted)
    const read = async () =>
      (await pipe.query(asked(`SELECT ${SERVER_NAME}, current_setting('server_version_num')`))).rows
    const [[first = '', version = ''] = []] = await read()
    expect(version).toMatch(/^15/)
    wanted = first
    expect(await read()).toEqual([[first, version]])

    const other = await connect('18')
    const { rows } = await other.query<{ name: string }>(`SELECT ${SERVER_NAME} AS name`)
    await other.end()
    wanted = rows[0]?.name ?? ''
    await expect(read()).rejects.toMatchObject({ code: 'backing_unavailable' })
    await rm(link)
    await symlink(newer, link)
    expect((await read())[0]?.[0]).toBe(wanted)
    await pipe.end()
    await rm(folder, { recursive: true })
  })

  test('makes no new connection once it is closed', async () => {
    const pipe = new ReadPipe(database, 1)
    await pipe.query(asked('SELECT 1'))
    const sent = Promise.allSettled([KILL, asked('SELECT 1')].map((one) => pipe.query(one)))
    await Promise.all([pipe.end(), sent])
    expect((await sent).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})
