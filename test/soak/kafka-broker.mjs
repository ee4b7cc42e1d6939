// The mock cluster of librdkafka, for the bench; the tests start the same host.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const HOST = fileURLToPath(new URL('../support/kafka-broker.py', import.meta.url))

/** Starts a cluster. @returns `host:port` of its brokers, and `createTopic` and `stop` */
export async function startKafka(brokers = 3) {
  const child = spawn('python3', [HOST, String(brokers)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { value } = await lines.next()
  if (value === undefined) throw new Error(`${HOST} ended: run .ci/install-kafka`)
  return {
    brokers: value.split(','),
    createTopic: async (name, partitions) => {
      child.stdin.write(`topic ${name} ${partitions}\n`)
      const answer = await lines.next()
      if (answer.value !== 'ok') throw new Error(`topic ${name}: ${answer.value}`)
    },
    stop: async () => {
      const exit = once(child, 'exit')
      child.stdin.end()
      await exit
    },
  }
}
