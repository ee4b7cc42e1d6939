import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { loadMigrations } from '../../../src/artefacts/migrations.ts'
import { createStore, FileStore } from '../../../src/adapters/file-store/file-store.ts'
import { unsealLogLine } from '../../../src/adapters/file-store/lines.ts'
import { type DatabaseConfig, openPool } from '../../../src/adapters/postgres/connect.ts'
import { PostgresStore } from '../../../src/adapters/postgres/postgres-store.ts'
import { openScratchSchema } from '../../../src/adapters/postgres/scratch-schema.ts'
import type { AuditRecord } from '../../../src/core/audit/record.ts'
import { type JsonNode, isJsonObject, parseLosslessJson } from '../../../src/core/json/read.ts'
import { canonicalize } from '../../../src/core/json/canonical.ts'
import { nodeToValue } from '../../../src/core/json/plain.ts'
import type { Migration } from '../../../src/core/migrations/plan.ts'
import type { AuditOptions, ScratchStore, ServiceStore } from '../../../src/ports/store.ts'
import { connect, createDatabase, type TestDatabase, type Version } from '../../support/database.ts'
import { ROOT } from '../../support/run-ff.ts'
import { canonicalText } from './audit-chain.ts'
import { type Child, startChild } from './child.ts'

export const TOOLS: AuditOptions = { digestKey: randomBytes(32), phase: 'file' }
export const VERSIONS = { oldest: 15, newest: 18 } as const

/** An open store with access to its files or tables. */
export interface OpenedStore {
  readonly store: ScratchStore & ServiceStore
  /** Opens another store on the same rows, as a restart does; do not use `store` afterwards. */
  reopen(): Promise<ScratchStore & ServiceStore>
  /** Starts a child process on the same rows; do not use `store` until `reopen`. */
  elsewhere(): Promise<Child>
  /** The stored audit records, read without the store. */
  records(): Promise<readonly AuditRecord[]>
  close(): Promise<void>
}
export interface OpenedSchema extends OpenedStore {
  readonly sql: pg.Client
  readonly schema: string
  readonly database: TestDatabase
  /** Remembers what the tables hold; what it returns puts that back, and closes what `reopen` opened. */
  remember(): Promise<() => Promise<void>>
}
export interface Backing {
  readonly name: string
  open(): Promise<OpenedStore>
  /** Deletes the resources that its stores share. */
  stop(): Promise<void>
}

export async function migrations(): Promise<readonly Migration[]> {
  const read = await loadMigrations(ROOT)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.loaded
}

export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'ff-test-'))

export const fileBacking: Backing = {
  name: 'a file store',
  open: openFile,
  stop: () => Promise.resolve(),
}

async function openFile(): Promise<OpenedStore> {
  const folder = await temporaryFolder()
  await createStore(folder)
  let store = await FileStore.open(folder, TOOLS)
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await FileStore.open(folder, TOOLS)
      return store
    },
    elsewhere: async () => {
      await store.close()
      return startChild('serve', folder)
    },
    records: () => loggedRecords(folder),
    close: async () => {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** Every audit record of a store's log, oldest first. */
export async function loggedRecords(folder: string): Promise<readonly AuditRecord[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('log-')).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name))))
  return texts.flatMap((bytes) =>
    bytes
      .toString('utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => toRecord(Buffer.from(line, 'utf8'))),
  )
}

function toRecord(line: Buffer): AuditRecord {
  const json = unsealLogLine(line)
  const read = parseLosslessJson(json ?? '')
  if (!read.ok) throw new Error(`a line of the log cannot be read: ${read.code}`)
  const audit = member(read.node, 'audit')
  const plain = nodeToValue(audit) as AuditRecord
  return { ...plain, before: rowText(audit, 'before'), after: rowText(audit, 'after') }
}

function rowText(audit: JsonNode, name: string): AuditRecord['after'] {
  const node = member(audit, name)
  if (node === null) return null
  const form = canonicalize(node)
  if (!form.ok) throw new Error(JSON.stringify(form.problems))
  return form.text
}

function member(node: JsonNode, name: string): JsonNode {
  const found =
    node !== null && typeof node === 'object' && isJsonObject(node)
      ? node.members.find(([held]) => held === name)
      : undefined
  if (found === undefined) throw new Error(`there is no member ${name}`)
  return found[1]
}

export interface PostgresBacking extends Backing {
  open(): Promise<OpenedSchema>
}

/** Stores in scratch schemas of one new database. @param bounds timeouts that differ from the defaults */
export function postgresBacking(
  version: Version,
  bounds: NonNullable<DatabaseConfig['bounds']> = {},
): PostgresBacking {
  let made: TestDatabase | undefined
  return {
    name: `PostgreSQL ${version}`,
    open: async () => openSchema((made ??= await createDatabase(version)), bounds),
    stop: async () => {
      await made?.drop()
      made = undefined
    },
  }
}

/** The backing with one schema, emptied for each store: that costs a tenth of the CPU time of a new one. */
export function reuseSchema(backing: PostgresBacking): Backing {
  let idle: OpenedStore | undefined
  const closing: (() => Promise<void>)[] = []
  async function openReusable(): Promise<OpenedStore> {
    const opened = await backing.open()
    closing.push(() => opened.close())
    const restore = await opened.remember()
    const reusable: OpenedStore = {
      ...opened,
      close: async () => {
        await restore()
        idle = reusable
      },
    }
    return reusable
  }
  return {
    name: backing.name,
    open: () => {
      const opened = idle === undefined ? openReusable() : Promise.resolve(idle)
      idle = undefined
      return opened
    },
    stop: async () => {
      for (const close of closing.splice(0)) await close()
      await backing.stop()
    },
  }
}

/** Remembers the rows and sequences of a schema; the result puts them back, without triggers. */
async function rememberTables(sql: pg.Client, schema: string): Promise<() => Promise<void>> {
  const { rows } = await sql.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = $1`,
    [schema],
  )
  const tables = rows.map(({ name }) => name)
  await sql.query(
    tables.map((name) => `CREATE TEMP TABLE "${name}" AS TABLE "${schema}"."${name}"`).join(';'),
  )
  const sequences = await sql.query<{ text: string }>(
    `SELECT format('SELECT setval(%L, %s, %L)', format('%I.%I', schemaname, sequencename),
       coalesce(last_value, start_value), last_value IS NOT NULL) AS text
     FROM pg_sequences WHERE schemaname = $1`,
    [schema],
  )
  const restoring = [
    'BEGIN',
    'SET LOCAL session_replication_role = replica',
    ...tables.map((name) => `DELETE FROM "${schema}"."${name}"`),
    ...tables.map(
      (name) => `INSERT INTO "${schema}"."${name}" OVERRIDING SYSTEM VALUE TABLE pg_temp."${name}"`,
    ),
    ...sequences.rows.map(({ text }) => text),
    'COMMIT',
  ].join(';')
  return async () => void (await sql.query(restoring))
}

async function openSchema(
  database: TestDatabase,
  bounds: NonNullable<DatabaseConfig['bounds']>,
): Promise<OpenedSchema> {
  const options = { migrations: await migrations(), versions: VERSIONS, tools: TOOLS }
  const scratch = await openScratchSchema({ ...database, bounds }, options)
  const sql = await connect(database.version, database.database)
  const schema = await newestScratchSchema(sql)
  const others: PostgresStore[] = []
  return {
    database,
    sql,
    schema,
    store: scratch.store as PostgresStore,
    reopen: () => {
      const again = new PostgresStore(openPool(database, 8), schema, {
        name: database.name,
        tools: TOOLS,
      })
      others.push(again)
      return Promise.resolve(again)
    },
    elsewhere: () => startChild('database', JSON.stringify({ config: database.config, schema })),
    records: () => selectedRecords(sql, schema),
    remember: async () => {
      const restore = await rememberTables(sql, schema)
      return async () => {
        for (const other of others.splice(0)) await other.close()
        await restore()
      }
    },
    close: async () => {
      for (const other of others) await other.close()
      await sql.end()
      await scratch.close()
    },
  }
}

export async function newestScratchSchema(sql: pg.Client): Promise<string> {
  const { rows } = await sql.query<{ nspname: string }>(
    `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ff\\_scratch\\_%' ORDER BY oid DESC LIMIT 1`,
  )
  const [found] = rows
  if (found === undefined) throw new Error('there is no scratch schema')
  return found.nspname
}

type Selected = Omit<AuditRecord, 'seq' | 'before' | 'after'> & {
  readonly seq: string
  readonly before: string | null
  readonly after: string | null
}

/** The audit table as records, oldest first. */
export async function selectedRecords(
  sql: pg.Client,
  schema: string,
): Promise<readonly AuditRecord[]> {
  const { rows } = await sql.query<Selected>(
    `SELECT seq::text, audit_id::text,
       to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS occurred_at,
       actor, auth_mode, action, outcome, target, before::text, after::text, request_id, approval_ref,
       phase, prev_hash, hash
     FROM "${schema}".audit ORDER BY audit.seq`,
  )
  return rows.map((row) => ({
    ...row,
    seq: Number(row.seq),
    before: row.before === null ? null : canonicalText(row.before),
    after: row.after === null ? null : canonicalText(row.after),
  }))
}
