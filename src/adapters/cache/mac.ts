import { createHmac, timingSafeEqual } from 'node:crypto'
import type { CacheMac } from '../../core/cache/seal.ts'

/** HMAC-SHA256 under a key. The texts are compared, since base64url spells the last bits in several ways. */
export function createCacheMac(key: Uint8Array): CacheMac {
  const sign = (text: string): string => createHmac('sha256', key).update(text).digest('base64url')
  return {
    sign,
    verify: (text, mac) => {
      const [given, right] = [Buffer.from(mac), Buffer.from(sign(text))]
      return given.length === right.length && timingSafeEqual(given, right)
    },
  }
}
