/** What became of a program that was started without a shell. */
export type CommandOutcome =
  | { readonly kind: 'exited'; readonly status: number; readonly last_line: string }
  | { readonly kind: 'unanswered'; readonly detail: string }

/** Within what a program runs. */
export interface CommandLimits {
  readonly cwd: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/** A program that runs beside this one until it is ended; gone with this process, too. */
export interface RunningProgram {
  /** What the first group of the pattern finds in what it said last; or its last words, where it ended without. */
  says(
    pattern: RegExp,
  ): Promise<
    | { readonly ok: true; readonly text: string }
    | { readonly ok: false; readonly last_line: string }
  >
  /** Ends it where it stands (SIGKILL). Resolves when it is gone. */
  kill(): Promise<void>
}
