import { buildCheckReport } from '../core/report/check-report.ts'
import { judgeMapping } from '../features/import-export/judge-mapping.ts'
import { suggestMappingFor } from '../features/import-export/suggest-mapping.ts'
import { escapeLine } from '../core/text/terminal.ts'
import type { Invocation } from './context.ts'
import type { MAPPING_CHECK } from './declarations/mapping-options.ts'
import { runReportCommand } from './run-report.ts'

/**
 * `ff mapping suggest FILE`: prints a mapping to begin with on stdout, and on stderr what it was made from.
 * @throws FfError those of `suggestMappingFor`, and the error of writing stdout
 */
export async function runMappingSuggest({
  context,
  words,
}: Invocation<readonly []>): Promise<void> {
  const { root, io, adapters } = context
  const [file = ''] = words
  const { text, format } = await suggestMappingFor(root, file, adapters)
  const what =
    format === null
      ? 'Guessed from the shape of the file: check each "note" and fill each "gap".'
      : `The ready mapping for ${format}: check each "note".`
  io.stderr(`${escapeLine(what)}\n`)
  await io.stdout(text)
  context.exit = 'ok'
}

/**
 * `ff mapping check FILE --mapping MAPPING`: reports what an import of the file would refuse, leave behind and change,
 * and sets the exit. Writes nothing and needs no database.
 * @throws FfError those of `judgeMapping`, and of `runReportCommand`, such as `output_failed`
 */
export const runMappingCheck = (invocation: Invocation<typeof MAPPING_CHECK>): Promise<void> =>
  runReportCommand(invocation, async (signal) => {
    const { context, options, words } = invocation
    const { items } = await judgeMapping({
      file: words[0] ?? '',
      mapping: options.mapping,
      acceptedLosses: options.acceptLoss,
      explain: options.explain,
      signal,
      adapters: context.adapters,
    })
    return buildCheckReport('mapping_check', items)
  })
