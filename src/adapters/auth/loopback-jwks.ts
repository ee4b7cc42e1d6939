import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { KeyServerBehaviour, KeyServerStage } from '../../core/auth/contract.ts'

const PATH = '/.well-known/jwks.json'
const MEBIBYTE = 1_048_576

type Answer = (response: ServerResponse, keys: readonly object[]) => void
const json = (response: ServerResponse, status: number, body: object): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

/** The response of each behaviour; null never ends the response (a stall). */
const ANSWERS: Readonly<Record<Exclude<KeyServerBehaviour, 'refused'>, Answer | null>> = {
  up: (response, keys) => json(response, 200, { keys }),
  hanging: null,
  slow: null,
  error_429: (response) => json(response, 429, {}),
  error_500: (response) => json(response, 500, {}),
  not_found: (response) => json(response, 404, {}),
  redirect_away: (response) =>
    void response.writeHead(302, { location: 'http://127.0.0.2:1/jwks.json' }).end(),
  oversize: (response) => void response.writeHead(200).end(Buffer.alloc(MEBIBYTE + 1, ' ')),
  not_json: (response) => void response.writeHead(200).end('<!doctype html>'),
}

/** A JWKS server on loopback whose behaviour the caller sets. */
export class LoopbackJwks {
  private readonly server: Server
  private readonly host: string
  private port = 0
  private stage: KeyServerStage
  private stallCount = 0
  private received = 0
  private readonly waiting = new Set<() => void>()

  private constructor(stage: KeyServerStage, host: string) {
    this.stage = stage
    this.host = host
    this.server = createServer({ keepAlive: false }, (_, response) => this.answer(response))
  }

  /**
   * Starts a server on a free port; with behaviour `refused` it takes a port and stops listening.
   *
   * @param host a loopback address; an address of its own keeps other processes off its port while it is closed
   * @throws the system's error if it cannot listen
   */
  static async start(stage: KeyServerStage, host = '127.0.0.1'): Promise<LoopbackJwks> {
    const started = new LoopbackJwks(stage, host)
    await started.listen()
    if (stage.behaviour === 'refused') await started.close()
    return started
  }

  get origin(): string {
    return `http://${this.host}:${this.port}`
  }
  get url(): URL {
    return new URL(PATH, this.origin)
  }

  /** Changes the behaviour for all requests from now on. */
  async setBehaviour(stage: KeyServerStage): Promise<void> {
    this.stage = stage
    if (stage.behaviour === 'refused') await this.close()
    else if (!this.server.listening) await this.listen()
  }

  /** Requests received so far, whatever the response. */
  requests(): number {
    return this.received
  }

  /** Requests stalled so far. */
  get stalls(): number {
    return this.stallCount
  }
  /** Resolves once `stalls` exceeds `since`. */
  async stalled(since: number): Promise<void> {
    while (this.stallCount <= since) await new Promise<void>((resolve) => this.waiting.add(resolve))
  }

  /**
   * Stops listening and cuts all connections; does nothing while it does not listen. Its port is kept for
   * `setBehaviour`.
   */
  async close(): Promise<void> {
    if (!this.server.listening) return
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }

  private async listen(): Promise<void> {
    this.server.listen(this.port, this.host)
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
  }

  private answer(response: ServerResponse): void {
    this.received += 1
    const { behaviour, keys } = this.stage
    const answer = behaviour === 'refused' ? null : ANSWERS[behaviour]
    if (answer !== null) return answer(response, keys)
    if (behaviour === 'slow') response.writeHead(200).write('{')
    this.stallCount += 1
    for (const resolve of this.waiting) resolve()
    this.waiting.clear()
  }
}
