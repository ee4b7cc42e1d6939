import { CommanderError } from 'commander'
import { escapeLine, escapeLines, formatJson } from '../core/text/terminal.ts'
import { FfError } from '../errors.ts'
import { toSystemError } from '../files/system-error.ts'
import type { Context } from './context.ts'

/** The most details that are printed; the JSON form has all of them. */
const MOST_DETAILS = 20

/**
 * Prints an error on stderr (message, at most 20 details, hint, code) and sets the exit; with `--format json` or `--json` prints
 * all of it on stdout too, unless writing failed, and with `--debug` the stack on stderr. An unknown error is
 * `internal`, one of the system `disk_full` or `system_refused`, one of commander `option_invalid` or
 * `command_unknown`, a failed write `output_failed`. Hides passwords of URLs, and escapes control characters.
 * @throws the error of writing stdout
 */
export async function reportError(
  error: unknown,
  argv: readonly string[],
  context: Context,
): Promise<void> {
  const known = await withNearest(asFfError(error))
  context.exit = known.exitName
  context.io.stderr(withoutSecrets(toText(known)))
  if (argv.includes('--debug'))
    context.io.stderr(withoutSecrets(`${escapeLines(getTrace(error))}\n`))
  if (!wantsJson(argv) || known.code === 'output_failed') return
  const { code, exitName, message, hint, details } = known
  await context.io.stdout(
    withoutSecrets(`${formatJson({ error: { code, exitName, message, hint, details } })}\n`),
  )
}

/** An error about an unknown name whose hint begins with the nearest one that exists. */
async function withNearest(error: FfError): Promise<FfError> {
  const { code, message, details, unknown, hint, cause, stack } = error
  if (unknown === null || unknown.known.length === 0) return error
  const { findNearestWord } = await import('./settings.ts')
  const proposed = `Did you mean "${findNearestWord(unknown.name, unknown.known)}"? ${hint}`
  return Object.assign(new FfError(code, message, { hint: proposed, details, cause }), { stack })
}

/** Messages quote the command line, where a URL may hold a password. */
const withoutSecrets = (text: string): string => text.replaceAll(/:\/\/[^\s'"]*@/g, '://***@')

function asFfError(error: unknown): FfError {
  if (error instanceof FfError) return error
  if (error instanceof CommanderError) return usageError(error)
  if (error instanceof Error && 'syscall' in error && error.syscall === 'write') {
    return new FfError(
      'output_failed',
      `Cannot write the output, so the verdict was not delivered: ${error.message}.`,
      {
        hint: 'Keep the reader of the pipe running, free disk space, or write the report with --output.',
        cause: error,
      },
    )
  }
  const refused = toSystemError(error)
  if (refused !== null) return refused
  return new FfError(
    'internal',
    `This is a bug in ff: ${error instanceof Error ? error.message : String(error)}.`,
    {
      hint: 'Run the same command with --debug and report its output.',
      cause: error,
    },
  )
}

const EXCESS = /too many arguments for '(.+)'\. Expected (\d+) arguments? but got (\d+)/

/** Commander's messages name the wrong option and the nearest known one; each gets one full stop. */
function usageError(error: CommanderError): FfError {
  const unknownCommand =
    error.code === 'commander.unknownCommand' || error.code === 'commander.help'
  const [, command, most, given] = EXCESS.exec(error.message) ?? []
  if (command !== undefined)
    return new FfError(
      'option_invalid',
      `The command ${command} takes ${most === '0' ? 'no argument' : `at most ${most}`}, and ${given} ${given === '1' ? 'was' : 'were'} given.`,
      { hint: `See what it takes with \`ff help\`, or with --help after the command.` },
    )
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n')
  const message =
    error.code === 'commander.help'
      ? 'The command is missing.'
      : `${[first, ...more].join(' ').trim().replace(/\.$/, '')}.`
  return new FfError(unknownCommand ? 'command_unknown' : 'option_invalid', message, {
    hint: 'List the commands with `ff help`.',
  })
}

/** Messages quote the command line and other servers, whose control characters a terminal would obey. */
function toText({ message, hint, code, exitName, details: given }: FfError): string {
  const details = given.map(escapeLine)
  const shown = details.slice(0, MOST_DETAILS).map((line) => `  ${line}\n`)
  const more = details.length > MOST_DETAILS ? `  and ${details.length - MOST_DETAILS} more\n` : ''
  return `ff: ${escapeLine(message)}\n${shown.join('')}${more}${escapeLine(hint)}\n[${code}, exit ${exitName}]\n`
}

/** The stack of an error and of its causes. */
function getTrace(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\ncaused by: ${getTrace(error.cause)}`
}

const wantsJson = (argv: readonly string[]): boolean =>
  argv.some(
    (one, at) =>
      one === '--json' ||
      one === '--format=json' ||
      (one === '--format' && argv[at + 1] === 'json'),
  )
