import { join } from 'node:path'
import { exportAudit } from '../app/audit/export.ts'
import { readSigner } from '../app/audit/signer.ts'
import type { HeadTrust } from '../app/audit/signed-heads.ts'
import { tailRecords } from '../app/audit/tail.ts'
import { verifyAudit } from '../app/audit/verify.ts'
import { verifyExport } from '../app/audit/verify-export.ts'
import { loadPersistence } from '../app/persistence-inputs.ts'
import { resolveTarget } from '../app/targets.ts'
import { ended } from '../concurrency/ended.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import { fromMilliseconds } from '../core/state/instant.ts'
import { type ExitName, FfError } from '../errors.ts'
import { RECORD_LINES } from '../reports/audit-text.ts'
import type { Invocation } from './context.ts'
import { databaseTarget } from './migrate.ts'
import { progressTo } from './progress.ts'
import { runReport } from './run-report.ts'
import { readSettings } from './settings.ts'
import { wholeNumber } from './whole-number.ts'

const MOST_LINES = 10_000
const LINES = 10
const MOST_SINCE = 9_999_999_999

/** `ff audit verify` */
export const verify = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => {
    const { options } = invocation
    const trust = await trustOf(invocation)
    if (options.export !== undefined) {
      refuseBoth(options.database ?? options.store ?? options.head, '--export')
      return verifyExport({ ...trust, path: options.export, signal })
    }
    return verifyAudit({
      ...trust,
      target: await trailTarget(invocation),
      head: options.head ?? null,
      signal,
      progress: progressTo(invocation, 'records'),
    })
  })

/** `ff audit export` */
export const exportTo = (invocation: Invocation): Promise<void> =>
  runReport(invocation, async (signal) => {
    const { context, options } = invocation
    const { root, cwd, env, now, adapters } = context
    const { FF_RUNNER_KEY_FILE } = await readSettings(env, cwd)
    const { out: folder, since, signerCmd: command = null, runner = [] } = options
    if (folder === undefined)
      throw new FfError('option_invalid', '--out was not given.', {
        hint: 'Name the folder that the batch and its head go to.',
      })
    const key = options.key ?? FF_RUNNER_KEY_FILE.value ?? join(cwd, '.ff', 'runner.pem')
    return exportAudit({
      root,
      target: await trailTarget(invocation),
      folder,
      since:
        since === undefined ? null : wholeNumber('--since', since, { least: 0, most: MOST_SINCE }),
      signer: await readSigner({ key, command, runner: runner[0] ?? null }, adapters),
      now,
      adapters,
      signal,
      progress: progressTo(invocation, 'records'),
    })
  })

/** `ff audit tail` */
export async function tail(invocation: Invocation): Promise<void> {
  const { context, options } = invocation
  const { adapters, io, root, onSignal } = context
  const line = lineOf(options.format ?? 'text')
  const { lines = String(LINES), follow = false } = options
  const most = wholeNumber('--lines', lines, { most: MOST_LINES })
  const { versions } = await loadPersistence(root)
  const trail = await adapters.openTrail(await trailTarget(invocation), versions)
  const controller = new AbortController()
  const stop = onSignal((name) => controller.abort(name))
  const { signal } = controller
  try {
    for await (const records of tailRecords(trail, { lines: most, follow, signal }))
      await io.stdout(records.map(line).join(''))
    context.exit = endOf(signal)
  } finally {
    stop()
    await trail.close()
  }
}

/** Somebody who follows is done when asked to end (page 8). */
const endOf = (signal: AbortSignal): ExitName => {
  const ending = ended(signal)
  return ending === null || ending === 'terminated' ? 'ok' : ending
}

function lineOf(format: string): (typeof RECORD_LINES)[keyof typeof RECORD_LINES] {
  if (Object.hasOwn(RECORD_LINES, format)) return RECORD_LINES[format as keyof typeof RECORD_LINES]
  throw new FfError('option_invalid', `"${format}" is no format for this command.`, {
    hint: `The formats are ${Object.keys(RECORD_LINES).join(' and ')}.`,
  })
}

/** The store that `--store` names, else the database. */
async function trailTarget(invocation: Invocation): Promise<TargetSpec> {
  const { context, options } = invocation
  if (options.store === undefined) return databaseTarget(invocation)
  refuseBoth(options.database, '--store')
  return resolveTarget(options.store, context.env)
}

function refuseBoth(other: string | undefined, option: string): void {
  if (other === undefined) return
  throw new FfError('option_invalid', `${option} was given with another trail beside it.`, {
    hint: 'Name one: --database, --store, or what was exported with --export.',
  })
}

async function trustOf({ context, options }: Invocation): Promise<HeadTrust> {
  const { root, cwd, env, now, adapters } = context
  const { FF_TRUST_SHA256 } = await readSettings(env, cwd)
  return {
    root,
    cwd,
    runners: options.runner ?? [],
    pin: FF_TRUST_SHA256.value,
    now: fromMilliseconds(now().getTime()),
    adapters,
  }
}
