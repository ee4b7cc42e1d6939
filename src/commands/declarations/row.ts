import type { CommandHandler } from '../context.ts'
import type { OptionDeclaration } from './option.ts'

/** One command: what its help says, and the module that runs it, which is loaded when it is called. */
export interface CommandDeclaration {
  readonly name: string
  readonly what: string
  readonly arguments?: string
  readonly options: readonly OptionDeclaration[]
  /** Two that work as pasted. */
  readonly examples: readonly [string, string]
  readonly load: () => Promise<CommandHandler<object>>
}
export interface CommandGroup {
  /** The noun; null for commands that stand alone. */
  readonly noun: string | null
  readonly what: string
  /** The heading in `ff help`: the job that it serves. */
  readonly job: string
  readonly commands: readonly CommandDeclaration[]
}
