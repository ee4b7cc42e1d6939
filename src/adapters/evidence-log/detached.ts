import { type KeyObject, verify } from 'node:crypto'
import { canonicalizeValue } from '../../core/json/plain.ts'

/** What a signature is about, so that none counts for anything else. */
export type SignedType = 'ff-evidence+jws' | 'ff-audit-head+jws'
interface DetachedInput {
  readonly typ: SignedType
  readonly kid: string
  /** In RFC 8785 form. */
  readonly content: string
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url')
/** The one header there is: whatever else a header could say, nobody listens to. */
const toHeader = ({ typ, kid }: DetachedInput): string =>
  base64url(canonicalizeValue({ alg: 'Ed25519', kid, typ }))

/** What is signed of a compact JWS with detached content (RFC 7515, appendix F). */
export const buildSigningInput = (signed: DetachedInput): string =>
  `${toHeader(signed)}.${base64url(signed.content)}`

export const formatDetachedJws = (signed: DetachedInput, signature: Uint8Array): string =>
  `${toHeader(signed)}..${Buffer.from(signature).toString('base64url')}`

/** Whether such a JWS is a signature of this key, in its only spelling. */
export function verifyDetachedJws(jws: string, signed: DetachedInput, key: KeyObject): boolean {
  const [header = '', , bytes = ''] = jws.split('.')
  const raw = Buffer.from(bytes, 'base64url')
  // One spelling for each signature: the last character carries bits that nothing reads.
  if (header !== toHeader(signed) || raw.toString('base64url') !== bytes) return false
  return verify(null, Buffer.from(buildSigningInput(signed)), key, raw)
}
