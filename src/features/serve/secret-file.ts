import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { randomBytes } from 'node:crypto'

/** Far more than a token, a key or a chain of certificates has. */
const MAX_BYTES = 65_536

/** A file that a setting names, and whether it holds what nobody else may read. */
export interface NamedFile {
  readonly setting: string
  readonly path: string
  readonly secret: boolean
}

/** The text of such a file. @throws FfError as the bytes */
export const readNamedFile = async (file: NamedFile): Promise<string> =>
  (await readNamedBytes(file)).toString('utf8')

/**
 * The bytes of a file that a setting names.
 *
 * @throws FfError `setting_invalid`, of a secret also where it is open to everybody on the machine. A group may
 *   read it: that is how secrets are mounted for a service that is not root.
 */
export async function readNamedBytes({ setting, path, secret }: NamedFile): Promise<Buffer> {
  const makeError = (what: string, hint: string, cause?: unknown): FfError =>
    new FfError('setting_invalid', `${setting} names a file that ${what}.`, { hint, cause })
  try {
    const read = await readBounded(path, MAX_BYTES)
    if (!read.ok) throw makeError('is no small file', 'Name a file of at most 64 KiB.')
    if (secret && (read.mode & 0o007) !== 0)
      throw makeError(
        'everybody on this machine may read',
        'Make a new secret, and give its file mode 600.',
      )
    return read.bytes
  } catch (error) {
    if (error instanceof FfError || !(error instanceof Error && 'code' in error)) throw error
    throw makeError(
      `cannot be read (${String(error.code)})`,
      'Check that it is there, and that the service may read it.',
      error,
    )
  }
}

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
