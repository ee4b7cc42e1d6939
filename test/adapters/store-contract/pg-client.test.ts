import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import manifest from '../../../package.json' with { type: 'json' }
import { Client } from '../../../src/adapters/postgres/client.ts'

/** AuthenticationOk and ReadyForQuery (PostgreSQL manual, "Message Formats"). */
const READY = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1')
/** A request for a kind of authentication that does not exist. */
const UNKNOWN = Buffer.from('R\0\0\0\x08\0\0\0\x63', 'latin1')

/** A connection to a fake server that accepts every login and answers no query; counts the messages of each write. */
class Wire extends Duplex {
  /** Number of messages of each write, from the first query on. */
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
    // The startup message has no type byte: it starts with its length, whose first byte is 0.
    if (chunks[0]?.[0] === 0) this.push(READY)
    else this.writes.push(chunks.length)
    done()
  }
}

/** The writes of two prepared statements that are sent in one turn of the event loop. */
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

test('pg has the version whose private members client.ts uses', () => {
  const { version } = createRequire(import.meta.url)('pg/package.json') as { version: string }
  // Before an upgrade: read client.ts, and run the tests of test/adapters/postgres and store-contract.
  expect([version, manifest.dependencies.pg]).toEqual(['8.23.1', '8.23.1'])
})

describe('queries of one turn of the event loop', () => {
  test('go out in one write', async () => {
    const writes = await getWrites(Client)
    expect(writes).toHaveLength(1)
    expect(writes[0]).toBeGreaterThan(1)
  })

  test("go out in several writes with the driver's own client", async () => {
    expect((await getWrites(pg.Client)).length).toBeGreaterThan(1)
  })
})

describe('a message that the parser cannot read', () => {
  class Socket extends EventEmitter {
    error: Error | null = null
    destroy(error: Error): void {
      this.error = error
    }
  }
  /** The socket of a client that has received the message. */
  function hear(kind: typeof pg.Client): Socket {
    const socket = new Socket()
    const client = new kind() as unknown as {
      readonly connection: { attachListeners(stream: Socket): void }
    }
    client.connection.attachListeners(socket)
    socket.emit('data', UNKNOWN)
    return socket
  }

  test('closes the connection with the error', () => {
    expect(hear(Client).error?.message).toContain('authenticationOk message type 99')
  })

  test("makes the driver's own client throw in the socket's handler", () => {
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
