import type { Socket } from 'node:net'
import type { HttpLimits } from '../../ports/http.ts'
import { AgeList, type AgePlace } from './age-list.ts'

/** A connection without a request yet, or a request whose body has not arrived in full. */
interface Arrival {
  readonly peer: string
  readonly since: number
  /** Its places in a pool; null while no pool holds it. */
  places: ArrivalPlaces | null
  /** Ends it, because too many others arrive too. */
  refuse(): void
}

interface ArrivalPlaces {
  readonly ofAll: AgePlace<Arrival>
  readonly ofPeer: AgePlace<Arrival>
}

/** Longer than a client takes from its connection to its first request. */
const SILENT_GRACE_MS = 1_000

/** Arrivals in order of age. Past one of its bounds the oldest is refused: a slow one, not the next to come. */
class ArrivalPool {
  private readonly arrivals = new AgeList<Arrival>()
  private readonly peers = new Map<string, AgeList<Arrival>>()
  private readonly limits: Pick<HttpLimits, 'arriving' | 'arriving_per_peer'>
  private readonly graceMs: number

  /** @param graceMs age before which an arrival is never refused */
  constructor(limits: Pick<HttpLimits, 'arriving' | 'arriving_per_peer'>, graceMs: number) {
    this.limits = limits
    this.graceMs = graceMs
  }

  get size(): number {
    return this.arrivals.size
  }

  add(arrival: Arrival): void {
    let ofPeer = this.peers.get(arrival.peer)
    if (ofPeer === undefined) this.peers.set(arrival.peer, (ofPeer = new AgeList()))
    arrival.places = { ofAll: this.arrivals.add(arrival), ofPeer: ofPeer.add(arrival) }
    this.relieve(this.arrivals, this.limits.arriving)
    this.relieve(ofPeer, this.limits.arriving_per_peer)
  }

  remove(arrival: Arrival): void {
    if (arrival.places === null) return
    this.arrivals.remove(arrival.places.ofAll)
    this.peers.get(arrival.peer)?.remove(arrival.places.ofPeer)
    arrival.places = null
  }

  /** Drops the empty list of a peer; called once a connection, because a list for each request would cost more. */
  forget(peer: string): void {
    if (this.peers.get(peer)?.size === 0) this.peers.delete(peer)
  }

  private relieve(held: AgeList<Arrival>, most: number): void {
    if (held.size <= most) return
    // A request that came whole is gone from here at the end of this turn.
    setImmediate(() => {
      while (held.oldest !== null && held.size > most) {
        const { item } = held.oldest
        if (performance.now() - item.since < this.graceMs) return
        this.remove(item)
        item.refuse()
      }
    })
  }
}

/** A request whose headers have arrived. */
export interface ObservedRequest {
  readonly socket: Socket
  /** Refuses the request while its body arrives. */
  refuse(): void
  /** Called once, whatever ends the request: its response, or its connection. */
  ended(): void
}

/** A request between its headers and the end of its response or connection; one object, because each request makes one. */
export class TrackedRequest implements Arrival {
  readonly peer: string
  readonly since = performance.now()
  readonly observed: ObservedRequest
  /** Null once its body has arrived. */
  places: ArrivalPlaces | null = null
  inFlight = false
  /** Null where its connection has closed before it was tracked. */
  readonly connection: Connection | null
  private readonly ofOpen: AgePlace<TrackedRequest>
  private readonly ofConnection: AgePlace<TrackedRequest> | null

  constructor(
    observed: ObservedRequest,
    connection: Connection | null,
    open: AgeList<TrackedRequest>,
  ) {
    this.peer = connection?.peer ?? ''
    this.observed = observed
    this.connection = connection
    this.ofOpen = open.add(this)
    this.ofConnection = connection === null ? null : connection.requests.add(this)
  }

  /** Leaves both lists. @returns false where it has left them before */
  leave(open: AgeList<TrackedRequest>): boolean {
    if (!open.remove(this.ofOpen)) return false
    if (this.ofConnection !== null) this.connection?.requests.remove(this.ofConnection)
    return true
  }

  refuse(): void {
    this.observed.refuse()
  }
}

interface Connection {
  readonly peer: string
  /** Null once its first request has come. */
  silent: Arrival | null
  readonly requests: AgeList<TrackedRequest>
  /** Whether a stream has it, so that no other request on it can be answered. */
  streams: boolean
}

/**
 * Counts the requests of a server, each once, from its headers to whatever ends it. A pipelined request whose
 * connection breaks gets no `close` event of its own, so the connection ends its requests.
 */
export class RequestTracker {
  private readonly limits: HttpLimits
  /** By the socket of the system, and with TLS by the socket on top of it too. */
  private readonly connections = new Map<Socket, Connection>()
  private readonly remotes = new Map<string, Connection>()
  private readonly open = new AgeList<TrackedRequest>()
  private readonly silent: ArrivalPool
  private readonly arriving: ArrivalPool
  private complete = 0
  private connected = 0

  constructor(limits: HttpLimits) {
    this.limits = limits
    this.silent = new ArrivalPool(limits, SILENT_GRACE_MS)
    this.arriving = new ArrivalPool(limits, 0)
  }

  /** Requests that arrived in full and are not answered yet, without those outside of the bounds. */
  get inFlight(): number {
    return this.complete
  }
  /** All requests that are not answered yet. */
  get unanswered(): number {
    return this.open.size
  }
  /** Connections that have not sent a request yet. */
  get waiting(): number {
    return this.silent.size
  }

  /** Connections so far. */
  get accepted(): number {
    return this.connected
  }

  /** Tracks a connection until it closes. */
  connect(socket: Socket): void {
    this.connected += 1
    const peer = socket.remoteAddress ?? ''
    const silent = toArrival(peer, () => socket.destroy())
    const connection: Connection = { peer, silent, requests: new AgeList(), streams: false }
    this.connections.set(socket, connection)
    this.silent.add(silent)
    const remote = toRemote(socket)
    this.remotes.set(remote, connection)
    socket.once('close', () => {
      if (this.remotes.get(remote) === connection) this.remotes.delete(remote)
      this.close(socket, connection)
    })
  }

  /** Requests of a tracked connection arrive on this socket, on which TLS is set up. */
  secure(socket: Socket): void {
    const connection = this.remotes.get(toRemote(socket))
    if (connection === undefined) return
    this.connections.set(socket, connection)
    socket.once('close', () => this.close(socket, connection))
  }

  /** A request has come on a connection, and is answered at once, without a route. */
  heard(socket: Socket): void {
    const connection = this.connections.get(socket)
    if (connection !== undefined) this.hear(connection)
  }

  /** Tracks a request from its headers on. */
  arrive(observed: ObservedRequest): TrackedRequest {
    const { socket } = observed
    const connection = this.connections.get(socket) ?? null
    const request = new TrackedRequest(observed, connection, this.open)
    if (connection !== null) {
      this.hear(connection)
      if (connection.streams) socket.destroy()
    }
    this.arriving.add(request)
    return request
  }

  /** The request has arrived in full. @returns whether it is within the bound of requests in flight */
  begin(request: TrackedRequest): boolean {
    this.settle(request)
    if (this.complete >= this.limits.in_flight) return false
    this.complete += 1
    request.inFlight = true
    return true
  }

  /** The request has arrived, or its body is not waited for; it does not count as in flight. */
  settle(request: TrackedRequest): void {
    this.arriving.remove(request)
  }

  /** The request is answered, or its connection is closed. Later calls do nothing. */
  end(request: TrackedRequest): void {
    if (!request.leave(this.open)) return
    this.settle(request)
    if (request.inFlight) this.complete -= 1
    request.observed.ended()
  }

  /**
   * Destroys the connections of requests that are older than both their time-outs: a client that does not read its
   * response would keep its place in flight for ever.
   */
  cutLate(): void {
    const before = performance.now() - this.limits.request_ms - this.limits.answer_ms
    for (let place = this.open.oldest; place !== null; place = place.younger) {
      const { since, observed } = place.item
      if (since > before) return
      observed.socket.destroy()
    }
  }

  /**
   * The response goes on as a stream: the request counts as answered. A connection on which others wait behind it is
   * destroyed, now or when they come, for they would stay in flight for as long as the stream.
   */
  stream(request: TrackedRequest): void {
    this.end(request)
    const { connection } = request
    if (connection === null) return
    connection.streams = true
    if (connection.requests.size > 0) request.observed.socket.destroy()
  }

  /** Destroys every connection, and so ends its requests. */
  cut(): void {
    for (const [socket, connection] of this.connections) {
      socket.destroy()
      this.close(socket, connection)
    }
  }

  private close(socket: Socket, connection: Connection): void {
    this.connections.delete(socket)
    this.hear(connection)
    while (connection.requests.oldest !== null) this.end(connection.requests.oldest.item)
    this.silent.forget(connection.peer)
    this.arriving.forget(connection.peer)
  }

  private hear(connection: Connection): void {
    if (connection.silent !== null) this.silent.remove(connection.silent)
    connection.silent = null
  }
}

/** Where a connection comes from; Node does not tell which connection a TLS socket belongs to. */
const toRemote = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

const toArrival = (peer: string, refuse: () => void): Arrival => ({
  peer,
  since: performance.now(),
  places: null,
  refuse,
})
