import { strictProblems } from '../core/json/canonical.ts'
import { toPlain } from '../core/json/plain.ts'
import { isObject, readJson } from '../core/json/read.ts'
import type { Claims } from '../core/auth/claims.ts'

/** Page 2: a token is at most 8 KiB. */
const MAX_TOKEN_BYTES = 8_192
const SEGMENT = /^[A-Za-z0-9_-]+$/

export interface TokenForm {
  readonly header: Claims
  readonly claims: Claims
}

/** Takes a compact JWS apart, strictly (M-10); null where it is malformed. Says nothing of its signature. */
export function tokenForm(token: string): TokenForm | null {
  if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) return null
  const segments = token.split('.')
  if (segments.length !== 3 || !segments.every(isCanonicalBase64url)) return null
  const [header, claims] = segments.slice(0, 2).map(jsonObject)
  return header == null || claims == null ? null : { header, claims }
}

/** One spelling for each byte string: a changed trailing bit must not verify. */
const isCanonicalBase64url = (segment: string): boolean =>
  SEGMENT.test(segment) && Buffer.from(segment, 'base64url').toString('base64url') === segment

function jsonObject(segment: string): Claims | null {
  const text = decodeUtf8(Buffer.from(segment, 'base64url'))
  const read = text === null ? null : readJson(text)
  if (
    read === null ||
    !read.ok ||
    read.node === null ||
    typeof read.node !== 'object' ||
    !isObject(read.node)
  )
    return null
  return strictProblems(read.node).length > 0 ? null : (toPlain(read.node) as Claims)
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
function decodeUtf8(bytes: Buffer): string | null {
  try {
    return UTF8.decode(bytes)
  } catch {
    return null // Not UTF-8: malformed, like any other break of form.
  }
}
