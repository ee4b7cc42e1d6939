import type { IncomingMessage } from 'node:http'
import type { Credential, DevHeaders } from '../../core/auth/types.ts'

/** Stands for a scheme other than Bearer and for repeated credentials; the verifier refuses it as malformed. */
const NO_TOKEN = ''

/**
 * Reads the bearer token (RFC 6750, 2.1) and the dev headers of a request, and verifies neither. The token is null
 * without an Authorization header, and '', which the verifier refuses, for another scheme or a repeated header. The
 * dev headers are null where none of `x-ff-user`, `x-ff-tenant` and `x-ff-scopes` is present; a missing id is null,
 * and scopes are split at white space and commas.
 */
export function readCredential(request: IncomingMessage): Credential {
  const { authorization } = request.headers
  return {
    token: authorization === undefined ? null : toToken(authorization, request),
    dev_headers: getDevHeaders(request),
  }
}

function toToken(authorization: string, { rawHeaders }: IncomingMessage): string {
  const bearer = /^bearer +([^ ]+)$/i.exec(authorization)
  if (bearer === null) return NO_TOKEN
  // Node keeps the first of several Authorization headers and silently drops the rest.
  let seen = 0
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.length === 13 && rawHeaders[at]?.toLowerCase() === 'authorization')
      seen += 1
  return seen === 1 ? (bearer[1] as string) : NO_TOKEN
}

function getDevHeaders({ headers }: IncomingMessage): DevHeaders | null {
  const user = toHeaderText(headers['x-ff-user'])
  const tenant = toHeaderText(headers['x-ff-tenant'])
  const scopes = toHeaderText(headers['x-ff-scopes'])
  if (user === null && tenant === null && scopes === null) return null
  const words = (scopes ?? '').split(/[\s,]+/).filter((one) => one !== '')
  return { user_id: user, tenant_id: tenant, scopes: words }
}
const toHeaderText = (value: string | readonly string[] | undefined): string | null =>
  value === undefined ? null : String(value)
