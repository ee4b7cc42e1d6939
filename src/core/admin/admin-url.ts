import { parseJwksUrl } from '../auth/jwks-url.ts'

/**
 * Parses the base URL of Admin: https, or http on loopback, without user, password, query or fragment. Null for any
 * other text.
 */
export function parseAdminUrl(text: string): URL | null {
  const url = parseJwksUrl(text)
  return url === null || /[?#]/.test(text) ? null : url
}

/** The endpoint of the approval check under the base URL. */
export function buildCheckUrl({ href }: URL): URL {
  return new URL(`${href.replace(/\/+$/, '')}/v1/sensitive/check`)
}
