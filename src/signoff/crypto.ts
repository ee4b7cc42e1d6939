import { createHash } from 'node:crypto'
import type { SignoffTools } from '../core/signoff/types.ts'
import { holds, isSound, thumbprint } from '../jose/ed25519.ts'

/** All that the checks are handed but the shapes, which come from the schemas. */
export const signoffCrypto: Omit<SignoffTools, 'shape'> = {
  sha256: (text) => createHash('sha256').update(text, 'utf8').digest('hex'),
  thumbprint,
  isSound,
  holds,
  decode: (text) => {
    const bytes = Buffer.from(text, 'base64url')
    // Node reads other alphabets, white space and idle bits as well.
    return bytes.toString('base64url') === text ? bytes : null
  },
  encode: (text) => Buffer.from(text, 'utf8').toString('base64url'),
}
