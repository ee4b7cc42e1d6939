import type { Command } from 'commander'
import { EXITS } from '../errors.ts'
import type { Context } from './context.ts'

/** Texts that `ff help TOPIC` prints beside the help of commands. */
const TOPICS: Readonly<Record<string, () => string>> = { 'exit-codes': exitCodes }

/** `ff help`, `ff help COMMAND...` and `ff help TOPIC`. */
export function addHelp(program: Command, context: Context): void {
  program.helpCommand(false)
  program
    .command('help [words...]')
    .description('help for a command, or a topic: exit-codes')
    .helpGroup('Look after:')
    .action(async (words: readonly string[]) => {
      const topic = TOPICS[words[0] ?? '']
      if (topic === undefined) return find(program, words).outputHelp()
      await context.io.stdout(topic())
      context.exit = 'ok'
    })
}

function find(program: Command, words: readonly string[]): Command {
  let command = program
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word)
    if (next === undefined)
      program.error(`error: unknown command '${words.join(' ')}'`, {
        code: 'commander.unknownCommand',
      })
    command = next
  }
  return command
}

function exitCodes(): string {
  const rows = Object.entries(EXITS).map(
    ([name, [status, meaning]]) => `${String(status).padStart(4)}  ${name.padEnd(13)} ${meaning}`,
  )
  return ['Exit codes. They are the same in every output format.', '', ...rows, ''].join('\n')
}
