import type { Socket } from 'node:net'
import { withDeadline } from '../../concurrency/deadline.ts'
import { LineSplitter } from '../../files/line-splitter.ts'

/** More than any request that the service takes, with room for its caller and its approval. */
const MAX_MESSAGE_BYTES = 2_097_152
/** What waits to be read by the other process before the connection is given up. */
const MAX_WAITING_BYTES = 8_388_608
const FINISH_MS = 500

/** Messages over a socket: each is a JSON object on a line. One that is too long or no object ends the connection. */
export class LineChannel<Sent, Received> {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<void>
  private readonly socket: Socket

  constructor(socket: Socket, receive: (message: Received) => void) {
    this.socket = socket
    // An error is always followed by `close`, and there is nothing else to do about it.
    socket.on('error', () => undefined)
    this.ended = new Promise((resolve) => void socket.once('close', () => resolve()))
    const lines = new LineSplitter(MAX_MESSAGE_BYTES)
    socket.on('data', (chunk: Buffer) => {
      for (const { bytes, tooLong } of lines.push(chunk)) {
        const message = tooLong || socket.destroyed ? null : parseMessage(bytes)
        if (message === null) return void socket.destroy()
        receive(message as Received)
      }
    })
  }

  /** Queues a message; ends the connection where the other process reads too slowly. */
  send(message: Sent): void {
    if (this.socket.destroyed) return
    this.socket.write(`${JSON.stringify(message)}\n`)
    if (this.socket.writableLength > MAX_WAITING_BYTES) this.socket.destroy()
  }

  /** Ends the connection at once. */
  end(): void {
    this.socket.destroy()
  }

  /** Ends the connection after what was sent, or after half a second where the other process does not read it. */
  async finish(): Promise<void> {
    this.socket.end()
    await withDeadline(this.ended, FINISH_MS, () => this.end())
    await this.ended
  }
}

function parseMessage(bytes: Buffer): object | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return typeof value === 'object' ? value : null
  } catch {
    return null // Not JSON.
  }
}
