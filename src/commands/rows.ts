import { exportRows } from '../features/import-export/export-rows.ts'
import { importMapped } from '../features/import-export/import-mapped.ts'
import { importRows } from '../features/import-export/import-rows.ts'
import { parityDiff } from '../features/parity/parity-diff.ts'
import { parseTargetOrThrow } from '../features/parity/resolve-target.ts'
import type { TargetSpec } from '../core/parity/target.ts'
import type { CheckReport } from '../core/report/types.ts'
import { nameEnvironment } from '../core/auth/environment.ts'
import { FfError } from '../errors.ts'
import type { Invocation } from './context.ts'
import type { IMPORT } from './declarations/mapping-options.ts'
import type { DATABASE, PARITY_DIFF } from './declarations/options.ts'
import { resolveDatabaseTarget } from './migrate.ts'
import { toParityRequest } from './parity.ts'
import { createProgressLine } from './progress.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff parity diff`: compares every stored row of both sides, or a sample; prints a report and sets its exit. Writes to
 * neither side.
 * @throws FfError `target_invalid` also for the same store on both sides, `secret_in_option`, `setting_invalid`,
 * `artefact_invalid`, the errors of the stores, and those of `runReportCommand`, such as `output_failed`
 */
export const runParityDiff = (invocation: Invocation<typeof PARITY_DIFF>): Promise<void> =>
  runReportCommand(invocation, async (signal) => {
    const { maxDiffs, sample } = invocation.options
    return parityDiff({
      ...(await toParityRequest(invocation, signal)),
      maxDiffs,
      sample,
      progress: createProgressLine(invocation, 'rows'),
    })
  })

/**
 * `ff import SOURCE`: copies the rows of a file store, or with `--mapping` of a service's own file, into the database
 * or `--into`; `--dry-run` writes none. Prints a report and sets its exit; shows its progress on stderr.
 * @throws FfError `option_invalid` for `--into` without `--mapping` or with `--database`, and for an empty source;
 * `nothing_to_check` where a mapping finds no row; `place_refused` for a database of another environment;
 * `import_locked`, `target_invalid`, `secret_in_option`, `setting_invalid`, `artefact_invalid`, the errors of the
 * stores, and those of `runReportCommand`, such as `output_failed`
 */
export const runImport = (invocation: Invocation<typeof IMPORT>): Promise<void> =>
  runReportCommand(invocation, (signal) =>
    invocation.options.mapping === null
      ? importStore(invocation, signal)
      : importFile(invocation, invocation.options.mapping, signal),
  )

async function importStore(
  invocation: Invocation<typeof IMPORT>,
  signal: AbortSignal,
): Promise<CheckReport> {
  const { context, options, words } = invocation
  if (options.acceptLoss.length > 0 || options.explain !== null)
    throw new FfError('option_invalid', '--accept-loss and --explain need --mapping.', {
      hint: 'Add --mapping FILE, or leave them out.',
    })
  if (options.into !== null)
    throw new FfError('option_invalid', '--into needs --mapping.', {
      hint: 'Add --mapping FILE. To copy a file store, copy its folder while nothing writes to it.',
    })
  return importRows({
    ...(await buildTransfer(invocation, signal)),
    environment: await readEnvironmentName(context),
    source: toSource(words[0] ?? '', context.env),
    dryRun: options.dryRun,
  })
}

async function importFile(
  invocation: Invocation<typeof IMPORT>,
  mapping: string,
  signal: AbortSignal,
): Promise<CheckReport> {
  const { context, options, words } = invocation
  const { root, now, adapters, env } = context
  const { into } = options
  if (into !== null && options.database !== null)
    throw new FfError('option_invalid', '--into and --database both name a destination.', {
      hint: 'Give one of them: --into file:DIR for a new store, or --database.',
    })
  return importMapped({
    root,
    file: words[0] ?? '',
    mapping,
    acceptedLosses: options.acceptLoss,
    explain: options.explain,
    into: into === null ? await resolveDatabaseTarget(invocation) : parseTargetOrThrow(into, env),
    environment: await readEnvironmentName(context),
    dryRun: options.dryRun,
    signal,
    now,
    adapters,
    progress: createProgressLine(invocation, 'rows'),
  })
}

/**
 * `ff export FOLDER`: copies every row of the database into a file store in a folder, which it creates if missing;
 * prints a report and sets its exit. Shows its progress on stderr. Writes the whole store or none: an invalid row, or
 * another number of rows than the server counts, throws nothing but fails the report, and the same folder can be named
 * again.
 * @throws FfError `option_invalid` for a folder that holds a store, `row_refused` where the tables differ from the
 * contract, `target_invalid` without a database or for a target that is none, `secret_in_option`, `setting_invalid`,
 * `artefact_invalid`, the errors of the database and of the new store, and those of `runReportCommand`, such as
 * `output_failed`
 */
export const runExport = (invocation: Invocation<typeof DATABASE>): Promise<void> =>
  runReportCommand(invocation, async (signal) =>
    exportRows({
      ...(await buildTransfer(invocation, signal)),
      folder: invocation.words[0] ?? '',
    }),
  )

const readEnvironmentName = async ({ env, cwd }: Invocation['context']): Promise<string> =>
  nameEnvironment((await loadSettings(env, cwd)).values)

async function buildTransfer(invocation: Invocation<typeof DATABASE>, signal: AbortSignal) {
  const { root, now, adapters } = invocation.context
  const database = await resolveDatabaseTarget(invocation)
  return { root, database, signal, now, adapters, progress: createProgressLine(invocation, 'rows') }
}

/** The source as a target; a text without the prefix of a target is the folder of a file store. */
function toSource(text: string, env: Invocation['context']['env']): TargetSpec {
  if (text === '')
    throw new FfError('option_invalid', 'The name of the source is empty.', {
      hint: 'Name the folder of a file store, as in `ff import store --dry-run`.',
    })
  const target = /^(?:file:|env:|postgres(?:ql)?:|embedded$|file$)/.test(text)
  return target ? parseTargetOrThrow(text, env) : { kind: 'file', folder: text }
}
