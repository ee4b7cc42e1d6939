import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { canonicalizeObject } from '../../core/signoff/read-document.ts'
import type { KeyFile } from '../../core/signoff/types.ts'
import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { getErrorCode, isMissing } from '../../files/read-or-null.ts'
import { createFile } from '../../files/replace-file.ts'
import { makeKeyPair, signBytes, computeThumbprint } from '../jose/ed25519.ts'
import type { ByteSigner } from '../../ports/signoff.ts'

/** 128 MiB and about half a second for each guess (RFC 7914; OWASP's first choice). */
const KDF = { name: 'scrypt', n: 131_072, r: 8, p: 1 } as const
const KEY_BYTES = 32
const TAG_BYTES = 16
/** Far more than a key file has. */
const MAX_BYTES = 65_536

type Head = Omit<KeyFile, 'sealed'>

/** A new key, sealed under a passphrase. */
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

/** @throws FfError `passphrase_wrong`; an altered file shows in the same way, for its head is authenticated too */
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
    // The cause says no more than that the tag is not right, and nothing of a key belongs into an error.
    throw new FfError('passphrase_wrong', 'The passphrase is wrong, or the key file was altered.', {
      hint: 'Try again; if the passphrase is right, take the key file from its backup.',
    })
  }
}

function deriveKey({ kdf: { n, r, p, salt } }: Head, passphrase: string): Promise<Buffer> {
  // One spelling of a passphrase, whichever way a keyboard composes its letters (RFC 8265, 4.2).
  const secret = passphrase.normalize('NFC')
  const options = { N: n, r, p, maxmem: 256 * n * r }
  return new Promise((resolve, reject) => {
    scrypt(secret, Buffer.from(salt, 'base64url'), KEY_BYTES, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}

/** Writes a key file for its owner alone. @throws FfError `file_exists` rather than overwrite a key */
export async function writeKeyFile(path: string, file: KeyFile): Promise<void> {
  try {
    await createFile(path, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 })
  } catch (cause) {
    throw getErrorCode(cause) === 'EEXIST'
      ? new FfError('file_exists', `${path} is there already.`, {
          hint: 'Name another file: a key is never overwritten.',
        })
      : new FfError('output_failed', `The key could not be written to ${path}.`, {
          hint: 'Check that its folder is there and may be written.',
          cause,
        })
  }
}

/** The text of a key file that nobody but its owner can read. */
export async function readKeyFile(path: string): Promise<string> {
  try {
    const read = await readBounded(path, MAX_BYTES)
    if (!read.ok)
      throw new FfError('key_file_malformed', `${path} is no key file.`, {
        hint: 'Name a file that `ff key new` made.',
      })
    if ((read.mode & 0o077) !== 0) throw buildLooseModeError(path, read.mode)
    return read.bytes.toString('utf8')
  } catch (error) {
    throw toReadError(path, error)
  }
}

const buildLooseModeError = (path: string, mode: number): FfError =>
  new FfError(
    'key_file_loose',
    `${path} has mode ${(mode & 0o777).toString(8)}: others may have read it.`,
    {
      hint: `Make it 600 if nobody else was on this machine; else make a new key and revoke this one.`,
    },
  )

function toReadError(path: string, error: unknown): unknown {
  const code = getErrorCode(error)
  if (error instanceof FfError || code === null) return error
  if (isMissing(error))
    return new FfError('key_file_missing', `There is no key file ${path}.`, {
      hint: 'Make one with `ff key new`, or name the right one with --key.',
    })
  return new FfError('key_file_unreadable', `The key file ${path} cannot be read (${code}).`, {
    hint: 'Check that it belongs to you.',
    cause: error,
  })
}
