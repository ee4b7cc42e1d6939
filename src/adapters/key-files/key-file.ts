import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { dirname } from 'node:path'
import { canonicalizeObject } from '../../core/signoff/read-document.ts'
import type { KeyFile } from '../../core/signoff/types.ts'
import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { getErrorCode, isMissing } from '../../files/read-or-null.ts'
import { createFile } from '../../files/replace-file.ts'
import { makeKeyPair, signBytes, computeThumbprint } from '../jose/ed25519.ts'
import { excludeFromGit } from './exclude-from-git.ts'
import type { ByteSigner } from '../../ports/signoff.ts'

/** 128 MiB and about half a second per guess (RFC 7914; OWASP's recommended parameters). */
const KDF = { name: 'scrypt', n: 131_072, r: 8, p: 1 } as const
const KEY_BYTES = 32
const TAG_BYTES = 16
/** Far above the size of a key file. */
const MAX_BYTES = 65_536

type Head = Omit<KeyFile, 'sealed'>

/**
 * Generates an Ed25519 key and returns the content of its file: owner, public key and its thumbprint in the clear, and
 * the private key encrypted under the passphrase (scrypt, AES-256-GCM; the rest is authenticated too). Takes about
 * half a second. Writes no file and does not judge the passphrase.
 */
export async function makeKeyFile(
  owner: { readonly person: string; readonly name: string },
  passphrase: string,
): Promise<KeyFile> {
  const { jwk, pkcs8 } = makeKeyPair()
  const [salt, iv] = [randomBytes(16), randomBytes(12)]
  const head: Head = {
    kind: 'key_file',
    schemaVersion: 1,
    ...owner,
    kid: computeThumbprint(jwk),
    jwk,
    kdf: { ...KDF, salt: salt.toString('base64url') },
    cipher: { name: 'aes-256-gcm', iv: iv.toString('base64url') },
  }
  const cipher = createCipheriv('aes-256-gcm', await deriveKey(head, passphrase), iv)
  cipher.setAAD(Buffer.from(canonicalizeObject(head)))
  const sealed = Buffer.concat([cipher.update(pkcs8), cipher.final(), cipher.getAuthTag()])
  return { ...head, sealed: sealed.toString('base64url') }
}

/**
 * Decrypts a key file's private key, which takes about half a second.
 *
 * @returns a function that signs bytes to 64 bytes
 * @throws FfError `passphrase_wrong`, also for an altered file: the head is authenticated too
 */
export async function unsealKey(file: KeyFile, passphrase: string): Promise<ByteSigner> {
  const { sealed, ...head } = file
  const pkcs8 = decryptAesGcm(
    head,
    await deriveKey(head, passphrase),
    Buffer.from(sealed, 'base64url'),
  )
  return (bytes) => Promise.resolve(signBytes(pkcs8, bytes))
}

function decryptAesGcm(head: Head, key: Buffer, sealed: Buffer): Buffer {
  const iv = Buffer.from(head.cipher.iv, 'base64url')
  try {
    const options = { authTagLength: TAG_BYTES }
    const decipher = createDecipheriv('aes-256-gcm', key, iv, options)
    decipher.setAAD(Buffer.from(canonicalizeObject(head)))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
  } catch {
    // No `cause`: it only says that the tag is wrong, and an error should hold nothing of a key.
    throw new FfError(
      'passphrase_wrong',
      'Cannot decrypt the key file: the passphrase is wrong, or the file was altered.',
      {
        hint: 'Try again. If the passphrase is right, restore the key file from its backup.',
      },
    )
  }
}

function deriveKey({ kdf: { n, r, p, salt } }: Head, passphrase: string): Promise<Buffer> {
  // Normalise, because keyboards compose the same letters differently (RFC 8265, 4.2).
  const secret = passphrase.normalize('NFC')
  const options = { N: n, r, p, maxmem: 256 * n * r }
  return new Promise((resolve, reject) => {
    scrypt(secret, Buffer.from(salt, 'base64url'), KEY_BYTES, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}

/**
 * Writes a key file as indented JSON with mode 600, synced to disk, and keeps it and its public half out of Git,
 * through the repository's own `info/exclude`. Never overwrites.
 * @throws FfError `file_exists`; `output_failed` for any other error
 */
export async function writeKeyFile(path: string, file: KeyFile): Promise<void> {
  try {
    await excludeFromGit(path)
    await createFile(path, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 })
  } catch (cause) {
    throw getErrorCode(cause) === 'EEXIST'
      ? new FfError('file_exists', `${path} exists already.`, {
          hint: 'Name another file: a key is never overwritten.',
        })
      : new FfError(
          'output_failed',
          `Cannot write the key file ${path} (${getErrorCode(cause)}).`,
          {
            hint: `Check that its folder exists and is writable: ls -ld ${dirname(path)}`,
            cause,
          },
        )
  }
}

/**
 * Reads the text of a key file of at most 64 KiB that only its owner may access; does not parse it.
 *
 * @throws FfError `key_file_malformed` for no regular file or a larger one, `key_file_loose` for any mode bit of group
 * or others, `key_file_missing`, `key_file_unreadable` for the system's other errors
 */
export async function readKeyFile(path: string): Promise<string> {
  try {
    const read = await readBounded(path, MAX_BYTES)
    if (!read.ok)
      throw new FfError(
        'key_file_malformed',
        `${path} is not a key file: it is no regular file, or larger than ${MAX_BYTES} bytes.`,
        {
          hint: 'Name a file that `ff key new` created.',
        },
      )
    if ((read.mode & 0o077) !== 0) throw buildLooseModeError(path, read.mode)
    return read.bytes.toString('utf8')
  } catch (error) {
    throw toReadError(path, error)
  }
}

const buildLooseModeError = (path: string, mode: number): FfError =>
  new FfError(
    'key_file_loose',
    `${path} has mode ${(mode & 0o777).toString(8)}: other users may have read it. A key file needs mode 600.`,
    {
      hint: `Without other users on this machine: chmod 600 ${path}. Else create a new key and revoke this one.`,
    },
  )

function toReadError(path: string, error: unknown): unknown {
  const code = getErrorCode(error)
  if (error instanceof FfError || code === null) return error
  if (isMissing(error))
    return new FfError('key_file_missing', `There is no key file ${path}.`, {
      hint: 'Create one with `ff key new`, or name the file of another key.',
    })
  return new FfError('key_file_unreadable', `Cannot read the key file ${path} (${code}).`, {
    hint: `Check its owner and mode: ls -l ${path}`,
    cause: error,
  })
}
