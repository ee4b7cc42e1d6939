import { FfError } from '../../errors.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { fromValue, readNumberParam, defineProbe, type ProbeContext } from './framework/probe.ts'

/** 22 is how a program says that it could not look (page 3). */
const INCONCLUSIVE_STATUS = 22

/** A team's own command in the place of a probe: what it ends with is what was measured. */
export const commandProbe = defineProbe<readonly string[]>({
  version: 1,
  site: 'declared',
  isolation: 'parallel',
  sound: fromValue((context) => toWords(context, 'argv')),
  faulty: fromValue((context) => toWords(context, 'control_argv')),
  measure: async (argv, context): Promise<Measurement> => {
    const { adapters, cwd, signal } = context
    const timeoutMs = readNumberParam(context, 'timeout_s') * 1000
    const outcome = await adapters.runCommand(argv, { cwd, timeoutMs, signal })
    const [file = ''] = argv
    if (outcome.kind === 'unanswered' || outcome.status === INCONCLUSIVE_STATUS)
      throw new FfError('command_unanswered', `${file} did not say whether it holds.`, {
        hint: `Run it by hand: ${outcome.kind === 'unanswered' ? outcome.detail : outcome.last_line}.`,
      })
    return {
      measured: { exit_status: outcome.status },
      met: { command: argv.join(' '), says: outcome.last_line },
      sample_size: 1,
      example: outcome.status === 0 ? null : outcome.last_line,
    }
  },
})

function toWords({ params }: ProbeContext, name: string): readonly string[] {
  const words = params[name]
  if (Array.isArray(words) && words.length > 0 && words.every((one) => typeof one === 'string'))
    return words as readonly string[]
  throw new FfError('option_invalid', `The item has no ${name}.`, {
    hint: 'Give it a program and its arguments, as in checklists/templates/team_commands.json.',
  })
}
