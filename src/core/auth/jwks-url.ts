const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Parses the URL of a key set: https, or http on loopback, without user or password; null for any other text. */
export function parseJwksUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return null
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackUrl(url))
  return safe ? url : null
}

/** Whether requests to this URL stay on this machine. */
export const isLoopbackUrl = ({ hostname }: URL): boolean => LOOPBACK.test(hostname)

/** Whether a URL contains a user or password, even one that `URL` cannot parse. */
export const hasUserPart = (text: string): boolean => /^[a-z]+:\/\/[^/]*@/i.test(text)
