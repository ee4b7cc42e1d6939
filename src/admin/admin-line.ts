import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import { checkUrl } from '../core/admin/admin-url.ts'
import { decodeUtf8 } from '../core/text/utf8.ts'
import type { ApprovalsPlan } from '../ports.ts'
import { sharedLookup } from './shared-lookup.ts'

/** Connections to Admin that nothing else has a part in. */
export interface AdminLine {
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
const MAX_HEADER_BYTES = 16_384
/** Fifty times an answer. */
const MAX_BODY_BYTES = 16_384

export async function openLine({
  url,
  credential: { token, client, ca },
}: Extract<ApprovalsPlan, { kind: 'admin' }>): Promise<AdminLine> {
  const secure = url.protocol === 'https:'
  const http = secure ? await import('node:https') : await import('node:http')
  const agent: Agent = new http.Agent({
    keepAlive: true,
    maxSockets: MOST_SOCKETS,
    maxFreeSockets: MOST_IDLE_SOCKETS,
    timeout: IDLE_MS,
    lookup: sharedLookup(),
    // Said, because an environment variable can switch it off for the whole process.
    ...(secure ? { ...client, ...(ca === null ? {} : { ca }), rejectUnauthorized: true } : {}),
  })
  const headers = {
    accept: 'application/json',
    'accept-encoding': 'identity',
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  }
  const target = checkUrl(url)
  const always = { method: 'POST', agent, maxHeaderSize: MAX_HEADER_BYTES } as const
  return {
    post: async (body, signal) => {
      const bytes = Buffer.from(body)
      const own = { ...headers, 'content-length': bytes.length }
      const asked = http.request(target, { ...always, headers: own, signal })
      return wholeBody(await answered(asked, bytes))
    },
    sockets: () =>
      [agent.sockets, agent.freeSockets].flatMap((held) => Object.values(held)).flat().length,
    close: () => agent.destroy(),
  }
}

/** The head of an answer. No redirect is followed: it is an answer like any other that is not wanted. */
function answered(asked: ClientRequest, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked
      .once('response', (response) => {
        // A body that breaks off without a length would else look whole.
        asked.on('error', (error) => response.destroy(error))
        resolve(response)
      })
      .once('upgrade', (_, socket) => socket.destroy())
      .once('close', () => reject(new Error('the connection was closed')))
      .on('error', reject)
      .end(body)
  })
}

const JSON_TYPE = /^application\/json[ \t]*(;|$)/i

async function wholeBody(response: IncomingMessage): Promise<string> {
  const { statusCode = 0, headers } = response
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers
  if (statusCode < 200 || statusCode > 299 || !JSON_TYPE.test(type) || encoding !== 'identity') {
    response.destroy()
    throw new Error('no answer')
  }
  const chunks: Buffer[] = []
  let bytes = 0
  // Whatever is thrown in it closes the connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new Error('too large')
    chunks.push(chunk)
  }
  return decodeUtf8(Buffer.concat(chunks))
}
