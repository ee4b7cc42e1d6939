import { checkSetup } from '../features/setup/doctor.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'
import {
  getDefaultBaseline,
  getDefaultCandidate,
  loadSettings,
  formatSettings,
} from './settings.ts'

/** `ff doctor`: prints a report on whether a run can work with these settings, and sets its exit. */
export const runDoctor = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, async () => {
    const { env, cwd, root, adapters, nodeVersion } = invocation.context
    const settings = await loadSettings(env, cwd)
    const { values } = settings
    const targets = [
      ['baseline', getDefaultBaseline(values)],
      ['candidate', getDefaultCandidate(values)],
    ] as const
    return checkSetup({
      root,
      nodeVersion,
      targets,
      shown: formatSettings(settings),
      settings: values,
      adapters,
    })
  })
