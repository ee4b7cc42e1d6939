import {
  migrateDown,
  type MigrateRequest,
  migrateStatus,
  migrateUp,
  migrateVerify,
  type StepRequest,
} from '../features/migrate/migrate.ts'
import { newMigration } from '../features/migrate/new-migration.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { FfError } from '../errors.ts'
import type { CommandCall, Invocation } from './context.ts'
import type { DATABASE, STEPS } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

export const runMigrateUp = (invocation: Invocation<typeof STEPS>): Promise<void> =>
  runReportCommand(invocation, async (signal) => migrateUp(await toSteps(invocation, signal)))
export const runMigrateDown = (invocation: Invocation<typeof STEPS>): Promise<void> =>
  runReportCommand(invocation, async (signal) => migrateDown(await toSteps(invocation, signal)))
export const runMigrateStatus = (invocation: Invocation<typeof DATABASE>): Promise<void> =>
  runReportCommand(invocation, async (signal) => migrateStatus(await toRequest(invocation, signal)))
export const runMigrateVerify = (invocation: Invocation<typeof DATABASE>): Promise<void> =>
  runReportCommand(invocation, async (signal) => migrateVerify(await toRequest(invocation, signal)))

/** `ff migrate new NAME` */
export async function runMigrateNew({ context, words }: Invocation): Promise<void> {
  await context.io.stdout(`${await newMigration(context.root, words[0] ?? '')}\n`)
  context.exit = 'ok'
}

async function toSteps(
  invocation: Invocation<typeof STEPS>,
  signal: AbortSignal,
): Promise<StepRequest> {
  const { to, dryRun } = invocation.options
  return { ...(await toRequest(invocation, signal)), to, dryRun }
}

async function toRequest(
  invocation: Invocation<typeof DATABASE>,
  signal: AbortSignal,
): Promise<MigrateRequest> {
  const { root, adapters } = invocation.context
  return { root, database: await resolveDatabaseTarget(invocation), signal, adapters }
}

/** The target of `--database`, else of FF_DATABASE_URL. @throws FfError `target_invalid` without either */
export async function resolveDatabaseTarget({
  context,
  options,
}: CommandCall<{ readonly database: string | null }>): Promise<TargetSpec> {
  const { env, cwd } = context
  const { values } = await loadSettings(env, cwd)
  if (options.database !== null) return parseTargetOrThrow(options.database, env)
  if (values.FF_DATABASE_URL !== null) return values.FF_DATABASE_URL
  throw new FfError('target_invalid', 'No database is named.', {
    hint: 'Set FF_DATABASE_URL, or add --database env:FF_DATABASE_URL or --database embedded.',
  })
}
