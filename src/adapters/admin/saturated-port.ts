import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

/** It listens, and then does nothing at all until it is let go. */
const DEAF = `
const { parentPort, workerData } = require('node:worker_threads')
const { port, host, gate } = workerData
const server = require('node:net').createServer()
server.listen({ port, host, backlog: 1 }, () => {
  parentPort.postMessage('listening')
  Atomics.wait(gate, 0, 0)
  process.exit()
})
`
/** The kernel takes one more than the backlog, and some more while it counts. */
const MOST_FILLERS = 8
const CONNECT_MS = 100

/** A port on which connections are neither accepted nor refused: its backlog is full, and nobody empties it. */
export class SaturatedPort {
  private readonly worker: Worker
  private readonly gate: Int32Array<SharedArrayBuffer>
  private readonly fillers: Socket[] = []

  private constructor(port: number, host: string) {
    this.gate = new Int32Array(new SharedArrayBuffer(4))
    this.worker = new Worker(DEAF, { eval: true, workerData: { port, host, gate: this.gate } })
  }

  static async open(port: number, host: string): Promise<SaturatedPort> {
    const opened = new SaturatedPort(port, host)
    await once(opened.worker, 'message')
    while (opened.fillers.length < MOST_FILLERS) {
      const filler = connect(port, host).on('error', () => undefined)
      opened.fillers.push(filler)
      const taken = once(filler, 'connect').then(() => true)
      if (!(await Promise.race([taken, sleep(CONNECT_MS, false)]))) break
    }
    return opened
  }

  async close(): Promise<void> {
    for (const filler of this.fillers) filler.destroy()
    Atomics.store(this.gate, 0, 1)
    Atomics.notify(this.gate, 0)
    await once(this.worker, 'exit')
  }
}
