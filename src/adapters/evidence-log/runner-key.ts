import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import type { PublicJwk } from '../../core/signoff/types.ts'
import { appendFile, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { readBounded } from '../../files/read-bounded.ts'
import { nullIfMissing } from '../../files/read-or-null.ts'
import { createFile, replaceFile } from '../../files/replace-file.ts'
import { computeThumbprint } from '../jose/ed25519.ts'

/** Signs evidence with a runner's key. The private key is never shown. */
export interface SigningRunner {
  /** The public key, as each line holds it. */
  readonly jwk: PublicJwk
  /** RFC 7638 thumbprint of the key; a trust file names the runner by it. */
  readonly kid: string
  readonly sign: (text: string) => Uint8Array
}

/** Many times the size of an Ed25519 key in PEM. */
const MAX_KEY_BYTES = 65_536

/**
 * Reads a runner's key: an Ed25519 key as PKCS#8 in PEM, without a passphrase, because a runner is not interactive.
 * Returns its public key, thumbprint and signing function, not the private key.
 * @throws FfError `runner_key_invalid` for a missing, unreadable, encrypted or other key and a file over 64 KiB,
 * `key_file_loose` where other users may read or write it
 */
export async function readRunnerKey(path: string): Promise<SigningRunner> {
  const { pem, mode } = await readPem(path)
  const runner = parseKey(path, pem)
  if ((mode & 0o077) === 0) return runner
  throw new FfError(
    'key_file_loose',
    `Other users may read the runner's key ${quoteValue(path)}: its mode is ${(mode & 0o777).toString(8)}.`,
    {
      hint: `Replace the key if others had access; else run \`chmod 600 ${quoteForShell(path)}\`.`,
    },
  )
}

function parseKey(path: string, pem: Buffer): SigningRunner {
  try {
    return toRunner(createPrivateKey(pem))
  } catch (cause) {
    throw buildKeyError(path, cause)
  }
}

async function readPem(path: string): Promise<{ pem: Buffer; mode: number }> {
  try {
    const read = await readBounded(path, MAX_KEY_BYTES)
    if (read.ok) return { pem: read.bytes, mode: read.mode }
    throw new TypeError(read.fault)
  } catch (cause) {
    throw buildKeyError(path, cause)
  }
}

const buildKeyError = (path: string, cause: unknown): FfError =>
  new FfError(
    'runner_key_invalid',
    `Cannot read an Ed25519 key without a passphrase from ${path}.`,
    {
      hint: 'Set FF_RUNNER_KEY_FILE to the output of `openssl genpkey -algorithm ed25519 -out runner.pem`.',
      cause,
    },
  )

/**
 * Creates an Ed25519 key file with mode 600, its public half beside it, and its folder if missing, and returns the
 * runner; no trust file names it yet. The `.gitignore` of the folder first gets the lines for key and locks that it
 * lacks: evidence may be committed, the key may not.
 * @throws FfError `evidence_unwritable` for a `.gitignore` that is no regular file or over 1 MiB, else the system's
 * errors, such as `EEXIST`: a key is never overwritten
 */
export async function makeRunnerKey(path: string): Promise<SigningRunner> {
  const { privateKey } = generateKeyPairSync('ed25519')
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await ignoreKey(path)
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  await createFile(path, pem.toString(), { mode: 0o600 })
  const runner = toRunner(privateKey)
  await writePublicKey(path, runner)
  return runner
}

/**
 * The path of the public half beside a key file, by which a trust file names the runner: `.pub.json` instead of
 * `.pem`, or appended to another name.
 */
export const toPublicPath = (path: string): string => `${path.replace(/\.pem$/, '')}.pub.json`
/**
 * Writes the public half of a runner's key as indented JSON beside it (`.pub.json`), atomically; replaces that of an
 * earlier key. @throws the system's errors
 */
export async function writePublicKey(path: string, { kid, jwk }: SigningRunner): Promise<void> {
  const named = { kind: 'public_key', schemaVersion: 1, person: 'runner', name: 'runner', kid, jwk }
  await replaceFile(toPublicPath(path), `${JSON.stringify(named, null, 2)}\n`)
}

/** Adds the lines that keep the key and the locks out of Git, where they are not there yet. */
async function ignoreKey(path: string): Promise<void> {
  const file = join(dirname(path), '.gitignore')
  const read = await nullIfMissing(readBounded(file, MAX_IGNORE_BYTES))
  if (read !== null && !read.ok)
    throw new FfError(
      'evidence_unwritable',
      `Cannot add a line to ${quoteValue(file)}: ${read.fault}.`,
      {
        hint: 'Move it away, so that a new one can keep the key of the runner out of Git.',
      },
    )
  const before = read?.bytes.toString('utf8') ?? ''
  const lines = new Set(before.split(/\r?\n/))
  const missing = [basename(path), 'evidence/*/lock'].filter((line) => !lines.has(line))
  if (missing.length === 0) return
  const separator = before === '' || before.endsWith('\n') ? '' : '\n'
  await appendFile(file, `${separator}${missing.join('\n')}\n`)
}
const MAX_IGNORE_BYTES = 1_048_576

function toRunner(key: KeyObject): SigningRunner {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key')
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  const jwk: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x }
  return { jwk, kid: computeThumbprint(jwk), sign: (text) => sign(null, Buffer.from(text), key) }
}
