import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { shared } from './shared.ts'

/** A Kafka cluster on loopback, which keeps its topics in memory: the mock cluster of librdkafka. */
export interface KafkaCluster {
  /** `host:port` of each broker. */
  readonly brokers: readonly string[]
  createTopic(name: string, partitions: number): Promise<void>
  /** Makes a broker, counted from 1, the leader of a partition. */
  setLeader(topic: string, partition: number, broker: number): Promise<void>
  /** Ends it. Harmless a second time. */
  stop(): Promise<void>
}

const HOST = fileURLToPath(new URL('kafka-broker.py', import.meta.url))

/** Starts a cluster. It ends with this process at the latest, because its standard input does. */
export async function startKafka(brokers = 3): Promise<KafkaCluster> {
  const missing = await shared('kafka')
  if (missing !== null) throw new Error(missing)
  const child = spawn('python3', [HOST, String(brokers)], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const readLine = async (): Promise<string> => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`${HOST} ended`)
    return line.value
  }
  const command = async (...words: readonly (string | number)[]): Promise<void> => {
    child.stdin.write(`${words.join(' ')}\n`)
    const answer = await readLine()
    if (answer !== 'ok') throw new Error(`${words.join(' ')}: ${answer}`)
  }
  const addresses = (await readLine()).split(',')
  return {
    brokers: addresses,
    createTopic: (name, partitions) => command('topic', name, partitions),
    setLeader: (topic, partition, broker) => command('leader', topic, partition, broker),
    stop: () => endChild(child),
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** A message as kcat reads it. */
export interface WitnessedMessage {
  readonly partition: number
  readonly offset: number
  readonly key: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly payload: string
}

/**
 * Reads what a topic holds with kcat, a client that shares no code with ours: each partition in order, from `from` on
 * to its present end.
 */
export async function readTopic(
  { brokers }: Pick<KafkaCluster, 'brokers'>,
  topic: string,
  from: number | 'beginning' = 'beginning',
): Promise<readonly WitnessedMessage[]> {
  const at = ['-b', brokers.join(','), '-t', topic, '-o', String(from)]
  // Otherwise it waits half a second for more.
  const args = ['-C', ...at, '-e', '-q', '-J', '-X', 'fetch.wait.max.ms=10']
  const { stdout } = await promisify(execFile)('kcat', args, { maxBuffer: 2 ** 28 })
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as WitnessedMessage)
}
