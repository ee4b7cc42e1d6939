import { canonicalizeObject, parseSignedDocument } from './read-document.ts'
import type { DecisionFile, ShapeResult, SignoffDependencies, BoundSubject } from './types.ts'
import { BOUND_SUBJECTS } from './types.ts'

/**
 * The text of decision.json: RFC 8785 form and a line feed; kind and schema version are added.
 *
 * @throws Error where it is not I-JSON, which is a bug
 */
export const packDecision = (decision: Omit<DecisionFile, 'kind' | 'schemaVersion'>): string =>
  `${canonicalizeObject({ kind: 'gate_decision', schemaVersion: 1, ...decision })}\n`

/**
 * Parses decision.json and checks its schema and times, or returns the first fault as text; its content is not verified
 * yet.
 */
export const unpackDecision = (
  text: string,
  tools: SignoffDependencies,
): ShapeResult<DecisionFile> => parseSignedDocument('gate_decision', text, tools)

/**
 * The digest of each bound file by its name: SHA-256 in hexadecimal of its UTF-8 bytes; a missing file (null) counts as
 * empty.
 */
export const subjectDigests = (
  files: Readonly<Record<BoundSubject, string | null>>,
  { sha256 }: SignoffDependencies,
): Readonly<Record<BoundSubject, string>> =>
  Object.fromEntries(BOUND_SUBJECTS.map((name) => [name, sha256(files[name] ?? '')])) as Record<
    BoundSubject,
    string
  >
