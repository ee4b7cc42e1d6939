import { canonicalizeObject, parseSignedDocument } from './read-document.ts'
import type { DecisionFile, ShapeResult, SignoffDependencies, BoundSubject } from './types.ts'
import { BOUND_SUBJECTS } from './types.ts'

/** The text of decision.json: RFC 8785 form and a line feed. */
export const packDecision = (decision: Omit<DecisionFile, 'kind' | 'schemaVersion'>): string =>
  `${canonicalizeObject({ kind: 'gate_decision', schemaVersion: 1, ...decision })}\n`

/** Parses decision.json; its content is not verified yet. */
export const unpackDecision = (
  text: string,
  tools: SignoffDependencies,
): ShapeResult<DecisionFile> => parseSignedDocument('gate_decision', text, tools)

/** The digests of the bound files: SHA-256 of their bytes; a missing file counts as empty. */
export const subjectDigests = (
  files: Readonly<Record<BoundSubject, string | null>>,
  { sha256 }: SignoffDependencies,
): Readonly<Record<BoundSubject, string>> =>
  Object.fromEntries(BOUND_SUBJECTS.map((name) => [name, sha256(files[name] ?? '')])) as Record<
    BoundSubject,
    string
  >
