import { once } from 'node:events'
import {
  type AddressInfo,
  connect,
  createServer,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net'

/** The fault of the connection. */
export type Fault =
  | { readonly kind: 'none' }
  /** Every chunk is late by this much, each way. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** Bytes are dropped silently: in both directions, of responses (`to_client`) or of requests (`to_server`). */
  | { readonly kind: 'blackhole'; readonly direction: 'both' | 'to_client' | 'to_server' }
  /** Connections are reset (RST) after so many bytes of responses. */
  | { readonly kind: 'cut_after'; readonly bytes: number }
  /** Connections end with these bytes in place of the answer to the first request that holds a text. */
  | { readonly kind: 'last_words'; readonly after: string; readonly bytes: Buffer }
  /** Open and new connections are reset (RST). */
  | { readonly kind: 'reset' }
  /** The port is closed. */
  | { readonly kind: 'refuse' }
  /** The server answers with bytes of another protocol. */
  | { readonly kind: 'garbage' }

interface Link {
  readonly client: Socket
  readonly upstream: Socket
}

/** A TCP proxy between two real programs; its fault can change while connections are open. */
export class FaultProxy {
  private readonly target: NetConnectOpts
  private server: Server | null = null
  private readonly links = new Set<Link>()
  private fault: Fault = { kind: 'none' }
  private answered = 0
  /** Whether the request of `last_words` has passed. */
  private asked = false
  port = 0

  private constructor(target: NetConnectOpts) {
    this.target = target
  }

  static async to(target: NetConnectOpts): Promise<FaultProxy> {
    const proxy = new FaultProxy(target)
    await proxy.listen()
    return proxy
  }

  /** Bytes of responses so far, which `cut_after` counts. */
  get answeredBytes(): number {
    return this.answered
  }

  async set(fault: Fault): Promise<void> {
    const before = this.fault
    this.fault = fault
    this.asked = false
    if (fault.kind === 'reset' || fault.kind === 'refuse') this.cutAll()
    if (fault.kind === 'refuse') await this.stopListening()
    else if (before.kind === 'refuse') await this.listen()
  }

  async close(): Promise<void> {
    this.cutAll()
    await this.stopListening()
  }

  private async listen(): Promise<void> {
    const server = createServer((client) => this.accept(client))
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.port = (server.address() as AddressInfo).port
    this.server = server
  }

  private async stopListening(): Promise<void> {
    const { server } = this
    this.server = null
    if (server === null) return
    server.close()
    await once(server, 'close')
  }

  private accept(client: Socket): void {
    if (this.fault.kind === 'reset') return void client.resetAndDestroy()
    const link = { client, upstream: connect(this.target) }
    this.links.add(link)
    const drop = (): void => {
      this.links.delete(link)
      client.destroy()
      link.upstream.destroy()
    }
    for (const socket of [client, link.upstream]) {
      socket.setNoDelay(true)
      socket.on('error', drop) // The faults reset connections on purpose.
      socket.on('close', drop)
    }
    client.on('data', (chunk) => this.pass(chunk, link.upstream, 'to_server'))
    link.upstream.on('data', (chunk) => this.pass(chunk, client, 'to_client'))
  }

  private pass(chunk: Buffer, to: Socket, direction: 'to_client' | 'to_server'): void {
    const { fault } = this
    if (direction === 'to_client') this.answered += chunk.length
    if (fault.kind === 'last_words') {
      if (direction === 'to_client' && this.asked) return void to.end(fault.bytes)
      this.asked ||= direction === 'to_server' && chunk.includes(fault.after)
    }
    if (fault.kind === 'cut_after' && this.answered > fault.bytes) return this.cutAll()
    if (fault.kind === 'blackhole' && (fault.direction === 'both' || fault.direction === direction))
      return
    const bytes =
      fault.kind === 'garbage' && direction === 'to_client'
        ? Buffer.from('HTTP/1.1 418 \r\n\r\n')
        : chunk
    if (fault.kind !== 'latency') return void to.write(bytes)
    setTimeout(() => to.destroyed || to.write(bytes), fault.ms)
  }

  private cutAll(): void {
    for (const { client, upstream } of this.links) {
      client.resetAndDestroy()
      upstream.destroy()
    }
    this.links.clear()
  }
}
