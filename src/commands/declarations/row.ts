import type { CommandHandler } from '../context.ts'
import type { OptionDeclaration } from './option.ts'

/** One command: its help, and the module that runs it, loaded on the first call. */
export interface CommandDeclaration {
  readonly name: string
  /** Its description in help; begins with a lower-case verb. */
  readonly what: string
  readonly arguments?: string
  readonly options: readonly OptionDeclaration[]
  /** Two commands that work as pasted. */
  readonly examples: readonly [string, string]
  readonly load: () => Promise<CommandHandler<object>>
}
export interface CommandGroup {
  /** The first word of each command; null for commands of one word. */
  readonly noun: string | null
  readonly what: string
  /** The heading in `ff help`, such as `Prove:`. */
  readonly job: string
  readonly commands: readonly CommandDeclaration[]
}

/** The switch of every command that has the format json. */
export const JSON_FLAG = { flags: '--json', what: 'short for --format json' } as const

/** Whether a command has the format json, and so takes `--json`. */
export const takesJson = ({ options }: Pick<CommandDeclaration, 'options'>): boolean =>
  options.some(({ flags, choices }) => flags.startsWith('--format ') && choices.includes('json'))
