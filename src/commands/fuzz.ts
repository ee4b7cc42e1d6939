import { parityFuzz } from '../app/parity-fuzz.ts'
import type { Invocation } from './context.ts'
import { toRequest } from './parity.ts'
import { progressTo } from './progress.ts'
import { runReport } from './run-report.ts'
import { wholeNumber } from './whole-number.ts'

const RUNS = 300

export const fuzz = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => {
    const { context, options } = invocation
    const { runs, seed, time } = options
    return parityFuzz({
      ...(await toRequest(invocation, signal)),
      runs: runs === undefined ? RUNS : wholeNumber('--runs', runs, { most: 10_000_000 }),
      seed:
        seed === undefined
          ? context.now().getTime() % 2 ** 31
          : wholeNumber('--seed', seed, { least: 0, most: 2 ** 31 - 1 }),
      timeMs: time === undefined ? null : wholeNumber('--time', time, { most: 86_400 }) * 1000,
      progress: progressTo(invocation, 'scenes'),
    })
  })
