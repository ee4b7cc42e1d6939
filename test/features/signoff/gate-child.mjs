// The program as it is, but for its clock.
import { adapters } from '../../../dist/src/composition.js'
import { runCli } from '../../../dist/src/commands/program.js'
import { EXIT_STATUSES } from '../../../dist/src/core/exit.js'
import { terminalOn } from '../../../dist/src/adapters/key-files/terminal.js'

process.exitCode = 1
const [now, ...words] = process.argv.slice(2)
const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true
const context = {
  root: new URL('../../..', import.meta.url).pathname,
  cwd: process.cwd(),
  env: process.env,
  now: () => new Date(now),
  nodeVersion: process.version,
  io: {
    stdout: (text) => new Promise((resolve) => process.stdout.write(text, () => resolve())),
    stderr: (text) => void process.stderr.write(text),
    stdin: () => process.stdin,
    terminal: async () => (isTerminal ? terminalOn(process.stdin, process.stderr) : null),
    page: () => Promise.resolve(false),
    screenSize: () => null,
    stdoutIsTerminal: false,
    stderrIsTerminal: isTerminal,
  },
  adapters,
  onSignal: () => () => undefined,
  exit: 'internal',
}
await runCli(['node', 'ff', ...words], context)
process.exitCode = EXIT_STATUSES[context.exit][0]
