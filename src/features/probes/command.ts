import { FfError } from '../../errors.ts'
import type { Measurement } from '../../core/gate/judge-measurement.ts'
import { fromValue, readNumberParam, defineProbe, type ProbeContext } from './framework/probe.ts'

/** The exit status of a command that could not measure: the same as of `ff` (inconclusive). */
const INCONCLUSIVE_STATUS = 22

/**
 * Items of kind `command`: runs the team's command `argv` in its folder, without a shell, and measures the exit
 * status. The control runs `control_argv`, which has to fail. Both see PATH, HOME and the variables that the
 * parameter `env` names. Inconclusive with `command_unanswered` where the command does not start, is killed, exceeds
 * `timeout_s` (seconds) or exits with 22, and with `option_invalid` where one of these parameters is not a list of
 * words or not a number.
 */
export const commandProbe = defineProbe<readonly string[], 'exit_status'>({
  version: 1,
  site: 'declared',
  isolation: 'parallel',
  sound: fromValue((context) => toWords(context, 'argv')),
  faulty: { exit_status: fromValue((context) => toWords(context, 'control_argv')) },
  measure: async (argv, context): Promise<Measurement> => {
    const { adapters, cwd, signal } = context
    const timeoutMs = readNumberParam(context, 'timeout_s') * 1000
    const pass = context.params['env'] === undefined ? [] : toWords(context, 'env')
    const outcome = await adapters.runCommand(argv, { cwd, timeoutMs, signal, pass })
    const [file = ''] = argv
    if (outcome.kind === 'unanswered' || outcome.status === INCONCLUSIVE_STATUS)
      throw new FfError('command_unanswered', `The command ${file} came to no result.`, {
        hint: `Run it by hand: ${argv.join(' ')}. It said: ${outcome.kind === 'unanswered' ? outcome.detail : outcome.last_line}`,
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
  throw new FfError('option_invalid', `The parameter ${name} of the item is not a list of words.`, {
    hint: 'Set it to a program and its arguments, as in checklists/templates/team_commands.json.',
  })
}
