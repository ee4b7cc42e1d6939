// A redis-server of the soak and the bench on a port of loopback, which keeps nothing on disk.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Starts Debian's redis-server. @returns its URL, and what can happen to it */
export async function startRedis(port) {
  let child = await launch(port)
  const kill = async () => {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    /** Starts it again on its port, empty. */
    restart: async () => (child = await launch(port)),
    hang: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
  }
}

async function launch(port) {
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', args.map(String), { stdio: ['ignore', 'ignore', 'inherit'] })
  for (let tries = 0; tries < 1_000 && child.exitCode === null; tries += 1) {
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').catch(() => null)
    socket.destroy()
    if (open !== null) return child
    await sleep(10)
  }
  throw new Error(`redis-server does not listen on ${port}`)
}
