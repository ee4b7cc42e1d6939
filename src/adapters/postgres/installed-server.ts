import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FfError } from '../../errors.ts'
import type { InstalledPostgres } from '../../ports/database.ts'
import type { SupportedVersions } from './connect.ts'
import { startInstalled } from './embedded.ts'

const PROGRAMS = ['initdb', 'postgres', 'pg_dump', 'pg_restore']
const findDebianFolder = (major: number): string => `/usr/lib/postgresql/${major}`

/**
 * Starts a private server, as `embedded` is one, of the newest PostgreSQL of these versions that Debian has installed with
 * its pg_dump and pg_restore.
 *
 * @throws FfError `command_unanswered` where none is, `embedded_unavailable` where it does not start
 */
export async function openInstalledPostgres({
  oldest,
  newest,
}: SupportedVersions): Promise<InstalledPostgres> {
  const majors = Array.from({ length: newest - oldest + 1 }, (_, at) => newest - at)
  const found = majors.find((major) =>
    PROGRAMS.every((name) => existsSync(join(findDebianFolder(major), 'bin', name))),
  )
  if (found === undefined)
    throw new FfError(
      'command_unanswered',
      `No PostgreSQL of version ${oldest} to ${newest} is installed with its pg_dump.`,
      { hint: `Install one with \`apt-get install postgresql\`.` },
    )
  const server = await startInstalled(findDebianFolder(found))
  return { url: server.url, version: String(found), close: () => server.stop() }
}
