import { parityExhaustive, type ParityRequest, parityRun } from '../app/parity.ts'
import { resolveTarget } from '../app/targets.ts'
import type { Invocation } from './context.ts'
import { runReport } from './run-report.ts'
import { defaultTargets, readSettings } from './settings.ts'

export const run = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => {
    const { vectors = [], vector = null } = invocation.options
    return parityRun({ ...(await toRequest(invocation, signal)), more: vectors, only: vector })
  })

export const exhaustive = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) =>
    parityExhaustive({
      ...(await toRequest(invocation, signal)),
      only: invocation.options.cell ?? null,
    }),
  )

export async function toRequest(
  { context, options }: Invocation,
  signal: AbortSignal,
): Promise<ParityRequest> {
  const { env, cwd, root, now, adapters } = context
  const byDefault = defaultTargets(await readSettings(env, cwd))
  const baseline = resolveTarget(options.baseline ?? byDefault.baseline, env)
  const candidate = resolveTarget(options.candidate ?? byDefault.candidate, env)
  return { root, baseline, candidate, signal, now, adapters }
}
