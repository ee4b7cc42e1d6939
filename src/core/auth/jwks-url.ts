const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * Parses the URL of a key set: https, or http on loopback (`isLoopbackUrl`), without user or password; null for any
 * other text.
 */
export function parseJwksUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return null
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackUrl(url))
  return safe ? url : null
}

/** Whether the host name of a URL is `localhost`, `127.x.x.x` or `[::1]`. Looks up no name. */
export const isLoopbackUrl = ({ hostname }: URL): boolean => LOOPBACK.test(hostname)

/**
 * Whether a text has an `@` between a scheme of letters with `://` and the next `/`, so that it contains a user or
 * password, even where `URL` cannot parse it.
 */
export const hasUserPart = (text: string): boolean => /^[a-z]+:\/\/[^/]*@/i.test(text)
