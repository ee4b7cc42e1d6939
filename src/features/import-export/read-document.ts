import { readTextFile } from '../../artefacts/read-text.ts'
import { type JsonNode, parseLosslessJson } from '../../core/json/read.ts'
import { FfError } from '../../errors.ts'

/** A whole document is held in memory while it is looked at. */
const MAX_BYTES = 67_108_864

/** What is wrong with a document as a whole. */
interface DocumentFault {
  readonly code: 'utf8_invalid' | 'byte_order_mark' | 'too_deep'
  readonly detail: string
}
/** The real file of a service; its node is null where it could not be taken apart. */
interface Document {
  readonly node: JsonNode | null
  readonly faults: readonly DocumentFault[]
}

/**
 * Reads the real file of a service without loss.
 *
 * @throws FfError `artefact_invalid` where it is no JSON document that can be looked at
 */
export async function readImportDocument(path: string): Promise<Document> {
  const read = await readTextFile(path, path, MAX_BYTES)
  if (!read.ok) {
    // Nothing more can be said of bytes that are no text.
    if (read.problem.code === 'utf8_invalid')
      return { node: null, faults: [{ code: 'utf8_invalid', detail: 'the file' }] }
    throw unusable(path, `${read.problem.code} (${read.problem.detail})`)
  }
  const marked = read.text.startsWith('\ufeff')
  const mark: readonly DocumentFault[] = marked
    ? [{ code: 'byte_order_mark', detail: 'the file' }]
    : []
  const json = parseLosslessJson(marked ? read.text.slice(1) : read.text)
  if (json.ok) return { node: json.node, faults: mark }
  const place = `line ${json.line}, column ${json.column}`
  if (json.code !== 'json_too_deep') throw unusable(path, `${json.code} at ${place}`)
  return { node: null, faults: [...mark, { code: 'too_deep', detail: place }] }
}

const unusable = (path: string, what: string): FfError =>
  new FfError('artefact_invalid', `${path} cannot be looked at: ${what}.`, {
    hint: 'Name a JSON document of at most 64 MiB that you may read.',
  })
