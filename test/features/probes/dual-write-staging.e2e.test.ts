import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { dualWrite } from '../../../src/features/probes/dual-write.ts'
import type { ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { TestCutover } from '../../support/cutover.ts'
import { CutoverServices } from '../../support/cutover-services.ts'
import { connect, getUrl } from '../../support/database.ts'
import { expectHeld, NO_CUTOVER, toContext, toItem } from './context.ts'

test(
  'C3 holds on two services, whose database a program lets fail',
  { timeout: 120_000 },
  async () => {
    const cutover = await TestCutover.open(true)
    const services = await CutoverServices.open(cutover.serviceEnv)
    const admin = await connect('18')
    const { database: name } = cutover.database
    const asked: string[] = []
    /** The database ends each connection, and takes no new one. */
    const faults = createServer((request, response) => {
      const isBegun = request.url === '/begin/database'
      asked.push(String(request.url))
      void admin
        .query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS ${String(!isBegun)}`)
        .then(() =>
          isBegun
            ? admin.query(
                'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1',
                [name],
              )
            : null,
        )
        .then(() => response.end())
    }).listen(0, '127.0.0.1')
    try {
      await once(faults, 'listening')
      const { port } = faults.address() as AddressInfo
      const program = join(cutover.root, 'faults.mjs')
      const text = `#!/usr/bin/env node
        await fetch('http://127.0.0.1:${port}/' + process.argv.slice(2).join('/'))`
      await writeFile(program, text, { mode: 0o700 })
      const staging = {
        instances: services.running.map(({ origin }) => ({ service: origin, admin: origin })),
        tokens: [services.token],
        redis: null,
        admin: null,
        approval: null,
        faults: program,
        scopeClaim: 'scope',
        cutover: NO_CUTOVER,
      } as const
      const url = getUrl('18', name)
      const targets = {
        scratch: { kind: 'embedded' },
        staging,
        store: { kind: 'file', folder: cutover.folder },
        database: { kind: 'postgres', url, name },
      } as const
      const measure = (change: Partial<ProbeContext['targets']> = {}) =>
        dualWrite.measure(toContext({ targets: { ...targets, ...change } }))

      await expect(measure()).rejects.toMatchObject({
        code: 'target_missing',
        message: expect.stringContaining('is in file'),
      })
      await cutover.step('advance')
      await expect(measure({ store: { kind: 'file', folder: null } })).rejects.toMatchObject({
        code: 'target_missing',
      })
      expect(asked).toEqual([])
      // A program that ends with 0 and lets nothing fail.
      await expect(measure({ staging: { ...staging, faults: 'true' } })).rejects.toMatchObject({
        code: 'proof_inconclusive',
      })

      const found = await measure()
      expect(asked).toEqual(['/begin/database', '/end/database'])
      expectHeld(toItem('C3'), found)
      expect(found).toMatchObject({
        sample_size: 100,
        met: { phase: 'dual_write', changes_meanwhile: 20 },
      })
      // Nothing of it stays but the flag.
      const client = await connect('18', name)
      const { rowCount } = await client.query(
        "SELECT 1 FROM ff.tenant_override WHERE flag_key = 'ff.probe' AND deleted_at IS NULL",
      )
      await client.end()
      expect(rowCount).toBe(0)
    } finally {
      faults.close()
      await services.close()
      await admin.end()
      await cutover.close()
    }
  },
)
