/** How a run is ended from outside: by SIGINT, SIGTERM or its time limit. Its signal is aborted with this. */
export type Ending = 'interrupted' | 'terminated' | 'timeout'

/** How a run was ended; null while it goes on. */
export const getEnding = (signal: AbortSignal): Ending | null =>
  signal.aborted ? (signal.reason as Ending) : null

/** @throws what `toError` makes of how the run was ended, where it was */
export function throwIfEnded(signal: AbortSignal, toError: (ending: Ending) => Error): void {
  const ending = getEnding(signal)
  if (ending !== null) throw toError(ending)
}
