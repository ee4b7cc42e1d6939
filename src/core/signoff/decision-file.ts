import { canonicalText, readDocument } from './read-document.ts'
import type { DecisionFile, Shaped, SignoffTools, Subject } from './types.ts'
import { SUBJECTS } from './types.ts'

/** decision.json as it is written: RFC 8785 form and a line feed. */
export const packDecision = (decision: Omit<DecisionFile, 'kind' | 'schemaVersion'>): string =>
  `${canonicalText({ kind: 'gate_decision', schemaVersion: 1, ...decision })}\n`

/** Reads decision.json; nothing in it is believed yet. */
export const unpackDecision = (text: string, tools: SignoffTools): Shaped<DecisionFile> =>
  readDocument('gate_decision', text, tools)

/** The digests of bound files: SHA-256 of their bytes; a file that is not there counts as empty. */
export const subjectDigests = (
  files: Readonly<Record<Subject, string | null>>,
  { sha256 }: SignoffTools,
): Readonly<Record<Subject, string>> =>
  Object.fromEntries(SUBJECTS.map((name) => [name, sha256(files[name] ?? '')])) as Record<
    Subject,
    string
  >
