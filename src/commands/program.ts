import { Command, CommanderError, Help } from 'commander'
import { FfError } from '../errors.ts'
import type { Context } from './context.ts'
import type { OptionDeclaration } from './declarations/option.ts'
import { COMMANDS } from './declarations/index.ts'
import { type CommandDeclaration, JSON_FLAG, takesJson } from './declarations/row.ts'
import { printText } from './print-text.ts'
import { getTextWidth } from './text-width.ts'
import { readVersion } from './version.ts'

/**
 * Parses the command line, runs one command and sets `context.exit`; prints help and the version with exit `ok`.
 * Reports an error of the command on stderr; rejects only if that report cannot be written.
 *
 * @param argv as `process.argv`: the first two words are skipped
 */
export async function runCli(argv: readonly string[], context: Context): Promise<void> {
  const output: string[] = []
  try {
    await parse(argv, context, output)
    if (output.length > 0) await printHelp(output, context)
  } catch (error) {
    const { reportError } = await import('./report-error.ts')
    await reportError(error, argv, context)
  }
}

/** Reports a mistyped `--name=value` by its name only: the value may be a secret. */
class NamedCommand extends Command {
  override createCommand(name?: string): Command {
    return new NamedCommand(name)
  }
  /** Called by commander (lib/command.js), whose types leave it out. */
  unknownOption(flag: string): void {
    const { unknownOption } = Command.prototype as unknown as {
      unknownOption: (flag: string) => void
    }
    unknownOption.call(this, flag.split('=', 1)[0] ?? flag)
  }
}

async function parse(argv: readonly string[], context: Context, output: string[]): Promise<void> {
  try {
    await makeProgram(argv.slice(2), context, output).parseAsync([...argv])
  } catch (error) {
    // Commander throws this after it printed help or the version.
    if (!(error instanceof CommanderError && error.exitCode === 0)) throw error
  }
}

/** Room that a description needs beside its term; below it stands under the term. */
const LEAST_HELP = 40
const formatHelpItem: Help['formatItem'] = (...given) => {
  const [term, termWidth, description, helper] = given
  const width = helper.helpWidth ?? 80
  if (width - termWidth - 4 >= LEAST_HELP) return Help.prototype.formatItem.apply(helper, given)
  return `  ${term}\n      ${helper.boxWrap(description, width - 6).replaceAll('\n', '\n      ')}`
}

/** Prints help or the version, the only output of commander itself. */
async function printHelp(output: readonly string[], context: Context): Promise<void> {
  await printText(context.io, output.join(''))
  context.exit = 'ok'
}

function makeProgram(words: readonly string[], context: Context, output: string[]): Command {
  const program = new NamedCommand('ff')
  program
    .description('Decide go or no-go for moving feature flags from a file to PostgreSQL.')
    .version(readVersion(context.root), '--version')
    .option('--color', 'use colour, also without a terminal')
    .option('--no-color', 'use no colour')
    .option('--debug', 'show the stack and the cause of an error')
    .option('--quiet', 'print no progress and no notes on stderr, errors alone')
    .option('--verbose', 'print on stderr which settings are used and how long it took')
    .option('--no-pager', 'print long text at once, also on a terminal')
    .configureHelp({ minWidthToWrap: 20, formatItem: formatHelpItem })
    .exitOverride()
    // The error that commander throws holds the same text as its stderr.
    .configureOutput({
      writeOut: (text) => void output.push(text),
      writeErr: () => undefined,
      getOutHelpWidth: () => getTextWidth(context),
    })
    .addHelpText(
      'after',
      '\nSettings: option > FF_* environment > ff.config.json > default.\nExit codes: ff help exit-codes',
    )
    .helpCommand(false)
  for (const { noun, what, job, commands } of COMMANDS) {
    const parent = noun === null ? program : program.command(noun).description(what).helpGroup(job)
    // Declares only the commands that this call needs, for a fast start.
    const needed = noun === null || words.includes(noun) || words.includes('help')
    for (const row of needed ? commands : [])
      addCommand(parent, row, context).helpGroup(noun === null ? job : 'Commands:')
  }
  return addHelp(program, context)
}

function addCommand(parent: Command, row: CommandDeclaration, context: Context): Command {
  const command = parent.command(
    row.arguments === undefined ? row.name : `${row.name} ${row.arguments}`,
  )
  command
    .description(row.what)
    .addHelpText('after', `\nExamples:\n${row.examples.map((one) => `  $ ${one}`).join('\n')}`)
  const declared = row.options.map((one) => [addOption(command, one), one] as const)
  if (takesJson(row)) command.option(JSON_FLAG.flags, JSON_FLAG.what)
  return command.action(async (...words: unknown[]) => {
    const [run, { createRepeat, repeatInHint }, { tell }] = await Promise.all([
      row.load(),
      import('./repeat-options.ts'),
      import('./verbosity.ts'),
    ])
    const {
      color = null,
      json = false,
      quiet,
      verbose,
      pager,
      ...given
    } = command.optsWithGlobals<RawOptions>()
    const raw: RawOptions = json ? { ...given, format: asJson(given['format']) } : given
    const options = Object.fromEntries(declared.map(([name, { read }]) => [name, read(raw[name])]))
    const repeat = createRepeat(COMMANDS, options)
    // Commander hands over the declared arguments, then the options and the command itself.
    const positional = words.slice(0, -2).flat() as string[]
    await tell(context, { quiet, verbose, pager }, (told) =>
      run({ context: told, words: positional, options, color, repeat }).catch((error: unknown) => {
        throw repeatInHint(error, repeat)
      }),
    )
  })
}
interface RawOptions extends Readonly<Record<string, Parameters<OptionDeclaration['read']>[0]>> {
  readonly color?: boolean
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly pager?: boolean
}

/** @throws FfError `option_invalid` beside another `--format` */
function asJson(format: RawOptions[string]): 'json' {
  if (format === undefined || format === 'json') return 'json'
  throw new FfError('option_invalid', `--json contradicts --format ${String(format)}.`, {
    hint: 'Give one of the two.',
  })
}

/** @returns the name of the option in `command.opts()` */
function addOption(command: Command, { flags, what, repeated }: OptionDeclaration): string {
  const option = command.createOption(flags, what)
  command.addOption(repeated ? option.argParser(collect) : option)
  return option.attributeName()
}

const collect = (word: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  word,
]

/** `ff help`, `ff help COMMAND...` and `ff help TOPIC`. */
function addHelp(program: Command, context: Context): Command {
  program
    .command('help [words...]')
    .description('show help for a command, or for a topic: exit-codes, formats, settings, targets')
    .helpGroup('Maintain:')
    .addHelpText('after', '\nExamples:\n  $ ff help parity run\n  $ ff help exit-codes')
    .action(async (words: readonly string[]) => {
      const { HELP_TOPICS: TOPICS } = await import('./help-topics.ts')
      const topic = TOPICS[words[0] ?? '']
      if (topic === undefined) {
        const { findNearestWord: nearest } = await import('./settings.ts')
        return findCommand(program, words, (word, known) =>
          nearest(word, [...known, ...Object.keys(TOPICS)]),
        ).outputHelp()
      }
      await printText(context.io, topic(getTextWidth(context)))
      context.exit = 'ok'
    })
  return program
}

type Nearest = (word: string, known: readonly string[]) => string

function findCommand(program: Command, words: readonly string[], nearest: Nearest): Command {
  let command = program
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word)
    if (next === undefined) {
      const meant = nearest(
        word,
        command.commands.map((one) => one.name()),
      )
      program.error(`error: unknown command '${words.join(' ')}' (Did you mean ${meant}?)`, {
        code: 'commander.unknownCommand',
      })
    }
    command = next
  }
  return command
}
