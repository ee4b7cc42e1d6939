import type { Adapters } from '../ports/adapters.ts'
import type { ExitName } from '../core/exit.ts'
import type { Terminal } from '../ports/signoff.ts'
import type { OptionDeclaration, OptionsOf } from './declarations/option.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** Everything of the outside that a command uses; main passes it in, so a test can pass its own. */
export interface Context {
  /** The package folder. */
  readonly root: string
  readonly cwd: string
  readonly env: Env
  readonly now: () => Date
  readonly nodeVersion: string
  readonly io: Io
  readonly adapters: Adapters
  /**
   * Calls back at the first SIGINT, SIGTERM or SIGHUP; a second one ends the process.
   *
   * @returns a function that stops listening
   */
  readonly onSignal: (heard: (name: 'interrupted' | 'terminated') => void) => () => void
  /** Calls back at each SIGUSR2, which otherwise ends the process. @returns a function that stops listening */
  readonly onReload: (heard: () => void) => () => void
  /** The exit of the command, from which main takes the exit status. */
  exit: ExitName
}
export interface Io {
  /** Resolves once the text is written; rejects when the reader is gone. */
  readonly stdout: (text: string) => Promise<void>
  readonly stderr: (text: string) => void
  /** Writes to stderr what its reader takes without waiting; returns the number of bytes, 0 for a reader that is gone. */
  readonly tryStderr: (bytes: Uint8Array) => number
  /** Bytes of standard input; `destroy` ends a waiting read. */
  readonly stdin: () => AsyncIterable<Uint8Array> & { destroy(): unknown }
  /** The terminal for questions to a person; null where stdin or stderr is not a terminal. */
  readonly terminal: () => Promise<Terminal | null>
  /**
   * Shows a text in the pager of this environment, and waits for its end. @returns false where stdout is no terminal, the
   * text fits on it, or there is no pager: nothing was shown
   */
  readonly page: (text: string) => Promise<boolean>
  readonly stdoutIsTerminal: boolean
  /** The present size of the terminal at stdout; null where stdout is none, or one that cannot move its cursor. */
  readonly screenSize: () => { readonly columns: number; readonly rows: number } | null
  readonly stderrIsTerminal: boolean
}

/** Adds options of a call to the commands in a text. */
export type RepeatOptions = (text: string) => string

/** One call of a command. */
export interface CommandCall<Options extends object> {
  readonly context: Context
  /** The positional arguments. */
  readonly words: readonly string[]
  readonly options: Options
  /** True for `--color`, false for `--no-color`, null without either. */
  readonly color: boolean | null
  /** Adds options of the call to the commands that a text proposes. */
  readonly repeat: RepeatOptions
}
/** A call of a command, its options typed by the declarations. */
export type Invocation<Declared extends readonly OptionDeclaration[] = readonly []> = CommandCall<
  OptionsOf<Declared>
>
export type CommandHandler<Options extends object> = (call: CommandCall<Options>) => Promise<void>
