import { relative } from 'node:path'
import { diffChecklist } from '../features/team-folder/checklist-diff.ts'
import { locateChecklist } from '../features/team-folder/locate-checklist.ts'
import { loadChecklist } from '../features/team-folder/load-gate-files.ts'
import { validateArtefacts } from '../features/setup/validate-artefacts.ts'
import type { ChecklistItem } from '../core/gate/types.ts'
import { FfError } from '../errors.ts'
import {
  formatChecklist,
  formatChecklistDiff,
  formatChecklistItem,
} from '../reports/checklist-text.ts'
import type { Invocation } from './context.ts'
import type { CHECKLIST_DIFF, CHECKLIST_DOCUMENT, REPORT } from './declarations/options.ts'
import { printDocument } from './document.ts'
import { runReportCommand } from './run-report.ts'

/**
 * `ff checklist validate [FILE]`: prints a report on the file, or on the checklist of this folder, else of the
 * package, and sets its exit. A bad checklist is a failed item, not an error.
 * @throws the errors of `runReportCommand`, such as FfError `output_failed`
 */
export const runChecklistValidate = (invocation: Invocation<typeof REPORT>): Promise<void> =>
  runReportCommand(invocation, async () => {
    const { root, cwd } = invocation.context
    const place = await locateChecklist({ root, cwd, checklist: invocation.words[0] ?? null })
    return validateArtefacts(root, [relative(cwd, place.path)])
  })

/**
 * `ff checklist show`: prints the checklist by group, or the artefact as JSON, and ends `ok`.
 * @throws FfError `artefact_invalid`, `checklist_loosened` for a checklist that is looser than the package's
 */
export async function runChecklistShow(
  invocation: Invocation<typeof CHECKLIST_DOCUMENT>,
): Promise<void> {
  const { value } = await readChecklist(invocation)
  await printDocument(invocation, { json: value, text: (width) => formatChecklist(value, width) })
}

/**
 * `ff checklist explain ID`: prints everything about one item, or the item as JSON, and ends `ok`.
 * @throws FfError `option_invalid` for an unknown id, naming the nearest one; `artefact_invalid`, `checklist_loosened`
 */
export async function runChecklistExplain(
  invocation: Invocation<typeof CHECKLIST_DOCUMENT>,
): Promise<void> {
  const { value } = await readChecklist(invocation)
  const item = findItemOrThrow(value.items, invocation.words[0] ?? '')
  await printDocument(invocation, { json: item, text: (width) => formatChecklistItem(item, width) })
}

/**
 * `ff checklist diff`: prints where the checklist departs from the package's, or the list as JSON; with `--take` after
 * writing the package's value in each looser place of its file. Sets the exit `usage` where something looser stands,
 * else `ok`.
 * @throws FfError `artefact_invalid`, `output_failed` where `--take` cannot write
 */
export async function runChecklistDiff(
  invocation: Invocation<typeof CHECKLIST_DIFF>,
): Promise<void> {
  const { context, options } = invocation
  const { root, cwd } = context
  const { checklist, take } = options
  const diff = await diffChecklist({ root, cwd, checklist }, { take })
  await printDocument(invocation, { json: diff, text: () => formatChecklistDiff(diff) })
  if (diff.departures.some(({ kind }) => kind === 'looser')) context.exit = 'usage'
}

const readChecklist = async ({
  context: { root, cwd },
  options: { checklist },
}: Invocation<typeof CHECKLIST_DOCUMENT>) =>
  (await loadChecklist({ root, cwd, checklist })).checklist

function findItemOrThrow(items: readonly ChecklistItem[], id: string): ChecklistItem {
  const found = items.find((one) => one.id === id)
  if (found !== undefined) return found
  const ids = items.map((one) => one.id)
  throw new FfError('option_invalid', `The checklist has no item "${id}".`, {
    hint: '`ff checklist show` lists them.',
    unknown: { name: id, known: ids },
  })
}
