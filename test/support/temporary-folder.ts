import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'

const MEMORY = '/dev/shm'
const MOUNTS = '/proc/mounts'
/** Three shared servers, each with up to 1 GiB of write-ahead log. */
const ROOM_BYTES = 4 * 2 ** 30

/**
 * The folder for temporary files of a run: in memory where that has room and may hold programs (PostgreSQL is copied
 * when root starts it), else the system's. A database is a thousand files, which cost twice the CPU on a disk.
 */
export function findTemporaryFolder(): string {
  const mounts = existsSync(MOUNTS) ? readFileSync(MOUNTS, 'utf8').split('\n') : []
  const options = mounts.find((line) => line.split(' ')[1] === MEMORY)?.split(' ')[3]
  if (options === undefined || /\b(noexec|ro)\b/.test(options)) return tmpdir()
  const { bavail, bsize } = statfsSync(MEMORY)
  return bavail * bsize < ROOM_BYTES ? tmpdir() : MEMORY
}
