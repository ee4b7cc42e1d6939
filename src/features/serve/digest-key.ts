import { randomBytes } from 'node:crypto'
import { FfError } from '../../errors.ts'
import { readNamedBytes } from './secret-file.ts'

const SETTING = 'FF_AUDIT_DIGEST_KEY_FILE'
const MIN_BYTES = 32

/**
 * The key of the digests that stand for sensitive values in audit records; one of this moment where none is named.
 *
 * @throws FfError `setting_invalid`
 */
export async function readDigestKey(path: string | null): Promise<Uint8Array> {
  if (path === null) return randomBytes(MIN_BYTES)
  const bytes = await readNamedBytes({ setting: SETTING, path, secret: true })
  if (bytes.length >= MIN_BYTES) return bytes
  throw new FfError('setting_invalid', `${SETTING} names a file of ${bytes.length} bytes.`, {
    hint: 'Make a key of 32 bytes: openssl rand -out digest.key 32',
  })
}
