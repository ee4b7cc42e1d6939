import { startHarness } from '../features/serve/serve-harness.ts'
import { type Service, startService } from '../features/serve/serve.ts'
import { SAMPLE_FLAG } from '../features/serve/sample.ts'
import type { ExitName } from '../core/exit.ts'
import type { Invocation } from './context.ts'
import type { OptionsOf } from './declarations/option.ts'
import type { SERVING } from './declarations/serve-options.ts'
import { readRunningVersion } from './running-version.ts'
import { loadSettings } from './settings.ts'
import { listUnknownVariables } from './unknown-variables.ts'

/**
 * `ff serve`: prints its addresses, serves until SIGTERM or SIGHUP (`ok`) or Ctrl-C (`interrupted`), then drains open
 * requests; SIGUSR2 reads the TLS certificate again. Logs to stderr. With `--harness` it serves scratch state, which it
 * deletes at the end.
 * @throws FfError `setting_invalid`, `target_invalid`, `secret_in_option`, `artefact_invalid`, `listen_failed`, and
 * the errors of the store
 */
export async function runServe({ context, options }: Invocation<typeof SERVING>): Promise<void> {
  const { env, cwd, root, adapters, io, now } = context
  const loaded = await loadSettings({ ...env, ...toSettings(options) }, cwd)
  const { values: settings } = loaded
  const ended = new Promise<ExitName>((resolve) => {
    context.onSignal((name) => resolve(name === 'terminated' ? 'ok' : name))
  })
  const log = await adapters.openServiceLog(io.tryStderr)
  for (const { name, meant } of listUnknownVariables(env))
    log.warn({ variable: name, meant }, 'ff has no setting of this name; did you mean the other?')
  const request = { root, adapters, now, log, settings }
  const service = options.harness
    ? await startHarness(request)
    : await startService({ ...request, version: await readRunningVersion(context, loaded) })
  const stop = context.onReload(() => {
    service.reload().catch((error: unknown) => log.error({ error: String(error) }, 'bug'))
  })
  try {
    await io.stdout(formatAddresses(service))
    context.exit = await ended
  } finally {
    stop()
    await service.close(context.exit === 'interrupted' ? { hurry: true } : {})
  }
}

/** An option comes before its setting. */
const toSettings = ({ listen, adminListen }: OptionsOf<typeof SERVING>) => ({
  ...(listen === null ? {} : { FF_LISTEN: listen }),
  ...(adminListen === null ? {} : { FF_ADMIN_LISTEN: adminListen }),
})

/** The addresses of the service, and for sample flags a request to try. */
function formatAddresses({ origin, admin_origin, sample }: Service): string {
  const question = `curl -s ${origin}/v1/flags/evaluate -H 'content-type: application/json' -d '{"flag_key":"${SAMPLE_FLAG}"}'`
  return [
    `Listening on ${origin}`,
    ...(admin_origin === null ? [] : [`Health and metrics on ${admin_origin}`]),
    ...(sample
      ? [
          'FF_STORE_DIR is not set: serving sample flags until this process ends. Try:',
          `  ${question}`,
        ]
      : []),
    '',
  ].join('\n')
}
