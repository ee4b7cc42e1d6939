import { openCutoverSchema } from '../../src/adapters/postgres/cutover-database.ts'
import { loadMigrations } from '../../src/artefacts/migrations.ts'
import type { PhaseRecord } from '../../src/core/cutover/record.ts'
import type { CopiedChange, CutoverDatabase, SideContent } from '../../src/ports/cutover.ts'
import { TOOLS } from '../adapters/store-contract/opened-store.ts'
import type { TestDatabase } from './database.ts'
import { ROOT } from './run-ff.ts'

/** Opens a database as a side of a cutover. @param user of the connections; the superuser by default */
export async function openSide(
  database: Pick<TestDatabase, 'config' | 'name'>,
  user = 'postgres',
): Promise<CutoverDatabase> {
  const migrations = await loadMigrations(ROOT)
  if (!migrations.ok) throw new Error('the migrations are invalid')
  return openCutoverSchema(
    { ...database, config: { ...database.config, user } },
    {
      versions: { oldest: 15, newest: 18 },
      migrations: migrations.loaded,
      environment: 'prod',
      tools: TOOLS,
    },
  )
}

/** A phase record of epoch 1 in phase `file`, with what a test says otherwise. */
export const buildRecord = (change: Partial<PhaseRecord> = {}): PhaseRecord => ({
  epoch: 1,
  phase: 'file',
  armed: false,
  attempt: 1,
  database: null,
  survivor: 'file',
  scratch: false,
  drillEndsAt: null,
  closed: false,
  ...change,
})

/** All that a content holds. */
export async function readWhole(
  content: SideContent,
): Promise<{ readonly rows: CopiedChange['rows']; readonly records: readonly CopiedChange[] }> {
  return {
    rows: await flatten(content.rows),
    records: await flatten(content.records),
  }
}

async function flatten<T>(batches: AsyncIterable<readonly T[]>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const batch of batches) all.push(...batch)
  return all
}
