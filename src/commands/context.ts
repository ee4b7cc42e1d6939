import type { Adapters } from '../app/adapters.ts'
import type { ExitName } from '../errors.ts'
import type { Terminal } from '../ports.ts'

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

/** Options as they were typed: each command reads its own and says what is wrong with them. */
export interface Options {
  readonly format?: string
  readonly output?: readonly string[]
  readonly timeout?: string
  readonly color?: boolean
  readonly baseline?: string
  readonly candidate?: string
  readonly vectors?: readonly string[]
  readonly vector?: string
  readonly cell?: string
  readonly database?: string
  readonly to?: string
  readonly dryRun?: boolean
  readonly maxDiffs?: string
  readonly sample?: string
  readonly runs?: string
  readonly seed?: string
  readonly time?: string
  readonly signatureOnly?: boolean
  readonly explain?: boolean
  readonly now?: string
  readonly dev?: boolean
  readonly user?: string
  readonly tenant?: string
  readonly scopes?: string
  readonly key?: string
  readonly signerCmd?: string
  readonly person?: string
  readonly name?: string
  readonly out?: string
  readonly platformLead?: string
  readonly securityLead?: string
  readonly runner?: readonly string[]
  readonly until?: string
  readonly reason?: string
  readonly risk?: string
  readonly compensation?: string
  readonly requester?: string
  readonly expires?: string
  readonly bound?: readonly string[]
  readonly code?: string
  readonly checklist?: string
  readonly evidence?: string
  readonly repeat?: string
  readonly scratch?: string
  readonly store?: string
  readonly decision?: string
  readonly offline?: string
  readonly mapping?: string
  readonly into?: string
  readonly origin?: boolean
  readonly lines?: string
  readonly follow?: boolean
  readonly since?: string
  readonly head?: string
  readonly export?: string
  readonly harness?: boolean
}
/** One call of a command. */
export interface Invocation {
  readonly context: Context
  /** Arguments that are not options. */
  readonly words: readonly string[]
  readonly options: Options
}
