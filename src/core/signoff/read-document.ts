import { canonicalize, findJsonProblems } from '../json/canonical.ts'
import { nodeToValue } from '../json/plain.ts'
import { type JsonNode, parseLosslessJson } from '../json/read.ts'
import { parseInstant } from '../rows/instant.ts'
import type { SignedDocuments, ShapeResult, SignoffDependencies } from './types.ts'

/** A JSON text as a value of its schema, its times real ones; or the first thing that is wrong with it. */
export function parseSignedDocument<K extends keyof SignedDocuments>(
  kind: K,
  text: string,
  { shape }: Pick<SignoffDependencies, 'shape'>,
): ShapeResult<SignedDocuments[K]> {
  const read = parseLosslessJson(text)
  if (!read.ok)
    return { ok: false, detail: `${read.code} at line ${read.line}, column ${read.column}` }
  return checkNodeShape(kind, read.node, shape)
}

/** The same, of a text that has been read. */
export function checkNodeShape<K extends keyof SignedDocuments>(
  kind: K,
  node: JsonNode,
  shape: SignoffDependencies['shape'],
): ShapeResult<SignedDocuments[K]> {
  const [problem] = findJsonProblems(node)
  if (problem !== undefined) return { ok: false, detail: `${problem.code} at ${problem.pointer}` }
  const value = nodeToValue(node)
  const strange = noInstant(value)
  return strange === null
    ? shape(kind, value)
    : { ok: false, detail: `${strange} is no time that exists` }
}

const LOOKS_LIKE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
/** A text of the form of a time that is none, such as 30 February, which a pattern cannot see. */
function noInstant(value: unknown): string | null {
  if (typeof value === 'string')
    return LOOKS_LIKE_TIME.test(value) && parseInstant(value) === undefined ? value : null
  if (typeof value !== 'object' || value === null) return null
  for (const one of Object.values(value)) {
    const found = noInstant(one)
    if (found !== null) return found
  }
  return null
}

/** RFC 8785 form of plain values of ours. @throws Error where they are not I-JSON: then this program is at fault */
export function canonicalizeObject(value: object): string {
  const read = parseLosslessJson(JSON.stringify(value))
  const made = read.ok ? canonicalize(read.node) : null
  if (made?.ok !== true) throw new Error('a document of our own is not I-JSON')
  return made.text
}
