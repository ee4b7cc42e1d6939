import { EXITS, type ExitName, weightiest } from '../exit.ts'
import type { Verdict } from './types.ts'

/** How a run ended, as its report states it. */
export interface RunEnd {
  readonly verdict: Verdict
  readonly exitName: ExitName
  readonly exitCode: number
}

const VERDICT: Readonly<Record<ExitName, Verdict>> = {
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

/** The end of a run with these outcomes: one of them decides the verdict and the exit status alike. */
export function runEnd(first: ExitName, ...others: readonly ExitName[]): RunEnd {
  const exitName = weightiest(first, ...others)
  return { verdict: VERDICT[exitName], exitName, exitCode: EXITS[exitName][0] }
}
