import { doctor as examine } from '../app/doctor.ts'
import { resolveTarget } from '../app/targets.ts'
import { adminTexts } from './admin-texts.ts'
import { authTexts } from './auth-texts.ts'
import type { Invocation } from './context.ts'
import type { REPORT } from './declarations/options.ts'
import { runReport } from './run-report.ts'
import { defaultTargets, readSettings, shownSettings } from './settings.ts'

export const doctor = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReport(invocation, async () => {
    const { env, cwd, root, adapters, nodeVersion } = invocation.context
    const settings = await readSettings(env, cwd)
    const { baseline, candidate } = defaultTargets(settings)
    const targets = [
      ['baseline', resolveTarget(baseline, env)],
      ['candidate', resolveTarget(candidate, env)],
    ] as const
    return examine({
      root,
      nodeVersion,
      targets,
      settings: shownSettings(settings),
      auth: authTexts(settings),
      admin: adminTexts(settings),
      adapters,
    })
  })
