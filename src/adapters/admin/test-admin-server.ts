import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatCheckAnswer, parseCheckRequest } from '../../core/admin/messages.ts'
import { type Approval, answerApproval } from '../../core/evaluate/approvals.ts'
import { computeTtlState } from '../../core/evaluate/ttl-state.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { AdminBehaviour, AdminExchange, AdminServer, AdminScript } from '../../ports/admin.ts'
import { SaturatedPort } from './saturated-port.ts'

const PATH = '/v1/sensitive/check'
const ELSEWHERE = '/elsewhere'
const JSON_TYPE = { 'content-type': 'application/json' }
const DRIP_MS = 200

/** @param body the correct answer */
type Answer = (response: ServerResponse, body: string) => unknown
const status =
  (code: number, headers: object = {}): Answer =>
  (response) =>
    response.writeHead(code, { ...JSON_TYPE, ...headers }).end('{}')
const sendWhole = (response: ServerResponse, body: string): unknown =>
  response.writeHead(200, { ...JSON_TYPE, 'content-length': Buffer.byteLength(body) }).end(body)

/** The response of each behaviour under which requests arrive. */
const ANSWERS: Readonly<Record<Exclude<AdminBehaviour, 'refused' | 'no_accept'>, Answer>> = {
  honest: sendWhole,
  reset: ({ socket }) => socket?.resetAndDestroy(),
  error_500: status(500),
  error_503: status(503, { 'retry-after': '1' }),
  error_429: status(429, { 'retry-after': '1' }),
  redirect: status(307, { location: ELSEWHERE }),
  cut_short: (response, body) => {
    response.writeHead(200, { ...JSON_TYPE, 'content-length': Buffer.byteLength(body) })
    response.write(body.slice(0, -10), () => response.socket?.end())
  },
  malformed: (response, body) => sendWhole(response, body.slice(0, -1)),
  empty: (response) => sendWhole(response, ''),
  wrong_type: (response, body) =>
    response.writeHead(200, { 'content-type': 'text/plain' }).end(body),
  unknown_state: (response, body) =>
    sendWhole(response, body.replace(/"ttl_state":"[a-z_]*"/, '"ttl_state":"granted"')),
  never: () => undefined,
  slow_body: async (response, body) => {
    response.writeHead(200, JSON_TYPE)
    for (const byte of body) {
      if (response.destroyed) return
      response.write(byte)
      await sleep(DRIP_MS)
    }
    response.end()
  },
}

/** An Admin on loopback whose behaviour the caller sets. It uses the system clock. */
export class TestAdminServer implements AdminServer {
  readonly token = randomBytes(24).toString('base64url')
  private readonly server: Server
  /**
   * An address of its own in 127.0.0.0/8 (RFC 1122, 3.2.1.3), so that no other process takes its port while it is
   * closed.
   */
  private readonly host = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`
  private readonly approvals: readonly Approval[]
  private readonly open = new Set<Socket>()
  private readonly answered: AdminExchange[] = []
  private port = 0
  private stage: AdminScript = { behaviour: 'honest', delay_ms: 0 }
  private received = 0
  private saturatedPort: SaturatedPort | null = null

  private constructor(approvals: readonly Approval[]) {
    this.approvals = approvals
    this.server = createServer((request, response) => void this.handle(request, response))
    this.server.on('connection', (socket: Socket) => {
      this.open.add(socket)
      socket.once('close', () => this.open.delete(socket))
    })
  }

  static async start(approvals: readonly Approval[]): Promise<TestAdminServer> {
    const started = new TestAdminServer(approvals)
    await started.listen()
    return started
  }

  get url(): URL {
    return new URL(`http://${this.host}:${this.port}`)
  }
  requests(): number {
    return this.received
  }
  sockets(): number {
    return this.open.size
  }
  exchanges(): readonly AdminExchange[] {
    return this.answered
  }

  async setBehaviour(stage: AdminScript): Promise<void> {
    this.stage = stage
    await this.saturatedPort?.close()
    this.saturatedPort = null
    const listens = stage.behaviour !== 'refused' && stage.behaviour !== 'no_accept'
    if (!listens) await this.unlisten()
    else if (!this.server.listening) await this.listen()
    if (stage.behaviour === 'no_accept')
      this.saturatedPort = await SaturatedPort.open(this.port, this.host)
  }

  async close(): Promise<void> {
    await this.setBehaviour({ behaviour: 'refused', delay_ms: 0 })
  }

  private async listen(): Promise<void> {
    this.server.listen(this.port, this.host)
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
  }

  private async unlisten(): Promise<void> {
    if (!this.server.listening) return
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.received += 1
    // The client may disconnect at any time.
    response.on('error', () => undefined)
    const requestBody = await text(request).catch(() => '')
    const { behaviour, delay_ms } = this.stage
    if (delay_ms > 0) await sleep(delay_ms)
    if (behaviour === 'refused' || behaviour === 'no_accept') return
    const [code, body] = this.buildHonestAnswer(request, requestBody)
    if (code !== 200) return void status(code)(response, '')
    if (behaviour === 'honest') this.answered.push({ request: requestBody, response: body })
    await ANSWERS[behaviour](response, body)
  }

  /**
   * The correct status and answer. It also answers at the redirect's target, so that a client that follows gets an
   * approval.
   */
  private buildHonestAnswer(
    { method, url, headers }: IncomingMessage,
    requestBody: string,
  ): readonly [status: number, body: string] {
    if (headers.authorization !== `Bearer ${this.token}`) return [401, '']
    if (method !== 'POST' || (url !== PATH && url !== ELSEWHERE)) return [404, '']
    const question = parseCheckRequest(requestBody)
    if (question === null || headers['content-type'] !== 'application/json') return [400, '']
    const answer = answerApproval(this.approvals, question)
    const state = computeTtlState(answer, new Date().toISOString() as Instant)
    return [200, formatCheckAnswer(question, answer, state)]
  }
}
