import {
  migrateDown,
  type MigrateRequest,
  migrateStatus,
  migrateUp,
  migrateVerify,
  type StepRequest,
} from '../app/migrate.ts'
import { newMigration } from '../app/new-migration.ts'
import { resolveTarget } from '../app/targets.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { FfError } from '../errors.ts'
import type { Invocation } from './context.ts'
import { runReport } from './run-report.ts'
import { readSettings } from './settings.ts'

export const up = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => migrateUp(await toSteps(invocation, signal)))
export const down = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => migrateDown(await toSteps(invocation, signal)))
export const status = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => migrateStatus(await toRequest(invocation, signal)))
export const verify = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => migrateVerify(await toRequest(invocation, signal)))

export async function begin({ context, words }: Invocation): Promise<void> {
  await context.io.stdout(`${await newMigration(context.root, words[0] ?? '')}\n`)
  context.exit = 'ok'
}

async function toSteps(invocation: Invocation, signal: AbortSignal): Promise<StepRequest> {
  const { to, dryRun = false } = invocation.options
  return {
    ...(await toRequest(invocation, signal)),
    to: to === undefined ? null : parseVersion(to),
    dryRun,
  }
}

async function toRequest(invocation: Invocation, signal: AbortSignal): Promise<MigrateRequest> {
  const { root, adapters } = invocation.context
  return { root, database: await databaseTarget(invocation), signal, adapters }
}

/** What `--database` names, or FF_DATABASE_URL. @throws FfError `target_invalid` where neither is given */
export async function databaseTarget({ context, options }: Invocation): Promise<TargetSpec> {
  const { env, cwd } = context
  const settings = await readSettings(env, cwd)
  if (options.database === undefined && settings.FF_DATABASE_URL.value === null) {
    throw new FfError('target_invalid', 'No database was named.', {
      hint: 'Set FF_DATABASE_URL, or give --database.',
    })
  }
  return resolveTarget(options.database ?? 'env:FF_DATABASE_URL', env)
}

function parseVersion(text: string): number {
  if (/^[0-9]{1,4}$/.test(text)) return Number(text)
  throw new FfError('option_invalid', `"${text}" is not a version.`, {
    hint: 'Versions are the numbers that migration files begin with.',
  })
}
