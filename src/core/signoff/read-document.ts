import { canonicalize, findJsonProblems } from '../json/canonical.ts'
import { nodeToValue } from '../json/plain.ts'
import { type JsonNode, parseLosslessJson } from '../json/read.ts'
import { parseInstant } from '../rows/instant.ts'
import type { SignedDocuments, ShapeResult, SignoffDependencies } from './types.ts'

/**
 * Parses a JSON text and checks it against I-JSON, its times and its schema, in this order; on failure returns the
 * first fault as text. The times are checked to exist, not compared with now.
 */
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

/**
 * Checks a signed document that is already parsed as JSON against I-JSON, its times and its schema, in this order.
 * Returns its value, or the first fault as text.
 */
export function checkNodeShape<K extends keyof SignedDocuments>(
  kind: K,
  node: JsonNode,
  shape: SignoffDependencies['shape'],
): ShapeResult<SignedDocuments[K]> {
  const [problem] = findJsonProblems(node)
  if (problem !== undefined) return { ok: false, detail: `${problem.code} at ${problem.pointer}` }
  const value = nodeToValue(node)
  const invalidTime = findInvalidTime(value)
  return invalidTime === null
    ? shape(kind, value)
    : { ok: false, detail: `${invalidTime} is not a valid date and time` }
}

const LOOKS_LIKE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
/** The first text with the form of a time that does not exist, such as 30 February, which a pattern cannot detect. */
function findInvalidTime(value: unknown): string | null {
  if (typeof value === 'string')
    return LOOKS_LIKE_TIME.test(value) && parseInstant(value) === undefined ? value : null
  if (typeof value !== 'object' || value === null) return null
  for (const one of Object.values(value)) {
    const found = findInvalidTime(one)
    if (found !== null) return found
  }
  return null
}

/** RFC 8785 form of a value that this program built. @throws Error where it is not I-JSON, which is a bug */
export function canonicalizeObject(value: object): string {
  const read = parseLosslessJson(JSON.stringify(value))
  const canonical = read.ok ? canonicalize(read.node) : null
  if (canonical?.ok !== true) throw new Error('a document that this program built is not I-JSON')
  return canonical.text
}
