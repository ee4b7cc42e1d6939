import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The first four fields of a line of a password file. */
export interface Login {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
}

/** Bits of a file's mode that let other users read or write it; libpq ignores such a password file. */
const OTHERS = 0o077

/**
 * Finds the password of a login in the file of PGPASSFILE, else in `~/.pgpass` (PostgreSQL manual, "The Password
 * File"): that of the first line that fits, where `*` fits everything and a socket folder counts as `localhost`. The
 * driver's own reader is deprecated, and warns on stderr. Null without such a line, for an empty password, without the
 * file, and for one that cannot be read or that other users may read or write; never rejects.
 */
export async function findPassword(login: Login, env: NodeJS.ProcessEnv): Promise<string | null> {
  const path = env['PGPASSFILE'] ?? join(env['HOME'] ?? homedir(), '.pgpass')
  const { host, port, database, user } = login
  const wanted = [host.startsWith('/') ? 'localhost' : host, String(port), database, user]
  try {
    const { mode } = await stat(path)
    if ((mode & OTHERS) !== 0) return null
    for (const line of (await readFile(path, 'utf8')).split('\n')) {
      if (line.startsWith('#')) continue
      const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/g)].map(([, field = '']) =>
        field.replaceAll(/\\(.)/g, '$1'),
      )
      if (fields.length >= 5 && wanted.every((one, at) => fields[at] === '*' || fields[at] === one))
        return fields[4] || null
    }
    return null
  } catch {
    return null // As in libpq, a file that cannot be read holds no password; the server then refuses the login.
  }
}
