import { spawnSync } from 'node:child_process'

/** Looks for pg_dump on the path and in the folders of Debian. */
export function hasPgDump(major: string): boolean {
  return [`/usr/lib/postgresql/${major}/bin/pg_dump`, 'pg_dump'].some((file) =>
    spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout?.includes(`(PostgreSQL) ${major}.`),
  )
}
