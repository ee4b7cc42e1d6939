import type { Command } from 'commander'
import type { Context } from './context.ts'
import { type ReportOptions, runReport, withReportOptions } from './run-report.ts'

export function addArtefacts(program: Command, context: Context): void {
  const artefacts = program
    .command('artefacts')
    .description('the JSON artefacts that decisions rest on')
    .helpGroup('Look after:')
  withReportOptions(
    artefacts
      .command('validate [files...]')
      .description('hold artefacts to their schemas and rules'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ ff artefacts validate\n  $ ff artefacts validate my-vectors.json --format json',
    )
    .action(async (files: readonly string[], _: ReportOptions, self: Command) => {
      await runReport(context, self.optsWithGlobals(), async () => {
        const { validateArtefacts } = await import('../app/validate-artefacts.ts')
        return validateArtefacts(context.root, files)
      })
    })
}
