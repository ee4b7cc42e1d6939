import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import type { Database } from '../../src/backings/postgres/connect.ts'

export type Version = '13' | '15' | '18'
export const SUPPORTED = ['15', '18'] as const

const socketOf = (version: Version): string => inject('servers')[version]

/** A connection of the test's own, as superuser unless another user is named. */
export async function connect(
  version: Version,
  database = 'postgres',
  user = 'postgres',
): Promise<pg.Client> {
  const client = new pg.Client({ host: socketOf(version), user, database })
  await client.connect()
  return client
}

export interface TestDatabase extends Database {
  readonly version: Version
  /** For `--candidate` and FF_DATABASE_URL; it holds no password. */
  readonly url: string
  readonly database: string
  drop(): Promise<void>
}

/** A fresh, empty database on one of the servers. */
export async function createDatabase(version: Version): Promise<TestDatabase> {
  const database = `test_${randomBytes(6).toString('hex')}`
  const admin = await connect(version)
  await admin.query(`CREATE DATABASE ${database}`)
  await admin.end()
  return {
    version,
    database,
    name: `postgres ${version}`,
    config: { host: socketOf(version), user: 'postgres', database },
    url: urlOf(version, database),
    drop: async () => {
      const again = await connect(version)
      await again.query(`DROP DATABASE ${database} WITH (FORCE)`)
      await again.end()
    },
  }
}

export const urlOf = (version: Version, database: string, user = 'postgres'): string =>
  `postgres://${user}@/${database}?host=${encodeURIComponent(socketOf(version))}`
