import { tmpdir } from 'node:os'
import { FfError } from '../../errors.ts'
import type { ScratchBroker } from '../../ports/shipping.ts'
import { startProgram } from '../process/start-program.ts'

/** Longer than any rehearsal. */
const LIFE_MS = 6 * 3_600_000
/** The mock cluster of librdkafka in place of the named broker, to which nothing connects. */
const ARGUMENTS = ['-C', '-b', '127.0.0.1:9', '-X', 'test.mock.num.brokers=1', '-d', 'mock', '-q']

/**
 * Starts a Kafka broker on loopback that keeps its topics in memory: the mock cluster in `kcat` of PATH. It ends with this
 * process, kill -9 included, or when `signal` is aborted.
 *
 * @throws FfError `command_unanswered` where it does not start
 */
export async function openScratchBroker(signal: AbortSignal): Promise<ScratchBroker> {
  const limits = { cwd: tmpdir(), timeoutMs: LIFE_MS, signal }
  const program = startProgram(['kcat', ...ARGUMENTS, '-t', 'ff-scratch'], limits)
  const started = await program.says(/bootstrap\.servers=(127\.0\.0\.1:\d+)/)
  if (started.ok) return { brokers: started.text, close: () => program.kill() }
  throw new FfError(
    'command_unanswered',
    `Cannot start a broker with kcat: ${started.last_line.slice(0, 300)}`,
    { hint: 'Install it: sudo apt-get install kcat' },
  )
}
