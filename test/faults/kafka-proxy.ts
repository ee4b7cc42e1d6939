import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import {
  addLogin,
  answerLogin,
  API_VERSIONS,
  format,
  int16,
  int32,
  type KafkaLogin,
  SASL_AUTHENTICATE,
  SASL_HANDSHAKE,
} from './kafka-login.ts'
import { FaultProxy, type Fault } from './tcp-proxy.ts'

/** Error codes of the Kafka protocol. */
export const KAFKA_ERRORS = {
  unknown_topic: 3,
  not_leader: 6,
  request_timed_out: 7,
  message_too_large: 10,
  not_enough_replicas: 19,
  topic_not_authorized: 29,
} as const
type KafkaErrorName = keyof typeof KAFKA_ERRORS

/** What the brokers answer, while their connections are sound. */
export type KafkaFault =
  | { readonly kind: 'none' }
  /** Produce requests get an error, and nothing is appended; with `holding`, those alone that hold these bytes. */
  | {
      readonly kind: 'produce_refused'
      readonly error: KafkaErrorName
      readonly holding?: string
    }
  /** Messages are appended, and the connection is reset in place of the response. */
  | { readonly kind: 'response_lost' }
  /** The metadata of every topic is an error. */
  | { readonly kind: 'topic_refused'; readonly error: KafkaErrorName }

const PRODUCE = 0
const METADATA = 3
const FIND_COORDINATOR = 10

/** What the brokers want of a client beside the protocol. */
export interface KafkaProxyOptions {
  /** Key and certificate in PEM; plain TCP where absent. */
  readonly tls?: Pick<TlsOptions, 'key' | 'cert'>
  /** Who may log in; anonymous where absent. */
  readonly login?: KafkaLogin
}

interface Request {
  readonly api: number
  readonly version: number
}

/**
 * A proxy before each broker of a cluster, which clients do not get past: the addresses in the answers are those of the
 * proxies. Two layers of real sockets: a proxy of TCP for the faults of a network, and behind it one that reads the
 * protocol. It reads the versions that kafkajs sends.
 */
export class KafkaProxy {
  /** `host:port` of each proxy, in the order of the brokers. */
  readonly brokers: readonly string[]
  /** Requests that a fault changed the answer of, since `answer` was called last. */
  hits = 0
  private readonly fronts: readonly FaultProxy[]
  private readonly servers: readonly Server[]
  private readonly sockets = new Set<Socket>()
  private readonly login: KafkaLogin | null
  private fault: KafkaFault = { kind: 'none' }
  private left = Infinity
  private broken: Error | null = null

  private constructor(
    fronts: readonly FaultProxy[],
    servers: readonly Server[],
    login: KafkaLogin | null,
  ) {
    this.fronts = fronts
    this.servers = servers
    this.login = login
    this.brokers = fronts.map(({ port }) => `127.0.0.1:${port}`)
  }

  static async to(
    brokers: readonly string[],
    { tls, login }: KafkaProxyOptions = {},
  ): Promise<KafkaProxy> {
    const targets = brokers.map((one) => Number(one.split(':')[1]))
    const servers = await Promise.all(targets.map(() => listen(tls)))
    const fronts = await Promise.all(
      servers.map((one) => FaultProxy.to({ port: portOf(one), host: '127.0.0.1' })),
    )
    const proxy = new KafkaProxy(fronts, servers, login ?? null)
    const ports = new Map(targets.map((port, at) => [port, (fronts[at] as FaultProxy).port]))
    servers.forEach((one, at) =>
      one.on(tls === undefined ? 'connection' : 'secureConnection', (client: Socket) =>
        proxy.join(client, connect(targets[at] as number, '127.0.0.1'), ports),
      ),
    )
    return proxy
  }

  /** Sets the fault of the network before every broker. */
  async set(fault: Fault): Promise<void> {
    await Promise.all(this.fronts.map((one) => one.set(fault)))
  }

  /** Sets what the brokers answer, to the next `times` requests that it concerns; then nothing is wrong any more. */
  answer(fault: KafkaFault, times = Infinity): void {
    this.fault = fault
    this.left = times
    this.hits = 0
  }

  /** Ends every connection. @throws where a message had a version that the proxy does not read */
  async close(): Promise<void> {
    await Promise.all(this.fronts.map((one) => one.close()))
    for (const one of this.sockets) one.destroy()
    await Promise.all(
      this.servers.map((one) => {
        one.close()
        return once(one, 'close')
      }),
    )
    if (this.broken !== null) throw this.broken
  }

  private join(client: Socket, upstream: Socket, ports: ReadonlyMap<number, number>): void {
    const asked = new Map<number, Request>()
    const { login } = this
    let isLoggedIn = login === null
    const drop = (): void => {
      for (const one of [client, upstream]) {
        this.sockets.delete(one)
        one.destroy()
      }
    }
    for (const one of [client, upstream]) {
      this.sockets.add(one)
      one.setNoDelay(true)
      one.on('error', drop) // Clients and faults reset connections.
      one.on('close', drop)
    }
    const reading = (take: (frame: Buffer) => void) => {
      const frames = new Frames()
      return (chunk: Buffer): void => {
        try {
          for (const frame of frames.take(chunk)) take(frame)
        } catch (error) {
          this.broken ??= error as Error
          drop()
        }
      }
    }
    client.on(
      'data',
      reading((frame) => {
        const api = frame.readInt16BE(4)
        if (login !== null && (api === SASL_HANDSHAKE || api === SASL_AUTHENTICATE)) {
          const done = answerLogin(frame, login)
          isLoggedIn ||= done.isLoggedIn
          return void client.write(done.answer)
        }
        // As a broker does, without a word.
        if (!isLoggedIn && api !== API_VERSIONS) return drop()
        const refusal = this.refuse(frame)
        if (refusal !== null) return void client.write(refusal)
        asked.set(frame.readInt32BE(8), { api, version: frame.readInt16BE(6) })
        upstream.write(frame)
      }),
    )
    upstream.on(
      'data',
      reading((frame) => {
        const correlation = frame.readInt32BE(4)
        const request = asked.get(correlation)
        asked.delete(correlation)
        if (request?.api === PRODUCE && this.strikes('response_lost')) {
          client.resetAndDestroy()
          return drop()
        }
        if (request !== undefined) this.rewrite(frame, request, ports)
        client.write(login !== null && request?.api === API_VERSIONS ? addLogin(frame) : frame)
      }),
    )
  }

  /** Whether the fault is of this kind; counts the hit. */
  private strikes(kind: KafkaFault['kind']): boolean {
    if (this.fault.kind !== kind || this.left <= 0) return false
    this.left -= 1
    this.hits += 1
    return true
  }

  /** The answer to a produce request that is to be refused; null for one that goes on to the broker. */
  private refuse(frame: Buffer): Buffer | null {
    const { fault } = this
    if (frame.readInt16BE(4) !== PRODUCE || fault.kind !== 'produce_refused') return null
    if (fault.holding !== undefined && !frame.includes(fault.holding)) return null
    if (!this.strikes('produce_refused')) return null
    requireVersion('Produce', frame.readInt16BE(6), [5, 7])
    return formatRefusal(frame, KAFKA_ERRORS[fault.error])
  }

  private rewrite(
    frame: Buffer,
    { api, version }: Request,
    ports: ReadonlyMap<number, number>,
  ): void {
    const cursor = new Cursor(frame, 8)
    if (api === FIND_COORDINATOR) {
      requireVersion('FindCoordinator', version, [1, 2])
      cursor.skip(4 + 2)
      cursor.text()
      cursor.skip(4)
      cursor.text()
      rewritePort(cursor, ports)
    }
    if (api !== METADATA) return
    requireVersion('Metadata', version, [2, 6])
    if (version >= 3) cursor.skip(4)
    cursor.each(() => {
      cursor.skip(4)
      cursor.text()
      rewritePort(cursor, ports)
      cursor.text()
    })
    cursor.text()
    cursor.skip(4)
    const { fault } = this
    if (fault.kind !== 'topic_refused' || !this.strikes('topic_refused')) return
    cursor.each(() => {
      cursor.writeInt16(KAFKA_ERRORS[fault.error])
      cursor.text()
      cursor.skip(1)
      cursor.each(() => {
        cursor.skip(2 + 4 + 4)
        for (let list = version >= 5 ? 3 : 2; list > 0; list -= 1) cursor.each(() => cursor.skip(4))
      })
    })
  }
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

async function listen(tls: KafkaProxyOptions['tls']): Promise<Server> {
  const server = tls === undefined ? createServer() : createTlsServer(tls)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function requireVersion(
  name: string,
  version: number,
  [least, most]: readonly [number, number],
): void {
  if (version < least || version > most)
    throw new Error(`The proxy reads ${name} of version ${least} to ${most}, and met ${version}.`)
}

/** Cuts a stream into messages, each with the four bytes of its length. */
class Frames {
  private rest: Buffer = Buffer.alloc(0)

  take(chunk: Buffer): readonly Buffer[] {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    const frames: Buffer[] = []
    while (this.rest.length >= 4) {
      const end = 4 + this.rest.readInt32BE(0)
      if (this.rest.length < end) break
      frames.push(this.rest.subarray(0, end))
      this.rest = this.rest.subarray(end)
    }
    return frames
  }
}

/** Reads a message member by member; what it changes keeps its length. */
class Cursor {
  private readonly bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  skip(count: number): void {
    this.at += count
  }
  int16(): number {
    this.skip(2)
    return this.bytes.readInt16BE(this.at - 2)
  }
  int32(): number {
    this.skip(4)
    return this.bytes.readInt32BE(this.at - 4)
  }
  writeInt16(value: number): void {
    this.at = this.bytes.writeInt16BE(value, this.at)
  }
  writeInt32(value: number): void {
    this.at = this.bytes.writeInt32BE(value, this.at)
  }
  /** A text with its length before it, as bytes; empty where it is null. */
  text(): Buffer {
    const length = Math.max(0, this.int16())
    this.skip(length)
    return this.bytes.subarray(this.at - length, this.at)
  }
  each(read: () => void): void {
    for (let left = this.int32(); left > 0; left -= 1) read()
  }
}

function rewritePort(cursor: Cursor, ports: ReadonlyMap<number, number>): void {
  const port = cursor.int32()
  const ours = ports.get(port)
  // A coordinator that is not known has the port -1.
  if (ours === undefined && port > 0) throw new Error(`The port ${port} is none of the cluster.`)
  cursor.at -= 4
  cursor.writeInt32(ours ?? port)
}

/** The answer to a produce request: every partition has the error. */
function formatRefusal(request: Buffer, code: number): Buffer {
  const cursor = new Cursor(request, 8)
  const parts: Buffer[] = [int32(cursor.int32())]
  cursor.text() // The client's name.
  cursor.text() // The transaction.
  cursor.skip(2 + 4)
  const count = (): number => {
    const counted = cursor.int32()
    parts.push(int32(counted))
    return counted
  }
  for (let topics = count(); topics > 0; topics -= 1) {
    const name = cursor.text()
    parts.push(int16(name.length), name)
    for (let partitions = count(); partitions > 0; partitions -= 1) {
      parts.push(int32(cursor.int32()), int16(code), Buffer.alloc(24, 0xff))
      cursor.skip(cursor.int32())
    }
  }
  return format(...parts, int32(0))
}
