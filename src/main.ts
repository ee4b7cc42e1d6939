import { writeSync } from 'node:fs'
import { adapters, findPackageRoot } from './composition.ts'
import type { Context, Io } from './commands/context.ts'
import { runCli } from './commands/program.ts'
import { EXIT_STATUSES } from './core/exit.ts'

/**
 * Runs the program on the arguments, environment, streams, signals and clock of this process, and does not end the
 * process.
 *
 * @param given replacements for parts of the context, for a test
 * @param argv as `process.argv`: the first two are not arguments
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
    onReload,
    exit: 'internal',
    ...given,
  }
  await runCli(argv, context)
  return EXIT_STATUSES[context.exit][0]
}

function standardStreams(): Io {
  // A closed pipe (EPIPE) also fails the write, which reports it; without a listener the event would end the process.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  return {
    stdout: (text) =>
      new Promise((resolve, reject) => {
        process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)))
      }),
    stderr: (text) => void process.stderr.write(text),
    tryStderr: (bytes) => {
      try {
        // `process.stderr` has put a pipe into non-blocking mode.
        return writeSync(process.stderr.fd, bytes)
      } catch {
        return 0
      }
    },
    stdin: () => process.stdin,
    terminal: async () => {
      if (!process.stdin.isTTY || !process.stderr.isTTY) return null
      return (await import('./adapters/key-files/terminal.ts')).terminalOn(
        process.stdin,
        process.stderr,
      )
    },
    page: async (text) => {
      if (!process.stdout.isTTY || text.split('\n').length <= (process.stdout.rows || 24))
        return false
      const { choosePager, pageText } = await import('./adapters/process/pager.ts')
      const command = choosePager(process.env)
      return command !== null && pageText(text, command, process.env)
    },
    stdoutIsTerminal: process.stdout.isTTY === true,
    screenSize: () => {
      const { isTTY, columns, rows } = process.stdout
      // A terminal that does not know its size says 0.
      return isTTY && process.env['TERM'] !== 'dumb'
        ? { columns: columns || 80, rows: rows || 24 }
        : null
    },
    // A line that is rewritten needs a terminal that can clear one.
    stderrIsTerminal: process.stderr.isTTY === true && process.env['TERM'] !== 'dumb',
  }
}

const onReload: Context['onReload'] = (heard) => {
  process.on('SIGUSR2', heard)
  return () => void process.off('SIGUSR2', heard)
}

const SIGNALS = { SIGINT: 'interrupted', SIGTERM: 'terminated', SIGHUP: 'terminated' } as const

const onSignal: Context['onSignal'] = (heard) => {
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]
  let signals = 0
  const listen = (name: NodeJS.Signals): void => {
    signals += 1
    if (signals === 1) return heard(SIGNALS[name as keyof typeof SIGNALS])
    // A second signal stops the clean-up. The next run removes what is left.
    stop()
    process.kill(process.pid, name)
  }
  const stop = (): void => names.forEach((name) => void process.off(name, listen))
  names.forEach((name) => process.on(name, listen))
  return stop
}
