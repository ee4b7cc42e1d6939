import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { type AuditRecord, hashRecord } from '../../src/core/audit/record.ts'
import { openPool } from '../../src/adapters/postgres/connect.ts'
import { PostgresStore } from '../../src/adapters/postgres/postgres-store.ts'
import { createStore, FileStore } from '../../src/adapters/file-store/file-store.ts'
import { sealLogLine } from '../../src/adapters/file-store/lines.ts'
import { makeRunnerKey, type SigningRunner } from '../../src/adapters/evidence-log/runner-key.ts'
import type { FlagStore, ServiceStore } from '../../src/ports/store.ts'
import { TOOLS } from '../adapters/store-contract/opened-store.ts'
import { overrideText, putFlag, putTenant, taken } from '../adapters/store-contract/requests.ts'
import { sha256 } from '../core/builders.ts'
import type { TestDatabase } from './database.ts'

type Store = FlagStore & ServiceStore

/** Writes five records: changes of several kinds, and refusals. */
export async function fiveRecords(store: Store, flag: string): Promise<void> {
  await taken(store, putFlag(flag, { ...NUMBER, description: '"\\u2028 é 😀"' }))
  await taken(store, putTenant('A1', flag, overrideText('0.30000000000000004')))
  await store.refuse({ request: putFlag(flag, { owner: '"x"' }), code: 'forbidden' })
  await taken(store, putTenant('A1', flag, overrideText('-1')))
  await store.refuse({ request: putFlag('ff.other'), code: 'approval_missing' })
}
const NUMBER = { value_type: '"number"', default_value: '9007199254740991', safe_value: '0.1' }

/** Creates a file store with ten records, five of them after its snapshot. */
export async function auditedFolder(folder: string): Promise<void> {
  await createStore(folder)
  await inStore(folder, async (store) => {
    await fiveRecords(store, 'ff.a')
    await store.compact()
    await fiveRecords(store, 'ff.b')
  })
}
/** Opens the file store of a folder, passes it to `use`, and closes it. */
export async function inStore<T>(
  folder: string,
  use: (store: FileStore) => Promise<T>,
): Promise<T> {
  const store = await FileStore.open(folder, TOOLS)
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

/** A store on a schema created by `ff migrate up`. */
export const serviceStore = (database: TestDatabase): PostgresStore =>
  new PostgresStore(openPool(database, 2), 'ff', { name: database.name, tools: TOOLS })

/** Runs SQL as a superuser without the triggers. */
export async function tamper(sql: pg.Client, text: string): Promise<void> {
  await sql.query(`SET session_replication_role = replica; ${text}; RESET session_replication_role`)
}

/** The hash that fits a changed record. */
export function hashAnew(record: AuditRecord): string {
  const { hash: _, ...hashed } = record
  return hashRecord(hashed, sha256)
}

/** A changed log line with a fitting checksum. */
export const resealed = (line: string, change: (json: string) => string): string =>
  sealLogLine(change(line.slice(9)))

/** Creates a runner's key in a folder, with its public part as a file. */
export async function runnerIn(folder: string, name: string): Promise<SigningRunner> {
  const runner = await makeRunnerKey(join(folder, `${name}.pem`))
  const { kid, jwk } = runner
  const shown = { kind: 'public_key', schemaVersion: 1, person: name, name, kid, jwk }
  await writeFile(join(folder, `${name}.pub.json`), JSON.stringify(shown))
  return runner
}
