import type { ServerResponse } from 'node:http'
import type { EventSink, RouteResponse } from '../../ports/http.ts'

/** Bytes that wait for a client beyond the buffers of its connection; more ends the stream. */
const MAX_WAITING = 16_384

/** The streams of a server that are open. */
export class EventStreams {
  private readonly open = new Set<ServerResponse>()

  /**
   * Sends the headers of a response at once, and then what its stream writes, until either side ends it.
   *
   * @returns false, with nothing sent, where the stream takes no more clients
   */
  start(
    response: ServerResponse,
    { status, headers }: Pick<RouteResponse, 'status' | 'headers'>,
    stream: NonNullable<RouteResponse['stream']>,
  ): boolean {
    // A response that waits behind another one on its connection gets no `close` of its own.
    const { socket } = response.req
    // The client left while its request was answered: no `close` would end the stream.
    if (response.destroyed || socket.destroyed) return true
    const sendHead = (): void => {
      if (response.headersSent) return
      // What a client sends behind a stream is not answered, so the connection ends with it.
      response.writeHead(status, { ...headers, connection: 'close' })
      response.flushHeaders()
    }
    const sink: EventSink = {
      write: (text) => {
        sendHead()
        if (response.writableLength > MAX_WAITING) response.destroy()
        else if (!response.writableEnded) response.write(text)
      },
      close: () => {
        sendHead()
        response.end()
      },
    }
    const ended = stream(sink)
    if (ended === null) return false
    sendHead()
    this.open.add(response)
    socket.once('close', () => {
      this.open.delete(response)
      ended()
    })
    return true
  }

  /** Ends every stream, so that its client connects elsewhere. */
  end(): void {
    for (const response of this.open) response.end()
  }
}
