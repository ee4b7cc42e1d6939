import { parityExhaustive, type ParityRequest, parityRun } from '../features/parity/parity.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import type { Invocation } from './context.ts'
import type { PARITY_EXHAUSTIVE, PARITY_RUN, SIDES } from './declarations/options.ts'
import { runReport } from './run-report.ts'
import { defaultBaseline, defaultCandidate, loadSettings } from './settings.ts'

export const run = (invocation: Invocation<typeof PARITY_RUN>): Promise<void> =>
  runReport(invocation, async (signal) => {
    const { vectors: more, vector: only } = invocation.options
    return parityRun({ ...(await toRequest(invocation, signal)), more, only })
  })

export const exhaustive = (invocation: Invocation<typeof PARITY_EXHAUSTIVE>): Promise<void> =>
  runReport(invocation, async (signal) =>
    parityExhaustive({
      ...(await toRequest(invocation, signal)),
      only: invocation.options.cell,
    }),
  )

export async function toRequest(
  { context, options }: Invocation<typeof SIDES>,
  signal: AbortSignal,
): Promise<ParityRequest> {
  const { env, cwd, root, now, adapters } = context
  const { values } = await loadSettings(env, cwd)
  const { baseline, candidate } = options
  return {
    root,
    baseline: baseline === null ? defaultBaseline(values) : parseTargetOrThrow(baseline, env),
    candidate: candidate === null ? defaultCandidate(values) : parseTargetOrThrow(candidate, env),
    signal,
    now,
    adapters,
  }
}
