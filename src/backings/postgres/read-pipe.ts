import type pg from 'pg'
import { Client, clientConfig, type Database } from './connect.ts'

/**
 * A few read-only connections over which reads are sent without waiting for the answers before them: half the
 * work of a connection for each. One that is lost fails what was under way on it, and the next read makes a new one.
 */
export class ReadPipe {
  private readonly config: pg.ClientConfig
  private readonly connections: number
  private readonly clients = new Map<number, Promise<pg.Client>>()
  private turn = 0

  constructor(database: Database, connections: number) {
    this.config = { ...clientConfig(database), pipeline: true }
    this.connections = connections
  }

  async query(query: pg.QueryArrayConfig): Promise<pg.QueryArrayResult<string[]>> {
    this.turn = (this.turn + 1) % this.connections
    const client = this.clients.get(this.turn) ?? this.connect(this.turn)
    return (await client).query<string[]>(query)
  }

  async end(): Promise<void> {
    const made = await Promise.allSettled(this.clients.values())
    // One that never stood has told whoever asked for it.
    const stood = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    await Promise.all(stood.map((client) => client.end()))
  }

  private connect(at: number): Promise<pg.Client> {
    const gone = (): void => void this.clients.delete(at)
    const connected = this.open(gone)
    this.clients.set(at, connected)
    // One that never stood is nobody's to close, and the next read tries again.
    connected.catch(gone)
    return connected
  }

  private async open(gone: () => void): Promise<pg.Client> {
    const client = new Client(this.config)
    // Whatever was under way rejects with it.
    client.on('error', gone)
    client.on('end', gone)
    await client.connect()
    // Whatever the URL sets: nothing that goes over this connection may write.
    await client.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY')
    return client
  }
}
