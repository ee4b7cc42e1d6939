import type { Command } from 'commander'
import type { Context } from './context.ts'
import { type ReportOptions, runReport, withReportOptions } from './run-report.ts'

interface ParityOptions extends ReportOptions {
  readonly baseline?: string
  readonly candidate?: string
  readonly vectors?: readonly string[]
  readonly vector?: string
  readonly cell?: string
}

export function addParity(program: Command, context: Context): void {
  const parity = program
    .command('parity')
    .description('prove that two backings decide alike')
    .helpGroup('Prove:')
  withSides(parity.command('run').description('the 17 vectors on both sides'))
    .option('--vectors <file...>', 'further matrices of the same schema')
    .option('--vector <id>', 'this one alone; such a run never ends 0')
    .addHelpText(
      'after',
      '\nExamples:\n  $ ff parity run\n  $ ff parity run --candidate env:FF_DATABASE_URL --format junit',
    )
    .action(async (options: ParityOptions, command: Command) => {
      await runReport(context, command.optsWithGlobals(), async (signal) => {
        const { parityRun } = await import('../app/parity.ts')
        const request = await toRequest(context, options, signal)
        return parityRun({ ...request, more: options.vectors ?? [], only: options.vector ?? null })
      })
    })
  withSides(
    parity.command('exhaustive').description('all 360 cells at every boundary, against the oracle'),
  )
    .option('--cell <id>', 'this one alone, as MODE/SCOPE/PATH/TTL; such a run never ends 0')
    .addHelpText(
      'after',
      '\nExamples:\n  $ ff parity exhaustive\n  $ ff parity exhaustive --cell verified/user/SP-2/valid',
    )
    .action(async (options: ParityOptions, command: Command) => {
      await runReport(context, command.optsWithGlobals(), async (signal) => {
        const { parityExhaustive } = await import('../app/parity.ts')
        return parityExhaustive({
          ...(await toRequest(context, options, signal)),
          only: options.cell ?? null,
        })
      })
    })
}

const withSides = (command: Command): Command =>
  withReportOptions(command)
    .option('--baseline <target>', 'default: file:$FF_STORE_DIR, else a temporary folder')
    .option('--candidate <target>', 'default: env:FF_DATABASE_URL if set, else embedded')

async function toRequest(context: Context, options: ParityOptions, signal: AbortSignal) {
  const { env, cwd, root, now, adapters } = context
  const { resolveTarget } = await import('../app/targets.ts')
  const { defaultTargets, readSettings } = await import('./settings.ts')
  const targets = { ...defaultTargets(await readSettings(env, cwd)), ...given(options) }
  const baseline = resolveTarget(targets.baseline, env)
  const candidate = resolveTarget(targets.candidate, env)
  return { root, baseline, candidate, signal, now, adapters }
}

const given = ({
  baseline,
  candidate,
}: ParityOptions): { baseline?: string; candidate?: string } => ({
  ...(baseline !== undefined && { baseline }),
  ...(candidate !== undefined && { candidate }),
})
