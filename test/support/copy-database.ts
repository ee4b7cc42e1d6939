import { randomBytes } from 'node:crypto'
import { connect, type TestDatabase, getUrl } from './database.ts'

/** Copies a database on its server. The original must have no open connection. */
export async function copyDatabase(original: TestDatabase): Promise<TestDatabase> {
  const { version, config } = original
  const database = `test_${randomBytes(6).toString('hex')}`
  const ask = async (sql: string): Promise<void> => {
    const admin = await connect(version)
    await admin.query(sql)
    await admin.end()
  }
  await ask(`CREATE DATABASE ${database} TEMPLATE ${original.database}`)
  return {
    ...original,
    database,
    config: { ...config, database },
    url: getUrl(version, database),
    drop: () => ask(`DROP DATABASE ${database} WITH (FORCE)`),
  }
}
