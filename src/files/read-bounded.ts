import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

export type BoundedRead =
  | { readonly ok: true; readonly bytes: Buffer; readonly mode: number }
  | { readonly ok: false; readonly fault: 'not_a_file' | 'too_large' }

/** Opens a path for reading without waiting: a pipe that no process writes to would never open. */
export const openToRead = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_NONBLOCK)

/** Reads a file that is not larger than it may be. @throws the system's error */
export async function readBounded(path: string, maxBytes: number): Promise<BoundedRead> {
  const file = await openToRead(path)
  try {
    const stat = await file.stat()
    if (!stat.isFile()) return { ok: false, fault: 'not_a_file' }
    if (stat.size > maxBytes) return { ok: false, fault: 'too_large' }
    return { ok: true, bytes: await file.readFile(), mode: stat.mode }
  } finally {
    await file.close()
  }
}
