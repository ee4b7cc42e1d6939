import { checkSetup } from '../features/setup/doctor.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { readKafkaOptions } from './kafka-options.ts'
import { runReportCommand } from './run-report.ts'
import { getDefaultBaseline, getDefaultCandidate, loadSettings } from './settings.ts'
import { formatSettings } from './shown-settings.ts'
import { listUnknownVariables } from './unknown-variables.ts'

/**
 * `ff doctor`: prints a report on whether a run can work with these settings, and sets its exit. Opens and closes both
 * targets; a step that fails is an item.
 * @throws FfError `setting_invalid` for a bad configuration file, `target_invalid` or `secret_in_option` for
 * FF_DATABASE_URL, and the errors of `runReportCommand`, such as `output_failed`
 */
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
      shown: [
        ...formatSettings(settings),
        ...listUnknownVariables(env).map(
          ({ name, meant }) => [name, `no setting of ff; did you mean ${meant}?`] as const,
        ),
      ],
      settings: values,
      readKafka: () => readKafkaOptions(values),
      adapters,
    })
  })
