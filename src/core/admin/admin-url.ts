import { parseJwksUrl } from '../auth/jwks-url.ts'

/**
 * Where Admin may be: https, or http on this machine alone, without user or password, and with nothing after
 * the path that would have to go on somewhere. Null where the text is no such place.
 */
export function parseAdminUrl(text: string): URL | null {
  const url = parseJwksUrl(text)
  return url === null || /[?#]/.test(text) ? null : url
}

/** Where checks are sent. */
export function buildCheckUrl({ href }: URL): URL {
  return new URL(`${href.replace(/\/+$/, '')}/v1/sensitive/check`)
}
