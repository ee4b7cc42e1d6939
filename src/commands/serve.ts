import { startHarness } from '../app/serve-harness.ts'
import { type Service, startService } from '../app/serve.ts'
import { SAMPLE_FLAG } from '../app/service/sample.ts'
import { resolveTarget } from '../app/targets.ts'
import type { ExitName } from '../errors.ts'
import { FfError } from '../errors.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { adminTexts } from './admin-texts.ts'
import { authTexts } from './auth-texts.ts'
import type { Env, Invocation } from './context.ts'
import type { SERVING } from './declarations/options.ts'
import { readSettings, type Settings } from './settings.ts'

/** `ff serve`: until SIGTERM or Ctrl-C, which let what is under way come to its end. */
export async function serve({ context, options }: Invocation<typeof SERVING>): Promise<void> {
  const { env, cwd, root, adapters, io, now } = context
  const settings = await readSettings(env, cwd)
  const ended = new Promise<ExitName>((resolve) => {
    context.onSignal((name) => resolve(name === 'terminated' ? 'ok' : name))
  })
  const log = await adapters.openLog(io.stderr)
  const shared = { root, adapters, now, log, serve: serveTexts(settings) }
  const service = options.harness
    ? await startHarness({ ...shared, database: () => namedDatabase(settings, env) })
    : await startService({
        ...shared,
        auth: authTexts(settings),
        admin: adminTexts(settings),
        database: () => databaseOf(settings, env),
      })
  try {
    await io.stdout(greeting(service))
    context.exit = await ended
  } finally {
    await service.close()
  }
}

const serveTexts = (settings: Settings) => ({
  env: settings.FF_ENV.value,
  backing: settings.FF_BACKING.value,
  store_dir: settings.FF_STORE_DIR.value,
  listen: settings.FF_LISTEN.value,
  admin_listen: settings.FF_ADMIN_LISTEN.value,
  digest_key_file: settings.FF_AUDIT_DIGEST_KEY_FILE.value,
})

const namedDatabase = (settings: Settings, env: Env): TargetSpec | null =>
  settings.FF_DATABASE_URL.value === null ? null : resolveTarget('env:FF_DATABASE_URL', env)

function databaseOf(settings: Settings, env: Env): TargetSpec {
  const named = namedDatabase(settings, env)
  if (named !== null) return named
  throw new FfError('target_invalid', 'FF_BACKING is db, and FF_DATABASE_URL is not set.', {
    hint: "Set it to the connection string of the service's own role.",
  })
}

/** Where it listens, and something to try. */
function greeting({ origin, admin_origin, sample }: Service): string {
  const question = `curl -s ${origin}/v1/flags/evaluate -H 'content-type: application/json' -d '{"flag_key":"${SAMPLE_FLAG}"}'`
  return [
    `Listening on ${origin}`,
    ...(admin_origin === null ? [] : [`Health and metrics on ${admin_origin}`]),
    ...(sample
      ? ['FF_STORE_DIR is not set: sample flags, gone when this ends. Try:', `  ${question}`]
      : []),
    '',
  ].join('\n')
}
