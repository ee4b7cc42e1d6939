import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { addArtefacts } from './artefacts.ts'
import type { Context } from './context.ts'
import { addDoctor } from './doctor.ts'
import { addHelp } from './help-topics.ts'
import { addMigrate } from './migrate.ts'
import { addParity } from './parity.ts'

/** Parses the command line, runs one command and leaves what it came to in `context.exit`. */
export async function runProgram(argv: readonly string[], context: Context): Promise<void> {
  const said: string[] = []
  try {
    await makeProgram(context, said).parseAsync([...argv])
    if (said.length > 0) await tell(said, context)
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return tell(said, context)
    const { reportError } = await import('./report-error.ts')
    await reportError(error, argv, context)
  }
}

/** Help and version: the only things commander itself prints. */
async function tell(said: readonly string[], context: Context): Promise<void> {
  await context.io.stdout(said.join(''))
  context.exit = 'ok'
}

function makeProgram(context: Context, said: string[]): Command {
  const program = new Command('ff')
  program
    .description('Go or no-go for moving feature flags from a file to PostgreSQL.')
    .version(versionOf(context.root), '--version')
    .option('--color', 'colour, whatever the terminal says')
    .option('--no-color', 'no colour')
    .option('--debug', 'show the stack and the cause of an error')
    .exitOverride()
    // What goes to stderr comes again with the error that commander throws.
    .configureOutput({ writeOut: (text) => void said.push(text), writeErr: () => undefined })
    .addHelpText(
      'after',
      '\nSettings: option > FF_* environment > ff.config.json > default.\nExit codes: ff help exit-codes',
    )
  addParity(program, context)
  addMigrate(program, context)
  addArtefacts(program, context)
  addDoctor(program, context)
  addHelp(program, context)
  return program
}

const versionOf = (root: string): string =>
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
