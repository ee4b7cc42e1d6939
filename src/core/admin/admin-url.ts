import { parseJwksUrl } from '../auth/jwks-url.ts'

/**
 * Parses the base URL of Admin: https, or http on loopback, without user, password, query or fragment, not even an
 * empty one (`?`, `#`). Null for any other text.
 */
export function parseAdminUrl(text: string): URL | null {
  const url = parseJwksUrl(text)
  return url === null || /[?#]/.test(text) ? null : url
}

/** The URL of the approval check: the base URL without trailing slashes, then `/v1/sensitive/check`. */
export function buildCheckUrl({ href }: URL): URL {
  return new URL(`${href.replace(/\/+$/, '')}/v1/sensitive/check`)
}
