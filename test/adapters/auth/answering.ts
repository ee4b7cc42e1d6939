import { once } from 'node:events'
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net'

/** A loopback server with the requests that it received. */
export interface Answering {
  readonly url: URL
  /** The requested paths. */
  readonly asked: string[]
  /** Resolves once all connections are closed. */
  readonly left: () => Promise<void>
}

/** The servers of a test; `close` ends all of them. */
export class Servers {
  private readonly open: { readonly server: Server; readonly sockets: Set<Socket> }[] = []

  /** Starts an HTTP server. */
  http(listener: RequestListener): Promise<Answering> {
    return this.listen(createServer(), { scheme: 'http', listener })
  }

  /** Starts an HTTPS server with a self-signed certificate. */
  https(listener: RequestListener): Promise<Answering> {
    return this.listen(createHttps({ key: KEY, cert: CERTIFICATE }), { scheme: 'https', listener })
  }

  /** Starts a TCP server that answers the first data with these bytes, then runs `then` on the socket. */
  async bytes(said: string | Uint8Array, then: (socket: Socket) => void): Promise<Answering> {
    const server = createTcp((socket) => {
      socket.once('data', () => socket.write(said, () => then(socket)))
    })
    return this.listen(server as HttpServer, { scheme: 'http' })
  }

  async close(): Promise<void> {
    for (const { server, sockets } of this.open.splice(0)) {
      const closed = server.listening ? once(server, 'close') : Promise.resolve()
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }

  private async listen(
    server: HttpServer,
    { scheme, listener }: { readonly scheme: string; readonly listener?: RequestListener },
  ): Promise<Answering> {
    const sockets = new Set<Socket>()
    const asked: string[] = []
    this.open.push({ server, sockets })
    server.on('connection', (socket) => {
      sockets.add(socket)
      // Clients hang up in these tests.
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    })
    if (listener !== undefined)
      server.on('request', (request, response) => {
        asked.push(request.url ?? '')
        listener(request, response)
      })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const left = async (): Promise<void> => {
      for (const socket of sockets) await new Promise((resolve) => socket.once('close', resolve))
    }
    return { url: new URL(`${scheme}://127.0.0.1:${port}/jwks.json`), asked, left }
  }
}

// Created for these tests, for 127.0.0.1; protects nothing.
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmT90rdtOM+HFH9OJ
iUpL6KnBZHUBy+SBLpe3bcvNK8ChRANCAASLlK0rAgnfH1maDeAx6rg7AybDU8g5
YwG7BYJjFv/CGFQ3QCMJwdsHuslk1ko6L1gjcygB3gGKRBeKrjxEWMYn
-----END PRIVATE KEY-----
`
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBSzCB8aADAgECAgEBMAoGCCqGSM49BAMCMBQxEjAQBgNVBAMMCTEyNy4wLjAu
MTAgFw0yNTAxMDEwMDAwMDBaGA8yMTI1MDEwMTAwMDAwMFowFDESMBAGA1UEAwwJ
MTI3LjAuMC4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEi5StKwIJ3x9Zmg3g
Meq4OwMmw1PIOWMBuwWCYxb/whhUN0AjCcHbB7rJZNZKOi9YI3MoAd4BikQXiq48
RFjGJ6MyMDAwDwYDVR0RBAgwBocEfwAAATAdBgNVHQ4EFgQU0g5mGvkFeA96eUYP
YpQkC4wc83UwCgYIKoZIzj0EAwIDSQAwRgIhAJ7jThYM1/viiVybudLXZDuf8Wfv
zMDgaPWLDaCKB8S/AiEAxLshtB+YJ5cpbK2/ES120SsvhsCOiZxUqLnuaRfPVko=
-----END CERTIFICATE-----
`
