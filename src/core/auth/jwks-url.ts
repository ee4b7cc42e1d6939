const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** A place keys may come from: https, or http on this machine alone; null where the text is neither. */
export function jwksUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return null
  const safe =
    url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname))
  return safe ? url : null
}
