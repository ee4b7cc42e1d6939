import type { Agent } from 'node:http'
import { exchange, type ResponseHead } from '../http-client/exchange.ts'
import { buildCheckUrl } from '../../core/admin/admin-url.ts'
import { decodeUtf8 } from '../../core/text/utf8.ts'
import type { ApprovalsPlan } from '../../ports/admin.ts'
import { createSharedLookup } from './shared-lookup.ts'

/** Connections to Admin that nothing else has a part in. */
export interface AdminConnection {
  /** Sends one body, and brings back the whole answer; anything but a 2xx in JSON rejects. */
  post(body: string, signal: AbortSignal): Promise<string>
  /** How many connections there are. */
  sockets(): number
  close(): void
}

/** More than Admin will be asked at once; whoever comes on top of it waits within its deadline. */
const MOST_SOCKETS = 64
const MOST_IDLE_SOCKETS = 8
/** Below what servers commonly allow, so that none is closed in the moment in which it is used again. */
const IDLE_MS = 3_000
/** Fifty times an answer. */
const MAX_BODY_BYTES = 16_384

export async function openAdminConnection({
  url,
  credential: { token, client, ca },
}: Extract<ApprovalsPlan, { kind: 'admin' }>): Promise<AdminConnection> {
  const secure = url.protocol === 'https:'
  const http = secure ? await import('node:https') : await import('node:http')
  const agent: Agent = new http.Agent({
    keepAlive: true,
    maxSockets: MOST_SOCKETS,
    maxFreeSockets: MOST_IDLE_SOCKETS,
    timeout: IDLE_MS,
    lookup: createSharedLookup(),
    // Said, because an environment variable can switch it off for the whole process.
    ...(secure ? { ...client, ...(ca === null ? {} : { ca }), rejectUnauthorized: true } : {}),
  })
  const headers = {
    accept: 'application/json',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  }
  const target = buildCheckUrl(url)
  return {
    post: async (body, signal) => {
      const bytes = Buffer.from(body)
      const own = { ...headers, 'content-length': bytes.length }
      const request = { method: 'POST', headers: own, body: bytes }
      const bounds = { signal, agent, maxBytes: MAX_BODY_BYTES, wantsBody: isJson }
      const response = await exchange(target, request, bounds)
      if (!isJson(response)) throw new Error('no answer')
      return decodeUtf8(response.body)
    },
    sockets: () =>
      [agent.sockets, agent.freeSockets].flatMap((held) => Object.values(held)).flat().length,
    close: () => agent.destroy(),
  }
}

const JSON_TYPE = /^application\/json[ \t]*(;|$)/i

/** A redirect is no answer either: none is followed. */
function isJson({ status, headers }: ResponseHead): boolean {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers
  return status >= 200 && status <= 299 && JSON_TYPE.test(type) && encoding === 'identity'
}
