import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }
import { Client } from '../../../src/adapters/postgres/client.ts'

/** Authentication is ok; the server is ready (PostgreSQL, message formats). */
const READY = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1')
/** A kind of authentication that does not exist. */
const UNKNOWN = Buffer.from('R\0\0\0\x08\0\0\0\x63', 'latin1')

/** A connection to a server that lets everybody in and answers nothing, which counts what is written at once. */
class Wire extends Duplex {
  /** Messages of each write, from the first query on. */
  readonly writes: number[] = []
  connect(): void {
    process.nextTick(() => this.emit('connect'))
  }
  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}
  override _read(): void {}
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.note([chunk], done)
  }
  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.note(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }
  private note(chunks: readonly Buffer[], done: () => void): void {
    // A start has no letter: it begins with its length, below 16 MB.
    if (chunks[0]?.[0] === 0) this.push(READY)
    else this.writes.push(chunks.length)
    done()
  }
}

/** What two prepared statements of one turn are written in. */
async function getWrites(kind: typeof pg.Client): Promise<readonly number[]> {
  const wire = new Wire()
  const client = new kind({ stream: () => wire, pipeline: true } as pg.ClientConfig)
  client.on('error', () => undefined)
  await client.connect()
  const answers = [1, 2].map((value) => client.query('SELECT $1::int', [value]))
  await setImmediate()
  wire.destroy()
  await Promise.allSettled(answers)
  return wire.writes
}

test('the driver is the version whose private parts were read', () => {
  const { version } = createRequire(import.meta.url)('pg/package.json') as { version: string }
  // Before this is raised: read what client.ts says, and run the tests of test/backings.
  expect([version, manifest.dependencies.pg]).toEqual(['8.23.1', '8.23.1'])
})

describe('what is asked in one turn of the event loop', () => {
  test('goes out in one write', async () => {
    const writes = await getWrites(Client)
    expect(writes).toHaveLength(1)
    expect(writes[0]).toBeGreaterThan(1)
  })

  test("goes out in several writes by the driver's own client", async () => {
    expect((await getWrites(pg.Client)).length).toBeGreaterThan(1)
  })
})

describe('a message that the parser throws at', () => {
  class Socket extends EventEmitter {
    error: Error | null = null
    destroy(error: Error): void {
      this.error = error
    }
  }
  /** The socket of a client that has heard the message. */
  function hear(kind: typeof pg.Client): Socket {
    const socket = new Socket()
    const client = new kind() as unknown as {
      readonly connection: { attachListeners(stream: Socket): void }
    }
    client.connection.attachListeners(socket)
    socket.emit('data', UNKNOWN)
    return socket
  }

  test('breaks the connection with the error', () => {
    expect(hear(Client).error?.message).toContain('authenticationOk message type 99')
  })

  test("is thrown in the socket's handler by the driver's own client", () => {
    expect(() => hear(pg.Client)).toThrow('authenticationOk message type 99')
  })

  test('fails the connect', async () => {
    const wire = new Wire()
    const client = new Client({ stream: () => wire } as pg.ClientConfig)
    client.on('error', () => undefined)
    wire.push(UNKNOWN)
    await expect(client.connect()).rejects.toThrow('authenticationOk message type 99')
  })
})
