import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import { FfError } from '../../errors.ts'

/**
 * Takes an exclusive `flock` on a file, or returns null while somebody else has it. The lock belongs
 * to the open file, which the short-lived `flock` shares with this process: it stands until the handle
 * is closed, and the kernel frees it with the process, kill -9 included.
 */
export async function tryLock(path: string): Promise<FileHandle | null> {
  const file = await open(path, 'a', 0o600)
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
    // Apart from our process group: a Ctrl-C must not make a free lock look taken.
    detached: true,
  })
  try {
    const [status] = (await once(child, 'exit')) as [number | null]
    return status ?? 1
  } catch (cause) {
    throw new FfError(
      'backing_unavailable',
      'The file lock cannot be taken: the command flock did not start.',
      {
        hint: 'Install util-linux, which holds flock.',
        cause,
      },
    )
  }
}
