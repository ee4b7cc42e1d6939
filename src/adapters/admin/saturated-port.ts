import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

/** Listens and then blocks its event loop until the gate opens, so that it accepts no connection. */
const BLOCKED_SERVER = `
const { parentPort, workerData } = require('node:worker_threads')
const { port, host, gate } = workerData
const server = require('node:net').createServer()
server.listen({ port, host, backlog: 1 }, () => {
  parentPort.postMessage('listening')
  Atomics.wait(gate, 0, 0)
  process.exit()
})
`
/** The kernel queues one connection more than the backlog, and may queue a few more. */
const MOST_FILLERS = 8
const CONNECT_MS = 100

/** A port that neither accepts nor refuses connections: its backlog is full, and no process accepts from it. */
export class SaturatedPort {
  private readonly worker: Worker
  private readonly gate: Int32Array<SharedArrayBuffer>
  private readonly fillers: Socket[] = []

  private constructor(port: number, host: string) {
    this.gate = new Int32Array(new SharedArrayBuffer(4))
    this.worker = new Worker(BLOCKED_SERVER, {
      eval: true,
      workerData: { port, host, gate: this.gate },
    })
  }

  /**
   * Listens on the port in a worker thread and fills its backlog with connections; resolves once one is not accepted
   * within 100 ms, or after 8.
   *
   * @throws the system's error where the port is taken
   */
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

  /** Closes the connections, ends the worker and frees the port. */
  async close(): Promise<void> {
    for (const filler of this.fillers) filler.destroy()
    Atomics.store(this.gate, 0, 1)
    Atomics.notify(this.gate, 0)
    await once(this.worker, 'exit')
  }
}
