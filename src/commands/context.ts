import type { Adapters } from '../ports/adapters.ts'
import type { ExitName } from '../core/exit.ts'
import type { Terminal } from '../ports/signoff.ts'
import type { OptionDeclaration, OptionsOf } from './declarations/option.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** What commands take from the world: handed in by main, so that nothing here reaches for it. */
export interface Context {
  /** The package folder. */
  readonly root: string
  readonly cwd: string
  readonly env: Env
  readonly now: () => Date
  readonly nodeVersion: string
  readonly io: Io
  readonly adapters: Adapters
  /** Calls back at SIGINT and SIGTERM; a second one ends the process. @returns how to stop listening */
  readonly onSignal: (heard: (name: 'interrupted' | 'terminated') => void) => () => void
  /** What the command came to; the process ends with it. */
  exit: ExitName
}
export interface Io {
  /** Resolves when the text is with the reader, or rejects when it never will be. */
  readonly stdout: (text: string) => Promise<void>
  readonly stderr: (text: string) => void
  /** Ended by its reader, or from outside: a read that waits then comes to its end. */
  readonly stdin: () => AsyncIterable<Uint8Array> & { destroy(): unknown }
  /** Where people are asked; null where nobody is there. */
  readonly terminal: () => Promise<Terminal | null>
  readonly stdoutIsTerminal: boolean
  readonly stderrIsTerminal: boolean
}

/** One call of a command. */
export interface CommandCall<Options extends object> {
  readonly context: Context
  /** Arguments that are not options. */
  readonly words: readonly string[]
  readonly options: Options
  /** What `--color` or `--no-color` says; null where neither was given. */
  readonly color: boolean | null
}
/** A call of a command by the list of options that it declares. */
export type Invocation<Declared extends readonly OptionDeclaration[] = readonly []> = CommandCall<
  OptionsOf<Declared>
>
export type CommandHandler<Options extends object> = (call: CommandCall<Options>) => Promise<void>
