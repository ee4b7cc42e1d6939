import type { Adapters } from '../app/adapters.ts'
import type { ExitName } from '../errors.ts'

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
  readonly stdoutIsTerminal: boolean
}
