import { join } from 'node:path'
import { importEvidence, listEvidence, sealEvidence } from '../features/gate/evidence.ts'
import { escapeLine } from '../core/text/terminal.ts'
import type { Context, Invocation } from './context.ts'
import type { EVIDENCE, EVIDENCE_LIST, EVIDENCE_SEAL } from './declarations/options.ts'
import { buildGateRequest } from './gate.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff evidence list`: prints a report on every log and every runner that needs one, and sets its exit. Changes
 * nothing.
 * @throws FfError `artefact_invalid`, `setting_invalid`, `checklist_loosened`, `waiver_altered`,
 * `evidence_unreadable`, `evidence_old_form`, and the errors of `runReportCommand`, such as `output_failed`
 */
export const runEvidenceList = (invocation: Invocation<typeof EVIDENCE_LIST>): Promise<void> =>
  runReportCommand(invocation, async () => {
    const { context, options } = invocation
    return listEvidence(await buildGateRequest(context, options), context.adapters)
  })

/**
 * `ff evidence import FOLDER`: takes over the logs of a folder into `--evidence`, else `.ff/evidence`, prints what was
 * done for each, and ends `ok`.
 * @throws FfError `nothing_to_check` without a log there, `evidence_untrusted`, `evidence_forked`,
 * `evidence_unreadable`, `evidence_old_form`, `evidence_unwritable`, `disk_full`, `evidence_locked`,
 * `backing_unavailable` without `flock`
 */
export async function runEvidenceImport({
  context,
  options,
  words,
}: Invocation<typeof EVIDENCE>): Promise<void> {
  const into = getEvidenceFolder(context, options)
  await printLines(context, await importEvidence(words[0] ?? '', into, context.adapters))
}

/**
 * `ff evidence seal`: renews the head of this runner's log, prints it as FF_EVIDENCE_HEAD takes it, and ends `ok`. The
 * key is that of FF_RUNNER_KEY_FILE, else `.ff/runner.pem`, which is made if it is missing.
 * @throws FfError `log_not_here`, `option_invalid` for `--first` where there is a log, `setting_invalid`,
 * `artefact_invalid`, `runner_key_invalid`, `key_file_loose`, `clock_set_back`, `trust_refused`, `evidence_locked`,
 * `evidence_untrusted`, `evidence_unreadable`, `evidence_old_form`, `evidence_unwritable`, `disk_full`,
 * `backing_unavailable` without `flock`
 */
export async function runEvidenceSeal({
  context,
  options,
}: Invocation<typeof EVIDENCE_SEAL>): Promise<void> {
  const { root, cwd, env, adapters, now } = context
  const { FF_RUNNER_KEY_FILE, FF_TRUST_SHA256 } = (await loadSettings(env, cwd)).values
  const lines = await sealEvidence(
    {
      folder: { root, cwd, checklist: null },
      evidence: getEvidenceFolder(context, options),
      key: {
        path: FF_RUNNER_KEY_FILE ?? join(cwd, '.ff', 'runner.pem'),
        make: FF_RUNNER_KEY_FILE === null,
      },
      first: options.first,
      trust_pin: FF_TRUST_SHA256,
      now,
    },
    adapters,
  )
  await printLines(context, lines)
}

const getEvidenceFolder = (
  { cwd }: Context,
  { evidence }: Invocation<typeof EVIDENCE>['options'],
): string => evidence ?? join(cwd, '.ff', 'evidence')

async function printLines(context: Context, lines: readonly string[]): Promise<void> {
  await context.io.stdout(lines.map((line) => `${escapeLine(line)}\n`).join(''))
  context.exit = 'ok'
}
