import { type Command, Option } from 'commander'
import type { Report } from '../core/report/types.ts'
import { type ExitName, FfError } from '../errors.ts'
import type { Format } from '../reports/index.ts'
import type { Context } from './context.ts'
import type { Output } from './output.ts'

/** The formats of `src/reports`, named here so that help needs not load them; a test holds the two together. */
export const FORMAT_NAMES = ['text', 'json', 'junit'] as const satisfies readonly Format[]

export interface ReportOptions {
  readonly format: Format
  readonly output?: readonly Output[]
  readonly timeout?: number
}

/** Adds what every command that measures something takes. */
export function withReportOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--format <format>', 'what stdout carries').choices(FORMAT_NAMES).default('text'),
    )
    .option('--output <format=path>', 'write a file as well; may be repeated', collectOutput)
    .option('--timeout <seconds>', 'end the run after this long, with exit 124', parseSeconds)
}

/** Runs a measurement under the signals and the time limit, writes its report, and sets the exit. */
export async function runReport(
  context: Context,
  options: ReportOptions & { readonly color?: boolean },
  work: (signal: AbortSignal) => Promise<Report>,
): Promise<void> {
  const controller = new AbortController()
  const abort = (name: ExitName): void => controller.abort(name)
  const stop = context.onSignal(abort)
  const timer =
    options.timeout === undefined
      ? undefined
      : setTimeout(() => abort('timeout'), options.timeout * 1000)
  try {
    const report = await work(controller.signal)
    if (controller.signal.aborted && report.verdict !== 'cancelled')
      throw ended(controller.signal.reason as ExitName)
    const { REPORTERS } = await import('../reports/index.ts')
    const { writeOutputs } = await import('./output.ts')
    const write = (format: Format, color: boolean): string => REPORTERS[format](report, { color })
    await writeOutputs(options.output ?? [], (format) => write(format, false))
    await context.io.stdout(write(options.format, useColor(context, options.color)))
    context.exit = report.exitName as ExitName
  } finally {
    clearTimeout(timer)
    stop()
  }
}

const ended = (name: ExitName): FfError =>
  new FfError(
    name as 'interrupted' | 'terminated' | 'timeout',
    'The command was ended before it was done.',
    {
      hint: 'What it had finished by then stands; run it again for the rest.',
    },
  )

/** `--color` > `NO_COLOR` > `FORCE_COLOR` > is it a terminal (page 8). */
function useColor({ env, io }: Context, option: boolean | undefined): boolean {
  if (option !== undefined) return option
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false
  if (env['FORCE_COLOR'] !== undefined && env['FORCE_COLOR'] !== '')
    return env['FORCE_COLOR'] !== '0'
  return io.stdoutIsTerminal
}

function collectOutput(text: string, before: readonly Output[] = []): readonly Output[] {
  const [format, ...path] = text.split('=')
  const known = FORMAT_NAMES.find((name) => name === format)
  if (known === undefined || path.join('=') === '') {
    throw new FfError('option_invalid', `"${text}" is not FORMAT=PATH.`, {
      hint: `The formats are ${FORMAT_NAMES.join(', ')}.`,
    })
  }
  return [...before, { format: known, path: path.join('=') }]
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 86_400) return seconds
  throw new FfError('option_invalid', `"${text}" is not a number of seconds.`, {
    hint: 'Give more than 0 and at most 86400.',
  })
}
