import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto'
import type { PublicJwk } from '../../core/signoff/types.ts'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FfError } from '../../errors.ts'
import { createFile } from '../../files/replace-file.ts'
import { computeThumbprint } from '../jose/ed25519.ts'

/** Signs evidence with a runner's key. The private key is never shown. */
export interface SigningRunner {
  /** The public key, as each line holds it. */
  readonly jwk: PublicJwk
  /** RFC 7638 thumbprint of the key; a trust file names the runner by it. */
  readonly kid: string
  readonly sign: (text: string) => Uint8Array
}

/**
 * Reads a runner's key: an Ed25519 key as PKCS#8 in PEM, without a passphrase, because a runner is not interactive.
 *
 * @throws FfError `runner_key_invalid` for a missing, unreadable, encrypted or other key
 */
export async function readRunnerKey(path: string): Promise<SigningRunner> {
  try {
    return toRunner(createPrivateKey(await readFile(path)))
  } catch (cause) {
    throw new FfError(
      'runner_key_invalid',
      `Cannot read an Ed25519 key without a passphrase from ${path}.`,
      {
        hint: 'Set FF_RUNNER_KEY_FILE to the output of `openssl genpkey -algorithm ed25519 -out runner.pem`.',
        cause,
      },
    )
  }
}

/**
 * Creates an Ed25519 key file with mode 600, and its folder if missing, and returns the runner; no trust file names it
 * yet. The folder first gets a `.gitignore`, unless it has one: evidence may be committed, the key may not.
 *
 * @throws the system's errors, such as `EEXIST`: a file is never overwritten
 */
export async function makeRunnerKey(path: string): Promise<SigningRunner> {
  const { privateKey } = generateKeyPairSync('ed25519')
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await ignoreKey(path)
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  await createFile(path, pem.toString(), { mode: 0o600 })
  return toRunner(privateKey)
}

async function ignoreKey(path: string): Promise<void> {
  try {
    const ignored = `${basename(path)}\nevidence/*/lock\n`
    await writeFile(join(dirname(path), '.gitignore'), ignored, { flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

function toRunner(key: KeyObject): SigningRunner {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('not an Ed25519 key')
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  const jwk: PublicJwk = { kty: 'OKP', crv: 'Ed25519', x }
  return { jwk, kid: computeThumbprint(jwk), sign: (text) => sign(null, Buffer.from(text), key) }
}
