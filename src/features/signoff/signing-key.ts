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
import { FfError } from '../../errors.ts'
import type { ByteSigner, Terminal } from '../../ports/signoff.ts'
import type { SignoffContext } from './context.ts'

/** With which key somebody signs, as it was named on the command line. */
export interface SigningKeyChoice {
  readonly key: string | null
  readonly signerCommand: string | null
  readonly person: string | null
}
/** One person's way to sign. The passphrase is asked for when it is taken up, and not before. */
export interface SigningKey {
  readonly signer: Signer
  readonly unlock: () => Promise<ByteSigner>
}

/** @throws FfError `terminal_missing`: nobody signs unasked */
export function requireTerminal({ terminal }: Pick<SignoffContext, 'terminal'>): Terminal {
  if (terminal !== null) return terminal
  throw new FfError('terminal_missing', 'People sign on a terminal, and this is none.', {
    hint: 'Run it by hand; the keys of people are never in CI.',
  })
}

/** Finds whom the trust file knows by the key named. @throws FfError `signer_unknown`, and what reading a key throws */
export async function resolveSigningKey(
  context: SignoffContext,
  trust: TrustFile,
  { key, signerCommand, person }: SigningKeyChoice,
): Promise<SigningKey> {
  if (key !== null && signerCommand === null) {
    const file = await readKey(context, key)
    const signer = trust.signers.find(({ kid }) => kid === file.kid)
    if (signer === undefined) throw makeUnknownSigner(`the key ${file.kid}`)
    return { signer, unlock: () => unseal(context, file) }
  }
  if (key === null && signerCommand !== null && person !== null) {
    const own = trust.signers.filter((one) => one.person === person && isLive(one, context.now))
    const [signer] = own
    if (signer === undefined || own.length > 1)
      throw makeUnknownSigner(`${own.length} keys of ${person}`)
    return { signer, unlock: () => Promise.resolve(context.keys.byCommand(signerCommand)) }
  }
  throw new FfError('option_invalid', 'It is not clear with which key to sign.', {
    hint: 'Give --key FILE, or --signer-cmd COMMAND with --person ID.',
  })
}

const isLive = ({ from, until }: Signer, now: string): boolean => from <= now && now < until

const makeUnknownSigner = (what: string): FfError =>
  new FfError('signer_unknown', `The trust file does not say who signs here: ${what}.`, {
    hint: 'See `ff trust show` for those whose signatures count.',
  })

/** @throws FfError `key_file_malformed`, and what reading it throws */
export async function readKey(
  { keys, tools }: Pick<SignoffContext, 'keys' | 'tools'>,
  path: string,
): Promise<KeyFile> {
  const read = parseSignedDocument('key_file', await keys.read(path), tools)
  if (read.ok) return read.value
  throw new FfError('key_file_malformed', `${path} is no key file.`, {
    hint: 'Name a file that `ff key new` made.',
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
 * Signs, and takes the signature only where it verifies by the same rules as everybody else's, and by jose.
 *
 * @throws FfError `signature_not_accepted`
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
  const signed = { protected: shown, signature: Buffer.from(bytes).toString('base64url') }
  const checked = verifySignature(signed, { payload, typ, trust, now: context.now }, context.tools)
  if (checked.ok && (await context.keys.accepts(jwk, payload, signed))) return signed
  const why = checked.ok ? 'a second implementation refuses it' : checked.fault.code
  throw new FfError('signature_not_accepted', 'What was signed does not count, and was not kept.', {
    hint: 'See that the key is the one of the trust file, and within its time.',
    details: [`${why}: ${checked.ok ? kid : checked.fault.detail}`],
  })
}
