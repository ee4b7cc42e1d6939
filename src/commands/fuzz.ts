import { parityFuzz } from '../app/parity-fuzz.ts'
import { FfError } from '../errors.ts'
import type { Invocation } from './context.ts'
import { toRequest } from './parity.ts'
import { progressTo } from './progress.ts'
import { runReport } from './run-report.ts'

const RUNS = 300

export const fuzz = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => {
    const { context, options } = invocation
    const { runs, seed, time } = options
    return parityFuzz({
      ...(await toRequest(invocation, signal)),
      runs: runs === undefined ? RUNS : whole('--runs', runs, 10_000_000),
      seed:
        seed === undefined ? context.now().getTime() % 2 ** 31 : whole('--seed', seed, 2 ** 31 - 1),
      timeMs: time === undefined ? null : whole('--time', time, 86_400) * 1000,
      progress: progressTo(invocation, 'scenes'),
    })
  })

function whole(name: string, text: string, most: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (number >= (name === '--seed' ? 0 : 1) && number <= most) return number
  throw new FfError('option_invalid', `"${text}" is no number for ${name}.`, {
    hint: `Give a whole one, at most ${most}.`,
  })
}
