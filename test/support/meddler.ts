import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An HTTP proxy that can change response bodies, and lists the requests. */
export interface Meddler {
  readonly origin: string
  /** Method and path of each request. */
  readonly seen: string[]
  close(): Promise<void>
}

/** @param change maps each response body; the status stays */
export async function openMeddler(
  target: string,
  change: (body: string, path: string) => string = (body) => body,
): Promise<Meddler> {
  const seen: string[] = []
  const server = createServer((incoming, reply) => {
    void (async () => {
      seen.push(`${incoming.method} ${incoming.url}`)
      const body = await toText(incoming)
      const { method, headers } = incoming
      const onward = request(new URL(incoming.url ?? '/', target), { method, headers })
      onward.end(body)
      const [answer] = (await once(onward, 'response')) as [IncomingMessage]
      const text = change(await toText(answer), incoming.url ?? '')
      const { 'transfer-encoding': _, 'content-length': __, ...kept } = answer.headers
      reply.writeHead(answer.statusCode ?? 500, kept).end(text)
    })().catch(() => void reply.destroy()) // The target closed the connection, so the proxy does too.
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function toText(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}
