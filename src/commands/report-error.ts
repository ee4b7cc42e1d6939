import { CommanderError } from 'commander'
import { escapeForTerminal } from '../core/text/terminal.ts'
import { FfError } from '../errors.ts'
import type { Context } from './context.ts'

/** How many details are printed; the JSON form has all of them. */
const MOST_DETAILS = 20

/** The one door for errors: a sentence what happened, one what to do, a stable code, and the exit. */
export async function reportError(
  error: unknown,
  argv: readonly string[],
  context: Context,
): Promise<void> {
  const known = asFfError(error)
  context.exit = known.exitName
  context.io.stderr(safeText(toText(known)))
  if (argv.includes('--debug')) context.io.stderr(safeText(`${getTrace(error)}\n`))
  if (!wantsJson(argv) || known.code === 'output_failed') return
  const { code, exitName, message, hint, details } = known
  await context.io.stdout(
    withoutSecrets(
      `${JSON.stringify({ error: { code, exitName, message, hint, details } }, null, 2)}\n`,
    ),
  )
}

/** What was typed in the wrong place may be a URL with its password, and messages quote what was typed. */
const withoutSecrets = (text: string): string => text.replaceAll(/:\/\/[^\s'"]*@/g, '://***@')

/** Messages quote what was typed and what others answered, and a terminal would obey it. */
const safeText = (text: string): string => escapeForTerminal(withoutSecrets(text))

function asFfError(error: unknown): FfError {
  if (error instanceof FfError) return error
  if (error instanceof CommanderError) return usageError(error)
  if (error instanceof Error && 'syscall' in error && error.syscall === 'write') {
    return new FfError(
      'output_failed',
      'The output could not be written, so the verdict was not delivered.',
      {
        hint: 'See that its reader stays or its disk has room, or write it with --output.',
        cause: error,
      },
    )
  }
  return new FfError(
    'internal',
    `This is a bug in ff: ${error instanceof Error ? error.message : String(error)}.`,
    {
      hint: 'Run again with --debug and report what it prints.',
      cause: error,
    },
  )
}

/** commander's own messages name the option and the nearest one that there is. */
function usageError(error: CommanderError): FfError {
  const unknownCommand =
    error.code === 'commander.unknownCommand' || error.code === 'commander.help'
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n')
  const message =
    error.code === 'commander.help'
      ? 'No command was given.'
      : `${[first, ...more].join(' ').trim()}.`
  return new FfError(unknownCommand ? 'command_unknown' : 'option_invalid', message, {
    hint: 'Run `ff help`, or a command with --help.',
  })
}

function toText({ message, hint, code, exitName, details }: FfError): string {
  const shown = details.slice(0, MOST_DETAILS).map((line) => `  ${line}\n`)
  const more = details.length > MOST_DETAILS ? `  and ${details.length - MOST_DETAILS} more\n` : ''
  return `ff: ${message}\n${shown.join('')}${more}${hint}\n[${code}, exit ${exitName}]\n`
}

/** The stack of an error and of what caused it. */
function getTrace(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\ncaused by: ${getTrace(error.cause)}`
}

const wantsJson = (argv: readonly string[]): boolean =>
  argv.some((one, at) => one === '--format=json' || (one === '--format' && argv[at + 1] === 'json'))
