import { Readable } from 'node:stream'
import { tmpdir } from 'node:os'
import type { Context } from '../../src/commands/context.ts'
import { ROOT, type Run, type RunOptions } from './run-ff.ts'

/**
 * Runs a command in this process with a newly loaded program, so that mocks of `vi.doMock` apply. The status is the exit
 * status of the process.
 */
export async function runInProcess(
  args: readonly string[],
  { env = {}, cwd = tmpdir(), root = ROOT, input = '' }: RunOptions = {},
): Promise<Run> {
  const [{ runCli: runProgram }, { adapters }, { EXIT_STATUSES: EXITS }] = await Promise.all([
    import('../../src/commands/program.ts'),
    import('../../src/composition.ts'),
    import('../../src/core/exit.ts'),
  ])
  let [stdout, stderr] = ['', '']
  const context: Context = {
    root,
    cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: tmpdir(), ...env },
    now: () => new Date(),
    nodeVersion: process.version,
    io: {
      stdout: async (text) => void (stdout += text),
      stderr: (text) => void (stderr += text),
      tryStderr: (bytes) => bytes.length,
      stdin: () => Readable.from([Buffer.from(input)]),
      terminal: async () => null,
      page: () => Promise.resolve(false),
      stdoutIsTerminal: false,
      screenSize: () => null,
      stderrIsTerminal: false,
    },
    adapters,
    onSignal: () => () => undefined,
    onReload: () => () => undefined,
    exit: 'internal',
  }
  await runProgram(['node', 'ff', ...args], context)
  return { status: EXITS[context.exit][0], signal: null, stdout, stderr }
}
