import { type KeyObject, verify } from 'node:crypto'
import { canonicalizeValue } from '../../core/json/plain.ts'

/** The `typ` of a signature, so that a signature of one kind does not verify as another. */
export type SignedType =
  | 'ff-evidence+jws'
  | 'ff-evidence-head+jws'
  | 'ff-audit-head+jws'
  | 'ff-observation+jws'
interface DetachedInput {
  readonly typ: SignedType
  readonly kid: string
  /** The signed text, in RFC 8785 form. */
  readonly content: string
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url')
/** The only accepted header. */
const toHeader = ({ typ, kid }: DetachedInput): string =>
  base64url(canonicalizeValue({ alg: 'Ed25519', kid, typ }))

/**
 * The ASCII text to sign for a JWS with detached content (RFC 7515, 5.1 and appendix F): the header (`alg` Ed25519,
 * `kid`, `typ`) and the content in base64url, joined by a dot.
 */
export const buildSigningInput = (signed: DetachedInput): string =>
  `${toHeader(signed)}.${base64url(signed.content)}`

/** The compact JWS with detached content: `header..signature`, both in base64url. Does not check the signature. */
export const formatDetachedJws = (signed: DetachedInput, signature: Uint8Array): string =>
  `${toHeader(signed)}..${Buffer.from(signature).toString('base64url')}`

/** Signs content with a runner's key. @returns the compact JWS with detached content */
export const signDetached = (signed: DetachedInput, sign: (text: string) => Uint8Array): string =>
  formatDetachedJws(signed, sign(buildSigningInput(signed)))

/**
 * Whether a detached JWS has exactly the expected header and a valid Ed25519 signature of the content, in canonical
 * base64url. Ignores its middle segment, which is empty as written, and segments after the third: the content comes
 * from `signed`.
 */
export function verifyDetachedJws(jws: string, signed: DetachedInput, key: KeyObject): boolean {
  const [header = '', , bytes = ''] = jws.split('.')
  const raw = Buffer.from(bytes, 'base64url')
  // Canonical base64url only: the last character has unused bits.
  if (header !== toHeader(signed) || raw.toString('base64url') !== bytes) return false
  return verify(null, Buffer.from(buildSigningInput(signed)), key, raw)
}
