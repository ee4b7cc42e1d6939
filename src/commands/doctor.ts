import type { Command } from 'commander'
import type { Context } from './context.ts'
import { type ReportOptions, runReport, withReportOptions } from './run-report.ts'

export function addDoctor(program: Command, context: Context): void {
  withReportOptions(
    program
      .command('doctor')
      .description('whether a run could work on this machine')
      .helpGroup('Look after:'),
  )
    .addHelpText('after', '\nExamples:\n  $ ff doctor\n  $ ff doctor --format json')
    .action(async (_: ReportOptions, self: Command) => {
      await runReport(context, self.optsWithGlobals(), async () => {
        const { env, cwd, root, adapters, nodeVersion } = context
        const { doctor } = await import('../app/doctor.ts')
        const { defaultTargets, readSettings, shownSettings } = await import('./settings.ts')
        const { resolveTarget } = await import('../app/targets.ts')
        const settings = await readSettings(env, cwd)
        const { baseline, candidate } = defaultTargets(settings)
        const targets = [
          ['baseline', resolveTarget(baseline, env)] as const,
          ['candidate', resolveTarget(candidate, env)] as const,
        ]
        return doctor({ root, nodeVersion, targets, settings: shownSettings(settings), adapters })
      })
    })
}
