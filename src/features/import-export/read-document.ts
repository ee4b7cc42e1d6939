import { readTextFile } from '../../artefacts/read-text.ts'
import { type JsonNode, parseLargeJson } from '../../core/json/read.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'

/** 64 MiB; the whole document is held in memory. */
const MAX_BYTES = 67_108_864

/** A fault of a document as a whole. */
interface DocumentFault {
  readonly code: 'utf8_invalid' | 'byte_order_mark' | 'too_deep'
  readonly detail: string
}
/** The flag file of another service; `node` is null if it cannot be parsed. */
interface Document {
  readonly node: JsonNode | null
  readonly faults: readonly DocumentFault[]
}

/**
 * Reads the flag file of another service without loss: numbers and repeated members stay as they are written. `faults`
 * lists a byte order mark, which is removed, and the reason where `node` is null: bytes that are not UTF-8, or a
 * document that is nested too deep.
 *
 * @throws FfError `artefact_invalid` if the file cannot be read, exceeds 64 MiB or is not a JSON document
 *   (a YAML document where its name ends in `.yaml` or `.yml`)
 */
export async function readImportDocument(
  path: string,
  { readYaml }: Pick<Adapters, 'readYaml'>,
): Promise<Document> {
  const read = await readTextFile(path, path, MAX_BYTES)
  if (!read.ok) {
    // Bytes that are not UTF-8 have no lines and columns to report.
    if (read.problem.code === 'utf8_invalid')
      return { node: null, faults: [{ code: 'utf8_invalid', detail: 'the file' }] }
    throw makeUnreadableError(path, `${read.problem.code} (${read.problem.detail})`)
  }
  const hasMark = read.text.startsWith('\ufeff')
  const mark: readonly DocumentFault[] = hasMark
    ? [{ code: 'byte_order_mark', detail: 'the file' }]
    : []
  const text = hasMark ? read.text.slice(1) : read.text
  if (/\.ya?ml$/i.test(path)) {
    const yaml = await readYaml(text)
    if (yaml.ok) return { node: yaml.node, faults: mark }
    throw makeUnreadableError(path, 'it is not one YAML document without doubt', yaml.problems)
  }
  const json = parseLargeJson(text)
  if (json.ok) return { node: json.node, faults: mark }
  const place = `line ${json.line}, column ${json.column}`
  if (json.code !== 'json_too_deep')
    throw makeUnreadableError(path, `${json.code} at ${place}${describeWord(text, json)}`)
  return { node: null, faults: [...mark, { code: 'too_deep', detail: place }] }
}

/** The word at the place of the fault: JSON has no `NaN`, which `json.dumps` of Python writes. */
function describeWord(
  text: string,
  { line, column }: { readonly line: number; readonly column: number },
): string {
  const [word] = /^-?[A-Za-z]+/.exec((text.split('\n')[line - 1] ?? '').slice(column - 1)) ?? []
  if (word === undefined) return ''
  return `: ${word.slice(0, 20)} is no JSON value; wanted: true, false, null, a number, or a text in quotes`
}

const makeUnreadableError = (
  path: string,
  what: string,
  details: readonly string[] = [],
): FfError =>
  new FfError('artefact_invalid', `Cannot read ${path}: ${what}.`, {
    hint: 'Name a readable JSON or YAML (.yaml, .yml) document of at most 64 MiB.',
    details,
  })
