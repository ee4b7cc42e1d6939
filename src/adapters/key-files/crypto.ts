import { createHash } from 'node:crypto'
import type { SignoffCrypto } from '../../core/signoff/types.ts'
import { verifyEd25519, isSoundKey, computeThumbprint } from '../jose/ed25519.ts'

export const signoffCrypto: SignoffCrypto = {
  sha256: (text) => createHash('sha256').update(text, 'utf8').digest('hex'),
  thumbprint: computeThumbprint,
  isSound: isSoundKey,
  holds: verifyEd25519,
  decode: (text) => {
    const bytes = Buffer.from(text, 'base64url')
    // Node reads other alphabets, white space and idle bits as well.
    return bytes.toString('base64url') === text ? bytes : null
  },
  encode: (text) => Buffer.from(text, 'utf8').toString('base64url'),
}
