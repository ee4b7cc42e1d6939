import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { quoteError } from '../../core/text/quote-error.ts'
import { FfError } from '../../errors.ts'

/** Non-blocking, because opening a pipe without a reader would wait for ever. */
const OPEN_FLAGS =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

/**
 * Takes an exclusive `flock` on a file, which it creates (mode 0600) if missing, without waiting; returns the open
 * handle, or null if the lock was not got, as where another holds it. Closing the handle releases the lock; the kernel
 * releases it when the process dies, kill -9 included.
 * @throws FfError `backing_unavailable` if the command `flock` does not start; the system's error for the file
 */
export async function tryLock(path: string): Promise<FileHandle | null> {
  const file = await open(path, OPEN_FLAGS, 0o600)
  try {
    if ((await flock(file.fd)) === 0) return file
  } catch (error) {
    await file.close()
    throw error
  }
  await file.close()
  return null
}

async function flock(fd: number): Promise<number> {
  const child = spawn('flock', ['--exclusive', '--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', fd],
    // Its own process group: a Ctrl-C that ends the command must not make a free lock look taken.
    detached: true,
  })
  try {
    const [status] = (await once(child, 'exit')) as [number | null]
    return status ?? 1
  } catch (cause) {
    throw new FfError(
      'backing_unavailable',
      `Cannot lock a file: the command flock did not start: ${quoteError(cause)}.`,
      { hint: 'Install util-linux, which contains flock: `apt-get install util-linux`.', cause },
    )
  }
}
