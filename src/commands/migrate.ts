import {
  migrateDown,
  type MigrateRequest,
  migrateStatus,
  migrateUp,
  migrateVerify,
  type StepRequest,
} from '../features/migrate/migrate.ts'
import { newMigration } from '../features/migrate/new-migration.ts'
import { nameEnvironment } from '../core/auth/environment.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { FfError } from '../errors.ts'
import type { CommandCall, Invocation } from './context.ts'
import type { DATABASE, STEPS, STEPS_UP } from './declarations/options.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff migrate up`: applies the pending migrations, up to `--to`, with `--adopt` under a new place, or with `--dry-run`
 * prints their SQL only; prints a report and sets its exit.
 * @throws FfError `migration_edited`, `migration_unknown`, `migration_failed`, `migration_invalid`,
 * `migration_locked`, `place_refused`, `target_invalid`, `secret_in_option`, `setting_invalid`, `artefact_invalid`,
 * the errors of the database, and those of `runReportCommand`, such as `output_failed`
 */
export const runMigrateUp = (invocation: Invocation<typeof STEPS_UP>): Promise<void> =>
  runReportCommand(invocation, async (signal) => {
    const { adopt } = invocation.options
    return migrateUp({ ...(await toSteps(invocation, signal)), adopt })
  })
/**
 * `ff migrate down`: undoes the newest migration, or all after `--to`; `--dry-run` prints the SQL only. Prints a
 * report and sets its exit.
 * @throws FfError `rows_would_be_lost` where a step would delete rows, `migration_edited`, `migration_unknown`,
 * `migration_failed`, `migration_invalid`, `migration_locked`, `place_refused`, `target_invalid`, `secret_in_option`,
 * `setting_invalid`, `artefact_invalid`, the errors of the database, and those of `runReportCommand`, such as
 * `output_failed`
 */
export const runMigrateDown = (invocation: Invocation<typeof STEPS>): Promise<void> =>
  runReportCommand(invocation, async (signal) => migrateDown(await toSteps(invocation, signal)))
/**
 * `ff migrate status`: prints a report on the applied and the pending migrations, and sets its exit, `not_ready` where
 * one is pending. Changes nothing.
 * @throws FfError `migration_edited`, `migration_unknown`, `target_invalid`, `secret_in_option`, `setting_invalid`,
 * `artefact_invalid`, the errors of the database, and those of `runReportCommand`, such as `output_failed`
 */
export const runMigrateStatus = (invocation: Invocation<typeof DATABASE>): Promise<void> =>
  runReportCommand(invocation, async (signal) => migrateStatus(await toRequest(invocation, signal)))
/**
 * `ff migrate verify`: compares the live catalogue with the contract, prints a report and sets its exit, `no_go` where
 * they differ. Changes nothing.
 * @throws FfError `migration_edited`, `migration_unknown`, `target_invalid`, `secret_in_option`, `setting_invalid`,
 * `artefact_invalid`, the errors of the database, and those of `runReportCommand`, such as `output_failed`
 */
export const runMigrateVerify = (invocation: Invocation<typeof DATABASE>): Promise<void> =>
  runReportCommand(invocation, async (signal) => migrateVerify(await toRequest(invocation, signal)))

/**
 * `ff migrate new NAME`: writes an empty migration after the last one, prints its path and the next step, and ends
 * `ok`.
 * @throws FfError `migration_invalid` for a name not of at most 60 lower-case letters, digits and underscores, and
 * outside of the repository of ff; `artefact_invalid` for an invalid present migration; the errors of the write
 */
export async function runMigrateNew({ context, words }: Invocation): Promise<void> {
  await context.io.stdout(`${await newMigration(context.root, words[0] ?? '')}\n`)
  context.exit = 'ok'
}

async function toSteps(
  invocation: Invocation<typeof STEPS>,
  signal: AbortSignal,
): Promise<StepRequest> {
  const { env, cwd } = invocation.context
  const { to, dryRun } = invocation.options
  const environment = nameEnvironment((await loadSettings(env, cwd)).values)
  return { ...(await toRequest(invocation, signal)), to, dryRun, environment, adopt: false }
}

async function toRequest(
  invocation: Invocation<typeof DATABASE>,
  signal: AbortSignal,
): Promise<MigrateRequest> {
  const { root, adapters } = invocation.context
  return { root, database: await resolveDatabaseTarget(invocation), signal, adapters }
}

/**
 * The target of `--database`, else of FF_DATABASE_URL; connects to nothing.
 *
 * @throws FfError `target_invalid` without either or for a bad text, `secret_in_option` for a password in the option,
 * `setting_invalid` for a bad configuration file
 */
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
