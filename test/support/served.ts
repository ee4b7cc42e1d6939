import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { finished, type Run, startFf } from './run-ff.ts'

/** A service in a process of its own. */
export interface ServedProcess {
  readonly origin: string
  readonly pid: number
  /** Ends it as an operator does. */
  stop(): Promise<Run>
}

/** `ff serve` on a free port, when it listens. @throws with what it said where it does not start */
export async function startServe(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ServedProcess> {
  const child = startFf(['serve', ...args], { env: { FF_LISTEN: '127.0.0.1:0', ...env } })
  const ended = finished(child)
  let said = ''
  const listening = new Promise<string>((resolve) => {
    child.stdout?.on('data', (text: string) => {
      said += text
      const origin = /Listening on (\S+)/.exec(said)?.[1]
      if (origin !== undefined) resolve(origin)
    })
  })
  const origin = await Promise.race([listening, ended.then(() => null)])
  if (origin === null) throw new Error(`ff serve did not start: ${(await ended).stderr}`)
  return {
    origin,
    pid: child.pid ?? 0,
    stop: () => {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** Something between a caller and a service that may change what is answered, and sees what is asked. */
export interface Meddler {
  readonly origin: string
  /** Of each request that came, its method and path. */
  readonly seen: string[]
  close(): Promise<void>
}

/** @param change of the body of each answer; the status stays */
export async function openMeddler(
  target: string,
  change: (body: string, path: string) => string = (body) => body,
): Promise<Meddler> {
  const seen: string[] = []
  const server = createServer((asked, reply) => {
    void (async () => {
      seen.push(`${asked.method} ${asked.url}`)
      const body = await textOf(asked)
      const { method, headers } = asked
      const onward = request(new URL(asked.url ?? '/', target), { method, headers })
      onward.end(body)
      const [answer] = (await once(onward, 'response')) as [IncomingMessage]
      const text = change(await textOf(answer), asked.url ?? '')
      const { 'transfer-encoding': _, 'content-length': __, ...kept } = answer.headers
      reply.writeHead(answer.statusCode ?? 500, kept).end(text)
    })().catch(() => void reply.destroy()) // The other end is gone, and so are we.
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

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}
