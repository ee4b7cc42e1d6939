import { EXIT_STATUSES, type ExitName, decideExit } from '../exit.ts'
import type { ReportVerdict } from './types.ts'

/** The verdict and the exit status of a run. */
export interface RunEnding {
  readonly verdict: ReportVerdict
  readonly exitName: ExitName
  readonly exitCode: number
}

const VERDICT: Readonly<Record<ExitName, ReportVerdict>> = {
  ok: 'pass',
  no_go: 'fail',
  usage: 'fail',
  untrusted: 'fail',
  inconclusive: 'inconclusive',
  not_ready: 'inconclusive',
  busy: 'inconclusive',
  internal: 'inconclusive',
  timeout: 'cancelled',
  interrupted: 'cancelled',
  terminated: 'cancelled',
}

/**
 * Derives the end of a run from its outcomes: the outcome of highest precedence (`decideExit`) decides both the verdict
 * and the exit status. `ok` is a pass; `no_go`, `usage` and `untrusted` fail; a timeout or signal is cancelled; every
 * other outcome is inconclusive.
 */
export function deriveRunEnd(first: ExitName, ...others: readonly ExitName[]): RunEnding {
  const exitName = decideExit(first, ...others)
  return { verdict: VERDICT[exitName], exitName, exitCode: EXIT_STATUSES[exitName][0] }
}
