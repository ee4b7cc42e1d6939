const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** A place keys may come from: https, or http on this machine alone; null where the text is neither. */
export function parseJwksUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return null
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackUrl(url))
  return safe ? url : null
}

/** Whether what is sent there never leaves this machine. */
export const isLoopbackUrl = ({ hostname }: URL): boolean => LOOPBACK.test(hostname)

/** Whether a user or password stands in a URL, even in one that cannot be taken apart. */
export const hasUserPart = (text: string): boolean => /^[a-z]+:\/\/[^/]*@/i.test(text)
