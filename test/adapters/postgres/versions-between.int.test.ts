import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { startEmbedded } from '../../../src/adapters/postgres/embedded.ts'
import { openServed } from '../../../src/adapters/stores.ts'
import { adapters } from '../../../src/composition.ts'
import type { TargetSpec } from '../../../src/core/parity/target.ts'
import { exportRows } from '../../../src/features/import-export/export-rows.ts'
import { loadPersistence } from '../../../src/features/migrate/load-persistence.ts'
import { migrateDown, migrateUp, migrateVerify } from '../../../src/features/migrate/migrate.ts'
import { parityDiff } from '../../../src/features/parity/parity-diff.ts'
import { ROOT } from '../../support/run-ff.ts'
import { TOOLS } from '../store-contract/opened-store.ts'
import { overrideText, putFlag, putTenant, taken } from '../store-contract/requests.ts'

/** The supported versions that no other test starts: all of them run on the oldest and the newest. */
const BETWEEN = ['16', '17'] as const

test.concurrent.each(BETWEEN)(
  'PostgreSQL %s: migrates, verifies, writes, reads, compares and migrates back',
  async (version) => {
    const server = await startEmbedded(`postgres-${version}-${process.platform}-${process.arch}`)
    const folder = await mkdtemp(join(tmpdir(), 'ff-versions-'))
    try {
      const { host = '', user } = server.database.config
      const toTarget = (role = user): TargetSpec => ({
        kind: 'postgres',
        url: `postgres://${role}@/postgres?host=${encodeURIComponent(host)}`,
        name: `PostgreSQL ${version}`,
      })
      const common = {
        root: ROOT,
        database: toTarget(),
        adapters,
        signal: new AbortController().signal,
        now: () => new Date(),
        progress: () => undefined,
      }
      const step = { ...common, dryRun: false, environment: 'prod', adopt: false }
      const exits = [
        await migrateUp({ ...step, to: null }),
        await migrateDown({ ...step, to: 0 }),
        await migrateUp({ ...step, to: null }),
        await migrateVerify(common),
      ].map(({ exitName }) => exitName)
      expect(exits).toEqual(['ok', 'ok', 'ok', 'ok'])

      const sql = new pg.Client({ ...server.database.config })
      await sql.connect()
      await sql.query('CREATE ROLE service LOGIN IN ROLE ff_app')
      await sql.end()
      const inputs = await loadPersistence(ROOT)
      const terms = { ...inputs, tools: TOOLS, environment: 'prod' }
      const service = await openServed(toTarget('service'), terms)
      const { store, facts } = service
      expect(facts.server?.split('.')[0]).toBe(version)
      await taken(store, putFlag('ff.a'))
      await taken(store, putTenant('A1', 'ff.a', overrideText('true')))
      const query = { flag_key: 'ff.a', tenant_id: 'A1', user_id: null }
      expect((await store.read(query)).tenant?.row?.tenant_id).toBe('A1')
      await service.close()

      expect((await exportRows({ ...common, folder: join(folder, 'store') })).exitName).toBe('ok')
      const baseline = { kind: 'file', folder: join(folder, 'store') } as const
      const sides = { baseline, candidate: toTarget(), maxDiffs: 10, sample: null }
      expect((await parityDiff({ ...common, ...sides })).exitName).toBe('ok')
      expect((await migrateDown({ ...step, to: 4 })).exitName).toBe('ok')
      await expect(migrateDown({ ...step, to: null })).rejects.toMatchObject({
        message: expect.stringContaining('earlier revisions would be lost') as string,
      })
      const emptied = new pg.Client({ ...server.database.config })
      await emptied.connect()
      await emptied.query('SET session_replication_role = replica; DELETE FROM ff.change_log')
      await emptied.end()
      expect((await migrateDown({ ...step, to: null })).exitName).toBe('ok')
    } finally {
      await server.stop()
      await rm(folder, { recursive: true })
    }
  },
)
