import { FfError } from '../errors.ts'
import { escapeLine } from '../core/text/terminal.ts'
import type { Context } from './context.ts'
import { readVersion } from './version.ts'

/** The options of every command about what it says besides its document; undefined where one was not given. */
interface Verbosity {
  readonly quiet?: boolean | undefined
  readonly verbose?: boolean | undefined
  /** False for `--no-pager`. */
  readonly pager?: boolean | undefined
}

/**
 * Runs a command with a context that says as much as was asked for: with `quiet` nothing on stderr, with `verbose` also the
 * version and the settings before it and exit and time behind it. Sets the exit of the given context. Questions on a
 * terminal, the log of a service and errors are not held back.
 * @throws FfError `option_invalid` for both; the errors of `work`
 */
export async function tell(
  context: Context,
  { quiet = false, verbose = false, pager = true }: Verbosity,
  work: (told: Context) => Promise<void>,
): Promise<void> {
  if (quiet && verbose)
    throw new FfError('option_invalid', '--quiet contradicts --verbose.', {
      hint: 'Give one of the two.',
    })
  const { io, now } = context
  const started = now().getTime()
  if (verbose) io.stderr(await describeStart(context))
  const told: Context = {
    ...context,
    io: {
      ...io,
      stderr: quiet ? () => undefined : io.stderr,
      page: pager ? io.page : () => Promise.resolve(false),
    },
  }
  try {
    await work(told)
  } finally {
    context.exit = told.exit
  }
  if (verbose)
    io.stderr(`ended ${context.exit} after ${((now().getTime() - started) / 1000).toFixed(1)} s\n`)
}

/** The version, and each setting that was given, with its origin; no secret. */
async function describeStart({ root, nodeVersion, env, cwd }: Context): Promise<string> {
  const [{ loadSettings }, { formatSetting, listSettings }] = await Promise.all([
    import('./settings.ts'),
    import('./shown-settings.ts'),
  ])
  const given = listSettings(await loadSettings(env, cwd)).filter(({ set }) => set)
  return [
    `ff ${readVersion(root)}, Node.js ${nodeVersion}, in ${cwd}`,
    ...given.map((one) => `${one.name}=${formatSetting(one)} (${one.path ?? one.origin})`),
  ]
    .map((line) => `${escapeLine(line)}\n`)
    .join('')
}
