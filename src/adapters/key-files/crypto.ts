import { createHash } from 'node:crypto'
import type { SignoffCrypto } from '../../core/signoff/types.ts'
import { verifyEd25519, isSoundKey, computeThumbprint } from '../jose/ed25519.ts'

/**
 * Hashes, signature checks and base64url of the sign-off, on node:crypto. `decode` is null for non-canonical
 * base64url.
 */
export const signoffCrypto: SignoffCrypto = {
  sha256: (content) => createHash('sha256').update(content).digest('hex'),
  thumbprint: computeThumbprint,
  isSound: isSoundKey,
  holds: verifyEd25519,
  decode: (text) => {
    const bytes = Buffer.from(text, 'base64url')
    // Node also accepts other alphabets, white space and non-zero unused bits.
    return bytes.toString('base64url') === text ? bytes : null
  },
  encode: (text) => Buffer.from(text, 'utf8').toString('base64url'),
}
