/** Why a run is aborted: SIGINT, SIGTERM or its time limit. It is the reason of the aborted signal. */
export type Ending = 'interrupted' | 'terminated' | 'timeout'

/** The reason why a run was aborted; null while it runs. */
export const getEnding = (signal: AbortSignal): Ending | null =>
  signal.aborted ? (signal.reason as Ending) : null

/** Does nothing while the run goes on. @throws the error that `toError` makes of the reason, once it is aborted */
export function throwIfEnded(signal: AbortSignal, toError: (ending: Ending) => Error): void {
  const ending = getEnding(signal)
  if (ending !== null) throw toError(ending)
}
