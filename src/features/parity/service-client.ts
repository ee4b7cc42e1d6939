import { type Credential, type AuthRefusalCode, AUTH_REFUSALS } from '../../core/auth/types.ts'
import { nodeToValue } from '../../core/json/plain.ts'
import { isStale } from '../../core/parity/envelope.ts'
import { parseLosslessJson } from '../../core/json/read.ts'
import type { SideAnswer } from '../../core/parity/judge.ts'
import type { VectorQuestion } from '../../core/parity/vector.ts'
import { FfError } from '../../errors.ts'
import type { HttpClient, HttpResponse } from '../../ports/http.ts'

/** One evaluation request to a service. */
export interface ServiceQuestion {
  readonly credential: Credential
  readonly request: VectorQuestion
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Sends `POST /v1/flags/evaluate`, which writes nothing. Members of the request that are null are left out. Status 200
 * is `decided` with the body as text, unchecked, and `unanswered` with `backing_stale` where the store was away; a problem with an auth code is `refused`; any other response or an
 * FfError of the client is `unanswered` with its code, or `http_STATUS`.
 *
 * @throws any other error than FfError
 */
export async function evaluateOverHttp(
  client: HttpClient,
  { credential, request, headers = {} }: ServiceQuestion,
): Promise<SideAnswer> {
  const { request_id, ...question } = request
  const members = Object.entries(question).filter(([, value]) => value !== null)
  try {
    const response = await client.send({
      method: 'POST',
      path: '/v1/flags/evaluate',
      headers: { ...toCredentialHeaders(credential), ...headers, 'x-request-id': request_id },
      body: JSON.stringify(Object.fromEntries(members)),
    })
    return toAnswer(response)
  } catch (error) {
    if (!(error instanceof FfError)) throw error
    return { status: 'unanswered', code: error.code }
  }
}

/**
 * A credential as request headers: `authorization: Bearer` for a token, `x-ff-user`, `x-ff-tenant` and `x-ff-scopes`
 * (joined by spaces) for dev headers; parts that are absent or null get no header.
 */
export function toCredentialHeaders({
  token,
  dev_headers,
}: Credential): Readonly<Record<string, string>> {
  const { user_id, tenant_id, scopes } = dev_headers ?? {}
  const headers: Record<string, string> = {}
  const put = (name: string, value: string | null | undefined): void => {
    if (value != null) headers[name] = value
  }
  put('authorization', token === null ? null : `Bearer ${token}`)
  put('x-ff-user', user_id)
  put('x-ff-tenant', tenant_id)
  put('x-ff-scopes', scopes?.join(' '))
  return headers
}

/** Why a decision by the last known rows is no answer of the store. */
const STALE = 'backing_stale'
/** Status 200 is a decision, kept as text, unless it is stale; an auth problem is a refusal; any other response is `unanswered`. */
function toAnswer({ status, text }: HttpResponse): SideAnswer {
  if (status === 200)
    return isStale(text) ? { status: 'unanswered', code: STALE } : { status: 'decided', text }
  const code = readProblemCode(text)
  if (code !== null && Object.hasOwn(AUTH_REFUSALS, code))
    return { status: 'refused', code: code as AuthRefusalCode, http: status }
  return { status: 'unanswered', code: code ?? `http_${status}` }
}

/**
 * The `code` of a problem detail (RFC 9457); null if the text is no JSON object, or if its code is not 1 to 64 letters
 * and underscores.
 */
export const readProblemCode = (text: string): string | null => readWord(text, 'code')
/**
 * The one word of a response: the `code` of a problem detail, else the `errorCode` of OFREP, else the `reason` of a
 * decision. Null if none of them is 1 to 64 letters and underscores, or the text is no JSON object.
 */
export const readAnswerWord = (text: string): string | null =>
  readProblemCode(text) ?? readWord(text, 'errorCode') ?? readWord(text, 'reason')

function readWord(text: string, name: string): string | null {
  const read = parseLosslessJson(text)
  const value = read.ok ? nodeToValue(read.node) : null
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null
  const word: unknown = (value as Readonly<Record<string, unknown>>)[name]
  return typeof word === 'string' && /^[a-z_]{1,64}$/i.test(word) ? word : null
}
