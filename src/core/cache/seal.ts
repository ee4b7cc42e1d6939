/** Keyed authentication of texts: HMAC-SHA256 under the cache key. */
export interface CacheMac {
  /** 43 characters of base64url. */
  sign(text: string): string
  /** Compares in constant time. */
  verify(text: string, mac: string): boolean
}
