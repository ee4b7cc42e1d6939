import { join } from 'node:path'
import { readTextFile } from '../../artefacts/read-text.ts'
import { detectFormat } from '../../core/import-mapping/detect-format.ts'
import { suggestMapping } from '../../core/import-mapping/suggest.ts'
import { quoteForShell } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { readImportDocument } from './read-document.ts'

/** A mapping to begin with, as a text, and the format that it was made for; null for a guess from the file. */
export interface MappingSuggestion {
  readonly text: string
  readonly format: string | null
}

/**
 * `ff mapping suggest FILE`: the ready mapping of a known format, or a guess from the shape of the file, with a note on
 * each guess and a gap for what the file does not tell. Writes nothing.
 *
 * @param root the folder of the package, for the ready mappings
 * @throws FfError `artefact_invalid` for a file that is no readable document, or an incomplete package;
 *   `nothing_to_check` for a file in which no flags are found
 */
export async function suggestMappingFor(
  root: string,
  path: string,
  adapters: Pick<Adapters, 'readYaml'>,
): Promise<MappingSuggestion> {
  const { node, faults } = await readImportDocument(path, adapters)
  if (node === null)
    throw new FfError('artefact_invalid', `Cannot read ${path}: ${faults.at(-1)?.code}.`, {
      hint: `Run \`ff parity preflight ${quoteForShell(path)}\` to see where.`,
    })
  const format = detectFormat(node)
  if (format !== null) return { text: await readReadyMapping(root, format), format }
  const mapping = suggestMapping(node)
  if (mapping !== null) return { text: `${JSON.stringify(mapping, null, 2)}\n`, format }
  throw new FfError('nothing_to_check', `No flags are found in ${path}.`, {
    hint: 'Write a mapping by docs/reference/import.md; contracts/examples/incumbent/mapping.json is an example.',
  })
}

async function readReadyMapping(root: string, format: string): Promise<string> {
  const path = join(root, 'contracts/mappings', `${format}.json`)
  const read = await readTextFile(path, path)
  if (read.ok) return read.text
  throw new FfError('artefact_invalid', `Cannot read ${path}: ${read.problem.code}.`, {
    hint: 'Install the package again.',
  })
}
