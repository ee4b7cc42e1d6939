import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { DatabaseConfig } from '../../src/adapters/postgres/connect.ts'
import { shared } from './shared.ts'

/** Major versions of PostgreSQL: one too old, and the oldest and newest supported ones. */
export type Version = '13' | '15' | '18'
export const SUPPORTED = ['15', '18'] as const
/** A version that the migrations support. */
export type Migratable = (typeof SUPPORTED)[number]

const sockets = new Map<Version, string>()

/**
 * Starts the server of a version, unless it runs. Creating a database or connecting does so too.
 *
 * @returns its socket folder
 */
export async function startServer(version: Version): Promise<string> {
  const socket = sockets.get(version) ?? (await shared(`postgres-${version}`))
  sockets.set(version, socket)
  return socket
}

/** The socket folder of a started server. */
export function getSocket(version: Version): string {
  const socket = sockets.get(version)
  if (socket === undefined) throw new Error(`call startServer('${version}') first`)
  return socket
}

/** Opens a connection, as superuser unless another user is named. */
export async function connect(
  version: Version,
  database = 'postgres',
  user = 'postgres',
): Promise<pg.Client> {
  const client = new pg.Client({ host: await startServer(version), user, database })
  await client.connect()
  return client
}

/** A database of one test. */
export interface TestDatabase extends DatabaseConfig {
  readonly version: Version
  /** For `--candidate` and FF_DATABASE_URL; it holds no password. */
  readonly url: string
  readonly database: string
  drop(): Promise<void>
}

/** A fresh, empty database on one of the servers. */
export const createDatabase = (version: Version): Promise<TestDatabase> =>
  getCopy(version, 'template1')

/** A fresh migrated database: a copy of one on which `ff migrate up` ran. */
export async function migratedDatabase(version: Migratable): Promise<TestDatabase> {
  await shared(`migrated-${version}`)
  return getCopy(version, 'migrated_template')
}

/** Copies a database on its server. The original must have no open connection. */
export const copyDatabase = ({ version, database }: TestDatabase): Promise<TestDatabase> =>
  getCopy(version, database)

/** Without fsync, a copy of the files takes half the CPU time of a copy through the log. PostgreSQL 13 has no other. */
export const QUICK_COPY = 'STRATEGY FILE_COPY'

async function getCopy(version: Version, template: string): Promise<TestDatabase> {
  const database = `test_${randomBytes(6).toString('hex')}`
  const admin = await connect(version)
  await admin.query(
    `CREATE DATABASE ${database} TEMPLATE ${template} ${version === '13' ? '' : QUICK_COPY}`,
  )
  await admin.end()
  return {
    version,
    database,
    name: `postgres ${version}`,
    config: { host: getSocket(version), user: 'postgres', database },
    url: getUrl(version, database),
    drop: async () => {
      const again = await connect(version)
      await again.query(`DROP DATABASE ${database} WITH (FORCE)`)
      await again.end()
    },
  }
}

/** The URL of a database on a started server. */
export const getUrl = (version: Version, database: string, user = 'postgres'): string =>
  `postgres://${user}@/${database}?host=${encodeURIComponent(getSocket(version))}`
