import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { FfError } from '../../errors.ts'

const MIN_BYTES = 32
const MAX_BYTES = 4_096

/**
 * The key of the digests that stand for sensitive values in audit records; one of this moment where none is named.
 *
 * @throws FfError `key_file_unreadable`, `key_file_loose` where others may read it, `key_file_malformed`
 */
export async function readDigestKey(path: string | null): Promise<Uint8Array> {
  if (path === null) return randomBytes(MIN_BYTES)
  const { mode, bytes } = await readKey(path)
  if ((mode & 0o077) !== 0)
    throw new FfError('key_file_loose', `Others may read ${path}.`, { hint: `chmod 600 ${path}` })
  if (bytes.length >= MIN_BYTES && bytes.length <= MAX_BYTES) return bytes
  throw new FfError('key_file_malformed', `${path} holds ${bytes.length} bytes.`, {
    hint: 'Make a key of 32 bytes: openssl rand -out digest.key 32',
  })
}

async function readKey(path: string): Promise<{ readonly mode: number; readonly bytes: Buffer }> {
  try {
    const file = await open(path, 'r')
    try {
      const { mode } = await file.stat()
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES + 1))
      return { mode, bytes: buffer.subarray(0, bytesRead) }
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new FfError('key_file_unreadable', `${path} cannot be read.`, {
      hint: 'Point FF_AUDIT_DIGEST_KEY_FILE at a file that the service may read.',
      cause,
    })
  }
}
