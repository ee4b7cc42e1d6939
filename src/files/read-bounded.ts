import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** The bytes and permission bits of a file; or why it was not read. */
export type BoundedRead =
  | { readonly ok: true; readonly bytes: Buffer; readonly mode: number }
  | { readonly ok: false; readonly fault: 'not_a_file' | 'too_large' }

/**
 * Opens a path of any kind for reading; the caller closes it. Non-blocking, because opening a pipe without a writer
 * would wait for ever.
 *
 * @throws the system's error
 */
export const openToRead = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_NONBLOCK)

/**
 * Reads a regular file whose size, when opened, is at most `maxBytes`, with its mode as in `stat`; `not_a_file` for a
 * folder, pipe or device, `too_large` for a larger file, which is not read.
 *
 * @throws the system's error, such as `ENOENT`
 */
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
