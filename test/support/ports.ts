import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

/** A loopback port that is free now. */
export async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Resolves once a child accepts connections on a port. @throws with what it wrote to `log` where it ends before */
export async function untilListening(
  child: ChildProcess,
  { port, log }: { readonly port: number; readonly log: Readable },
): Promise<void> {
  let said = ''
  log.on('data', (chunk: Buffer) => (said += chunk.toString()))
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended: ${said}`)
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').catch(() => null)
    socket.destroy()
    if (open !== null) return
    await sleep(10)
  }
}
