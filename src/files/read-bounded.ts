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
 * Reads a regular file of at most `maxBytes`, with its mode as in `stat`; `not_a_file` for a folder, pipe or device,
 * `too_large` for a larger file, also for one that grows or whose size the system does not say: never more than
 * `maxBytes` and one are read.
 *
 * @throws the system's error, such as `ENOENT`
 */
export async function readBounded(path: string, maxBytes: number): Promise<BoundedRead> {
  const file = await openToRead(path)
  try {
    const stat = await file.stat()
    if (!stat.isFile()) return { ok: false, fault: 'not_a_file' }
    if (stat.size > maxBytes) return { ok: false, fault: 'too_large' }
    const bytes = await readAtMost(file, { sizeBytes: stat.size, maxBytes })
    return bytes.length > maxBytes
      ? { ok: false, fault: 'too_large' }
      : { ok: true, bytes, mode: stat.mode }
  } finally {
    await file.close()
  }
}

/** Reads to the end of a file, or to one byte more than allowed. */
async function readAtMost(
  file: FileHandle,
  { sizeBytes, maxBytes }: { readonly sizeBytes: number; readonly maxBytes: number },
): Promise<Buffer> {
  const pieces: Buffer[] = []
  let left = maxBytes + 1
  // One byte more than the file says, so that one read tells its end; files of /proc say 0.
  for (let wanted = sizeBytes + 1; left > 0; wanted = CHUNK_BYTES) {
    const buffer = Buffer.allocUnsafe(Math.min(wanted, left))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
    if (bytesRead === 0) break
    pieces.push(buffer.subarray(0, bytesRead))
    left -= bytesRead
  }
  return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
}
const CHUNK_BYTES = 65_536
