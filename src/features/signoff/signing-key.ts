import { parseSignedDocument } from '../../core/signoff/read-document.ts'
import { verifySignature, SIGNATURE_KINDS } from '../../core/signoff/signature.ts'
import type {
  SignatureHeader,
  HeaderType,
  JwsSignature,
  KeyFile,
  Signer,
  TrustFile,
} from '../../core/signoff/types.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { ByteSigner, Terminal } from '../../ports/signoff.ts'
import type { SignoffContext } from './context.ts'

/** The signing key as the options name it: a key file, or a command with the person whose key it uses. */
export interface SigningKeyChoice {
  readonly key: string | null
  readonly signerCommand: string | null
  readonly person: string | null
}
/** A signer of the trust file with its key. `unlock` asks for the passphrase, so call it last. */
export interface SigningKey {
  readonly signer: Signer
  readonly unlock: () => Promise<ByteSigner>
}

/** The terminal: every signature needs an answer of a person. @throws FfError `terminal_missing` without one */
export function requireTerminal({ terminal }: Pick<SignoffContext, 'terminal'>): Terminal {
  if (terminal !== null) return terminal
  throw new FfError(
    'terminal_missing',
    'This command asks a person, and standard input is not a terminal.',
    {
      hint: 'Run it by hand in a terminal: the keys of people never belong in CI.',
    },
  )
}

/**
 * Finds the signer of the trust file that a chosen key belongs to: by the id in the key file, or with a command by
 * the person, who then needs exactly one key within its window. Asks for no passphrase.
 *
 * @throws FfError `signer_unknown`, `option_invalid` for neither or both ways, and for the key file
 *   `key_file_malformed`, `key_file_missing`, `key_file_unreadable`, `key_file_loose`
 */
export async function resolveSigningKey(
  context: SignoffContext,
  trust: TrustFile,
  { key, signerCommand, person }: SigningKeyChoice,
): Promise<SigningKey> {
  if (key !== null && signerCommand === null) {
    const file = await readKey(context, key)
    const signer = trust.signers.find(({ kid }) => kid === file.kid)
    if (signer === undefined) throw makeUnknownSigner(`does not name the key ${file.kid}`)
    return { signer, unlock: () => unseal(context, file) }
  }
  if (key === null && signerCommand !== null && person !== null) {
    const candidates = trust.signers.filter(
      (one) => one.person === person && isLive(one, context.now),
    )
    const [signer] = candidates
    if (signer === undefined || candidates.length > 1)
      throw makeUnknownSigner(
        `names ${candidates.length} valid keys of ${quoteValue(person)}, and one is needed`,
      )
    return { signer, unlock: () => Promise.resolve(context.keys.byCommand(signerCommand)) }
  }
  throw new FfError(
    'option_invalid',
    'The signing key is not clear: give either --key, or --signer-cmd with --person.',
    {
      hint: 'Add for example `--key alice.key.json`, or `--signer-cmd "sign-with-card 9c" --person bob`.',
    },
  )
}

const isLive = ({ from, until }: Signer, now: string): boolean => from <= now && now < until

const makeUnknownSigner = (fault: string): FfError =>
  new FfError('signer_unknown', `The trust file ${fault}.`, {
    hint: 'Run `ff trust show` to see the keys whose signatures count.',
  })

/**
 * Reads and parses a key file; it stays encrypted.
 *
 * @throws FfError `key_file_malformed`, `key_file_missing`, `key_file_unreadable`, `key_file_loose`
 */
export async function readKey(
  { keys, tools }: Pick<SignoffContext, 'keys' | 'tools'>,
  path: string,
): Promise<KeyFile> {
  const read = parseSignedDocument('key_file', await keys.read(path), tools)
  if (read.ok) return read.value
  throw new FfError('key_file_malformed', `${quoteValue(path)} is not a key file.`, {
    hint: 'Name a file that `ff key new` wrote.',
    details: [read.detail],
  })
}

async function unseal(context: SignoffContext, file: KeyFile): Promise<ByteSigner> {
  const passphrase = await requireTerminal(context).secret(`Passphrase of ${file.person}:`)
  return context.keys.unseal(file, passphrase)
}

export interface SigningInput {
  readonly trust: TrustFile
  /** Base64url. */
  readonly payload: string
  readonly typ: HeaderType
  readonly attests: readonly string[]
}

/**
 * Unlocks the key, signs a payload as of `context.now`, and returns the signature only if the verifier of the gate
 * and jose both accept it. Writes nothing.
 *
 * @throws FfError `signature_not_accepted`, and the errors of unlocking and of the signer
 */
export async function signAndVerify(
  context: SignoffContext,
  { signer, unlock }: SigningKey,
  { trust, payload, typ, attests }: SigningInput,
): Promise<JwsSignature> {
  const { person, name, role, kid, jwk } = signer
  const { meaning } = SIGNATURE_KINDS[typ]
  const ff: SignatureHeader['ff'] = { person, name, role, meaning, signed_at: context.now, attests }
  const header: SignatureHeader = { alg: 'Ed25519', typ, kid, crit: ['ff'], ff }
  const shown = context.tools.encode(JSON.stringify(header))
  const sign = await unlock()
  const bytes = await sign(new TextEncoder().encode(`${shown}.${payload}`))
  const signature = { protected: shown, signature: Buffer.from(bytes).toString('base64url') }
  const verification = verifySignature(
    signature,
    { payload, typ, trust, now: context.now },
    context.tools,
  )
  if (verification.ok && (await context.keys.accepts(jwk, payload, signature))) return signature
  const why = verification.ok ? 'a second implementation rejects it' : verification.fault.code
  throw new FfError(
    'signature_not_accepted',
    `The signature of ${person} does not verify, so it was not written.`,
    {
      hint: 'Check with `ff trust show` that the trust file names this key and that its window is open.',
      details: [`${why}: ${verification.ok ? kid : verification.fault.detail}`],
    },
  )
}
