/**
 * Outcome of a program run: its exit status and last line of output, or why it gave none (signal, timeout, no start).
 */
export type CommandOutcome =
  | { readonly kind: 'exited'; readonly status: number; readonly last_line: string }
  | { readonly kind: 'unanswered'; readonly detail: string }

/** Folder, time limit, abort signal and environment of a program. */
export interface CommandLimits {
  readonly cwd: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Variables of the program, besides PATH and (`runCommand`) HOME of this process. */
  readonly env?: Readonly<Record<string, string>>
  /** Names of further variables that `runCommand` passes on from this process where they are set. */
  readonly pass?: readonly string[]
}

/** A child process. The kernel kills it when this process ends. */
export interface RunningProgram {
  /**
   * Waits until the recent output matches.
   *
   * @returns the pattern's first group, or the last line where the program ended first
   */
  says(
    pattern: RegExp,
  ): Promise<
    | { readonly ok: true; readonly text: string }
    | { readonly ok: false; readonly last_line: string }
  >
  /** Sends SIGSTOP: it does nothing more and keeps its connections, as a hung program does. */
  pause(): void
  /** Sends SIGCONT. */
  resume(): void
  /** Sends SIGKILL; resolves once the process has ended, paused or not. */
  kill(): Promise<void>
}
