import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openInstalledPostgres } from '../../../src/adapters/postgres/installed-server.ts'
import { withScratchDatabase } from '../../../src/adapters/stores.ts'

const INSTALLED = [15, 16, 17, 18].some((major) =>
  existsSync(`/usr/lib/postgresql/${major}/bin/initdb`),
)
test('a private server of the PostgreSQL of this machine has the version of its pg_dump', async () => {
  const versions = { oldest: 15, newest: 18 }
  if (!INSTALLED)
    return expect(openInstalledPostgres(versions)).rejects.toMatchObject({
      code: 'command_unanswered',
    })
  const server = await openInstalledPostgres(versions)
  const spec = { kind: 'postgres', url: server.url, name: 'installed' } as const
  const said = await withScratchDatabase(spec, versions, async (database) => database.server)
  await server.close()
  expect(said.split('.')[0]).toBe(server.version)
  await expect(withScratchDatabase(spec, versions, async () => null)).rejects.toMatchObject({
    code: 'target_unreachable',
  })
})

test('a version that is not installed is refused', async () => {
  await expect(openInstalledPostgres({ oldest: 1, newest: 2 })).rejects.toMatchObject({
    code: 'command_unanswered',
  })
})
