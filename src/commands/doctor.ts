import { doctor as examine } from '../features/setup/doctor.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReport } from './run-report.ts'
import { defaultBaseline, defaultCandidate, loadSettings, shownSettings } from './settings.ts'

export const doctor = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReport(invocation, async () => {
    const { env, cwd, root, adapters, nodeVersion } = invocation.context
    const settings = await loadSettings(env, cwd)
    const { values } = settings
    const targets = [
      ['baseline', defaultBaseline(values)],
      ['candidate', defaultCandidate(values)],
    ] as const
    return examine({
      root,
      nodeVersion,
      targets,
      shown: shownSettings(settings),
      settings: values,
      adapters,
    })
  })
