import { adapters, findPackageRoot } from './composition.ts'
import type { Context, Io } from './commands/context.ts'
import { runCli } from './commands/program.ts'
import { EXIT_STATUSES } from './core/exit.ts'

/**
 * The only reader of arguments, environment, streams, signals and the clock.
 *
 * @param given what a test runs the program with instead of what belongs to this process
 * @returns the exit status
 */
export async function main(given: Partial<Context> = {}, argv = process.argv): Promise<number> {
  const context: Context = {
    root: findPackageRoot(),
    cwd: process.cwd(),
    env: process.env,
    now: () => new Date(),
    nodeVersion: process.version,
    io: given.io ?? standardStreams(),
    adapters,
    onSignal,
    exit: 'internal',
    ...given,
  }
  await runCli(argv, context)
  return EXIT_STATUSES[context.exit][0]
}

function standardStreams(): Io {
  // A reader that has gone away (EPIPE) fails the write that notices it; without a listener it would crash us.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  return {
    stdout: (text) =>
      new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)))
      }),
    stderr: (text) => void process.stderr.write(text),
    stdin: () => process.stdin,
    terminal: async () => {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return null
      return (await import('./adapters/key-files/terminal.ts')).terminalOn(
        process.stdin,
        process.stderr,
      )
    },
    stdoutIsTerminal: process.stdout.isTTY === true,
    stderrIsTerminal: process.stderr.isTTY === true,
  }
}

const SIGNALS = { SIGINT: 'interrupted', SIGTERM: 'terminated' } as const

const onSignal: Context['onSignal'] = (heard) => {
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]
  let signals = 0
  const listen = (name: NodeJS.Signals): void => {
    signals += 1
    if (signals === 1) return heard(SIGNALS[name as keyof typeof SIGNALS])
    // Asked twice: stop cleaning up. The next run sweeps what is left.
    stop()
    process.kill(process.pid, name)
  }
  const stop = (): void => names.forEach((name) => void process.off(name, listen))
  names.forEach((name) => process.on(name, listen))
  return stop
}
