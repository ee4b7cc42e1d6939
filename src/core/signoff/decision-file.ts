import { canonicalizeValue, nodeToValue } from '../json/plain.ts'
import { canonicalizeObject, checkNodeShape } from './read-document.ts'
import { isJsonObject, type JsonNode, parseLosslessJson } from '../json/read.ts'
import type {
  DecisionFile,
  ShapeResult,
  SignoffDependencies,
  BoundFiles,
  BoundSubject,
} from './types.ts'
import { BOUND_SUBJECTS } from './types.ts'

const DECISION_VERSION = 2

/**
 * The text of decision.json: RFC 8785 form and a line feed; kind and schema version are added.
 *
 * @throws Error where it is not I-JSON, which is a bug
 */
export const packDecision = (decision: Omit<DecisionFile, 'kind' | 'schemaVersion'>): string =>
  formatDecision({ kind: 'gate_decision', schemaVersion: DECISION_VERSION, ...decision })

/**
 * The one spelling of a decision file: RFC 8785 form and a line feed. Any other text of the same content is altered.
 *
 * @throws Error where it is not I-JSON, which is a bug
 */
export const formatDecision = (decision: DecisionFile): string =>
  `${canonicalizeObject(decision)}\n`

/** A decision file of another version of `ff`, or in another form, whose content this version cannot compute again. */
export interface OtherDecision {
  readonly ok: false
  readonly other: { readonly form: string; readonly tool_version: string }
}

/**
 * Parses decision.json and checks its schema and times, or returns the first fault as text; its content is not verified
 * yet. A file that another version than `tool_version` wrote, or in another form, is `other`.
 */
export function unpackDecision(
  text: string,
  tools: SignoffDependencies,
  tool_version: string,
): ShapeResult<DecisionFile> | OtherDecision {
  const read = parseLosslessJson(text)
  if (!read.ok) return { ok: false, detail: `${read.code} at line ${read.line}` }
  const other = findOtherVersion(read.node, tool_version)
  return other === null
    ? checkNodeShape('gate_decision', read.node, tools.shape)
    : { ok: false, other }
}

function findOtherVersion(node: JsonNode, tool_version: string): OtherDecision['other'] | null {
  if (node === null || typeof node !== 'object' || !isJsonObject(node)) return null
  const members = new Map(node.members)
  const [kind, version, writer] = ['kind', 'schemaVersion', 'tool_version'].map((name) =>
    members.get(name),
  )
  if (kind !== 'gate_decision' || typeof writer !== 'string') return null
  const form = JSON.stringify(nodeToValue(version ?? null))
  return writer === tool_version && form === String(DECISION_VERSION)
    ? null
    : { form, tool_version: writer }
}

/**
 * The digest of each bound file by its name: SHA-256 in hexadecimal of its UTF-8 bytes; a missing file (null) counts as
 * empty. That of `inputs` is over the RFC 8785 form of their digests by path.
 */
export const subjectDigests = (
  files: BoundFiles,
  tools: SignoffDependencies,
): Readonly<Record<BoundSubject, string>> => {
  const texts = { ...files, inputs: canonicalizeValue(digestFiles(files, tools)) }
  return Object.fromEntries(
    BOUND_SUBJECTS.map((name) => [name, tools.sha256(texts[name] ?? '')]),
  ) as Record<BoundSubject, string>
}

/** SHA-256 of the bytes of each input, by path; bytes in another spelling than base64url count as none. */
export const digestFiles = (
  { inputs }: Pick<BoundFiles, 'inputs'>,
  { sha256, decode }: SignoffDependencies,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(inputs).map(([path, bytes]) => [path, sha256(decode(bytes) ?? '')]),
  )
