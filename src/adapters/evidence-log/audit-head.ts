import { canonicalizeValue } from '../../core/json/plain.ts'
import type { PublicJwk } from '../../core/signoff/types.ts'
import { FfError } from '../../errors.ts'
import { computeThumbprint, importPublicKey } from '../jose/ed25519.ts'
import type { AuditHeadRead, AuditSigner, SignedHead } from '../../ports/audit.ts'
import { parseCanonical } from './canonical-text.ts'
import { buildSigningInput, formatDetachedJws, verifyDetachedJws } from './detached.ts'
import { readRunnerKey } from './runner-key.ts'

const TYP = 'ff-audit-head+jws'
const FRAME = { kind: 'audit_head', schemaVersion: 1 } as const

/** Content of a signed head's file (`contracts/schemas/audit-head.schema.json`). */
interface HeadFile {
  readonly head: SignedHead
  readonly runner: PublicJwk
  /** Compact JWS with detached content over the RFC 8785 form of `head`. */
  readonly signature: string
}

/**
 * Reads a runner's key file: its public key, and a function that signs bytes of ASCII with the private one (Ed25519).
 * @throws FfError `runner_key_invalid`, `key_file_loose` where other users may read the file
 */
export async function openAuditSigner(path: string): Promise<AuditSigner> {
  const { jwk, sign } = await readRunnerKey(path)
  return { jwk, sign: (bytes) => Promise.resolve(sign(Buffer.from(bytes).toString('latin1'))) }
}

/**
 * Signs a head as a JWS with detached content (RFC 7515, appendix F) and verifies the signature with the signer's
 * public key. Writes no file.
 * @returns the text of the head's file: one line of RFC 8785 JSON with its line feed
 * @throws FfError `signature_not_accepted` where it does not verify, and the error of the signer
 */
export async function signHead(head: SignedHead, { jwk, sign }: AuditSigner): Promise<string> {
  const signed = {
    typ: TYP,
    kid: computeThumbprint(jwk),
    content: canonicalizeValue(head),
  } as const
  const bytes = await sign(Buffer.from(buildSigningInput(signed), 'latin1'))
  const signature = formatDetachedJws(signed, bytes)
  const key = importPublicKey(jwk)
  if (key !== null && verifyDetachedJws(signature, signed, key))
    return `${canonicalizeValue({ ...FRAME, head, runner: jwk, signature })}\n`
  throw new FfError(
    'signature_not_accepted',
    'The signature of the audit head does not verify with the public key of its runner.',
    {
      hint: 'Check that --runner names the public half of the key that --signer-cmd signs with.',
    },
  )
}

/**
 * Parses the text of a signed head and verifies its signature: the head and the thumbprint of its key as `kid`;
 * `head_malformed` for a text not byte for byte as written, `head_signature_invalid` for a signature or key that is
 * not valid. Does not check that the key is trusted.
 * @param fits whether a value matches the file's schema
 */
export function readSignedHead(text: string, fits: (value: unknown) => boolean): AuditHeadRead {
  const file = text.endsWith('\n') ? parseCanonical<HeadFile>(text.slice(0, -1), fits) : null
  if (file === null) return { ok: false, code: 'head_malformed' }
  const { head, runner, signature } = file
  const kid = computeThumbprint(runner)
  const key = importPublicKey(runner)
  const signed = { typ: TYP, kid, content: canonicalizeValue(head) } as const
  return key !== null && verifyDetachedJws(signature, signed, key)
    ? { ok: true, head, kid }
    : { ok: false, code: 'head_signature_invalid' }
}
