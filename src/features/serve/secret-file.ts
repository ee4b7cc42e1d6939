import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { randomBytes } from 'node:crypto'

/** Far above the size of a token, a key or a certificate chain. */
const MAX_BYTES = 65_536

/** A file that a setting names. `secret`: other users of the machine must not be able to read it. */
export interface NamedFile {
  readonly setting: string
  readonly path: string
  readonly secret: boolean
}

/**
 * Reads a file that a setting names, as UTF-8; bytes that are not UTF-8 are replaced.
 *
 * @throws FfError `setting_invalid` where it is missing, unreadable or above 64 KiB, and for a secret that other
 *   users may access
 */
export const readNamedFile = async (file: NamedFile): Promise<string> =>
  (await readNamedBytes(file)).toString('utf8')

/**
 * The bytes of a file that a setting names.
 *
 * @throws FfError `setting_invalid` where it is missing, unreadable or above 64 KiB, and for a secret with any
 *   permission for other users. Group permissions are allowed: a mounted secret is readable through its group.
 */
export async function readNamedBytes({ setting, path, secret }: NamedFile): Promise<Buffer> {
  // A secret that was set in place of its path must not show up in a message.
  const shown = secret ? 'a file' : quoteValue(path)
  const word = secret ? `"$${setting}"` : quoteForShell(path)
  const makeError = (what: string, hint: string, cause?: unknown): FfError =>
    new FfError('setting_invalid', `${setting} names ${shown}, which ${what}.`, {
      hint,
      cause,
    })
  const look = `See what is there with \`ls -ld ${word}\`; the user of the service needs to read it.`
  try {
    const read = await readBounded(path, MAX_BYTES)
    if (!read.ok) throw makeError(`is not a regular file of at most ${MAX_BYTES} bytes`, look)
    if (secret && (read.mode & 0o007) !== 0)
      throw makeError(
        `every user of this machine may read or write (mode ${toMode(read.mode)})`,
        `Replace the secret, because it may be known, then run \`chmod 600 ${word}\`.`,
      )
    return read.bytes
  } catch (error) {
    if (error instanceof FfError || !(error instanceof Error && 'code' in error)) throw error
    throw makeError(`cannot be read (${String(error.code)})`, look, error)
  }
}

const toMode = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0')

const MIN_BYTES = 32

/**
 * The key of the digests that replace sensitive values in audit records, all bytes of its file; 32 random bytes for
 * this run where no file is named.
 *
 * @throws FfError `setting_invalid` for a file that is missing, unreadable, above 64 KiB, accessible to other users,
 *   or with fewer than 32 bytes
 */
export const readDigestKey = async (path: string | null): Promise<Uint8Array> =>
  path === null ? randomBytes(MIN_BYTES) : readKey('FF_AUDIT_DIGEST_KEY_FILE', path, 'digest')

/** Every instance outside of production knows it, so that they share entries; it protects nothing. */
const KNOWN_KEY = 'the cache key of every service without one'
/** The key of the HMACs in Redis, all bytes of its file; a known one where no file is named. @throws as `readDigestKey` */
export const readCacheKey = async (path: string | null): Promise<Uint8Array> =>
  path === null ? Buffer.from(KNOWN_KEY) : readKey('FF_CACHE_KEY_FILE', path, 'cache')

async function readKey(
  setting: string,
  path: string,
  what: 'digest' | 'cache',
): Promise<Uint8Array> {
  const bytes = await readNamedBytes({ setting, path, secret: true })
  if (bytes.length >= MIN_BYTES) return bytes
  throw new FfError(
    'setting_invalid',
    `${setting} names a file of ${bytes.length} bytes: a ${what} key has at least ${MIN_BYTES}.`,
    {
      hint: `Make a key with \`openssl rand -out ${what}.key 32 && chmod 600 ${what}.key\`, and name that file.`,
    },
  )
}
