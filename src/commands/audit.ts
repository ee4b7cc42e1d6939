import { join } from 'node:path'
import { exportAudit } from '../features/audit/export.ts'
import { openSigner } from '../features/audit/signer.ts'
import type { HeadTrust } from '../features/audit/signed-heads.ts'
import { tailRecords } from '../features/audit/tail.ts'
import { verifyAudit } from '../features/audit/verify.ts'
import { verifyExport } from '../features/audit/verify-export.ts'
import { loadPersistence } from '../features/migrate/load-persistence.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import { getEnding } from '../concurrency/ended.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { instantFromMs } from '../core/rows/instant.ts'
import type { ExitName } from '../core/exit.ts'
import { FfError } from '../errors.ts'
import { RECORD_LINES } from '../reports/audit-text.ts'
import type { Invocation } from './context.ts'
import type { AUDIT_EXPORT, AUDIT_TAIL, AUDIT_VERIFY, TRAIL } from './declarations/options.ts'
import { resolveDatabaseTarget } from './migrate.ts'
import { createProgressLine } from './progress.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff audit verify`: prints a report on an exported trail (`--export`), or on the trail of a store or database, and
 * sets its exit. Changes nothing; shows its progress on stderr.
 * @throws FfError `option_invalid` for two trails, `target_invalid`, `secret_in_option`, `setting_invalid`,
 * `artefact_invalid`, the errors of the store, and those of `runReportCommand`, such as `output_failed`
 */
export const runAuditVerify = (invocation: Invocation<typeof AUDIT_VERIFY>): Promise<void> =>
  runReportCommand(invocation, async (signal) => {
    const { options } = invocation
    const trust = await readTrust(invocation)
    if (options.export !== null) {
      refuseBoth(options.database ?? options.store ?? options.head, '--export')
      return verifyExport({ ...trust, path: options.export, signal })
    }
    return verifyAudit({
      ...trust,
      target: await resolveTrailTarget(invocation),
      head: options.head,
      signal,
      progress: createProgressLine(invocation, 'records'),
    })
  })

/**
 * `ff audit export`: writes the new records of the trail and its signed head into the folder of `--out`, prints a
 * report and sets its exit. The key is that of `--key`, else FF_RUNNER_KEY_FILE, else `.ff/runner.pem`, or
 * `--signer-cmd` signs.
 * @throws FfError `export_locked`, `audit_altered`, `option_invalid`, `file_exists`, `disk_full`, `output_failed`,
 * `backing_unavailable` without `flock`, `runner_key_invalid` and others of the signer, `target_invalid`,
 * `secret_in_option`, `setting_invalid`, `artefact_invalid`, the errors of the store, and those of `runReportCommand`
 */
export const runAuditExport = (invocation: Invocation<typeof AUDIT_EXPORT>): Promise<void> =>
  runReportCommand(invocation, async (signal) => {
    const { context, options } = invocation
    const { root, cwd, env, now, adapters } = context
    const { FF_RUNNER_KEY_FILE } = (await loadSettings(env, cwd)).values
    const { out: folder, since, signerCmd: command, runner } = options
    const key = options.key ?? FF_RUNNER_KEY_FILE ?? join(cwd, '.ff', 'runner.pem')
    return exportAudit({
      root,
      target: await resolveTrailTarget(invocation),
      folder,
      since,
      signer: await openSigner({ key, command, runner: runner[0] ?? null }, adapters),
      now,
      adapters,
      signal,
      progress: createProgressLine(invocation, 'records'),
    })
  })

/**
 * `ff audit tail`: prints the last records, one line each, and with `--follow` new ones until a signal. Ends `ok`,
 * also by SIGTERM; `interrupted` by Ctrl-C.
 * @throws FfError `option_invalid` for `--store` with `--database`, `target_invalid`, `secret_in_option`,
 * `setting_invalid`, `audit_altered` at an entry that is no record, and the errors of the store
 */
export async function runAuditTail(invocation: Invocation<typeof AUDIT_TAIL>): Promise<void> {
  const { context, options } = invocation
  const { adapters, io, root, onSignal } = context
  const { lines, follow, format } = options
  const needs = await loadPersistence(root)
  const trail = await adapters.openTrail(await resolveTrailTarget(invocation), needs)
  const controller = new AbortController()
  const stop = onSignal((name) => controller.abort(name))
  const { signal } = controller
  try {
    for await (const records of tailRecords(trail, { lines, follow, signal }))
      await io.stdout(records.map(RECORD_LINES[format]).join(''))
    context.exit = getEnd(signal)
  } finally {
    stop()
    await trail.close()
  }
}

/** `--follow` ends by SIGTERM, so SIGTERM is a success. */
const getEnd = (signal: AbortSignal): ExitName => {
  const ending = getEnding(signal)
  return ending === null || ending === 'terminated' ? 'ok' : ending
}

/** The store of `--store`, else the database. @throws FfError `option_invalid` for both, and as `parseTargetOrThrow` */
export async function resolveTrailTarget(
  invocation: Invocation<typeof TRAIL>,
): Promise<TargetSpec> {
  const { context, options } = invocation
  if (options.store === null) return resolveDatabaseTarget(invocation)
  refuseBoth(options.database, '--store')
  return parseTargetOrThrow(options.store, context.env)
}

function refuseBoth(other: string | null, option: string): void {
  if (other === null) return
  throw new FfError('option_invalid', `${option} selects a trail, and so does another option.`, {
    hint: 'Give one of --database, --store and --export.',
  })
}

async function readTrust({
  context,
  options,
}: Invocation<typeof AUDIT_VERIFY>): Promise<HeadTrust> {
  const { root, cwd, env, now, adapters } = context
  const { FF_TRUST_SHA256 } = (await loadSettings(env, cwd)).values
  return {
    root,
    cwd,
    runners: options.runner,
    pin: FF_TRUST_SHA256,
    now: instantFromMs(now().getTime()),
    adapters,
  }
}
