import { join } from 'node:path'
import { findJsonProblems } from '../core/json/canonical.ts'
import { type JsonNode, parseLosslessJson } from '../core/json/read.ts'
import type { DocumentKind } from './documents.ts'
import type { ArtefactProblem } from './problem.ts'
import { nodeToValue } from '../core/json/plain.ts'
import { readTextFile } from './read-text.ts'
import { validateSchema } from './schemas.ts'
import type { ArtefactByKind } from './types.generated.ts'

/** The kinds with one file in the package. */
export type ArtefactKind = Exclude<
  keyof ArtefactByKind,
  Exclude<DocumentKind, 'waivers'> | 'replay_request'
>
/** The file in the package and the schema of each kind. */
export const ARTEFACTS: Readonly<
  Record<ArtefactKind, { readonly file: string; readonly schema: string }>
> = {
  parity_test_matrix: { file: 'vectors/parity_test_matrix.json', schema: 'parity-test-matrix' },
  cutover_parity_matrix: {
    file: 'contracts/cutover_parity_matrix.json',
    schema: 'cutover-parity-matrix',
  },
  persistence_schema: { file: 'contracts/persistence_schema.json', schema: 'persistence-schema' },
  jwks_integration_notes: {
    file: 'contracts/jwks_integration_notes.json',
    schema: 'jwks-integration-notes',
  },
  jwt_fixtures: { file: 'vectors/jwt/fixtures.json', schema: 'jwt-fixtures' },
  oracle_cells: { file: 'vectors/oracle_cells.json', schema: 'oracle-cells' },
  readiness_gate: { file: 'contracts/readiness_gate.json', schema: 'readiness-gate' },
  cutover_readiness_checklist: {
    file: 'checklists/cutover_readiness_checklist.json',
    schema: 'cutover-readiness-checklist',
  },
  cutover_plan: { file: 'checklists/templates/plan.json', schema: 'cutover-plan' },
  rollback_triggers: {
    file: 'checklists/templates/rollback_triggers.json',
    schema: 'rollback-triggers',
  },
  waivers: { file: 'checklists/templates/waivers.json', schema: 'waivers' },
  team_commands: { file: 'checklists/templates/team_commands.json', schema: 'team-commands' },
  incumbent_mapping: {
    file: 'contracts/examples/incumbent/mapping.json',
    schema: 'incumbent-mapping',
  },
  alert_rules: { file: 'contracts/alert_rules.json', schema: 'alert-rules' },
  cache_runtime_notes: {
    file: 'contracts/cache_runtime_notes.json',
    schema: 'cache-runtime-notes',
  },
  redis_channel_examples: {
    file: 'contracts/redis_channel_examples.json',
    schema: 'redis-channel-examples',
  },
}
export const KINDS = Object.keys(ARTEFACTS) as ArtefactKind[]

/** A valid artefact: as plain values, and as lossless JSON nodes. */
export interface LoadedArtefact<K extends ArtefactKind> {
  readonly file: string
  readonly value: ArtefactByKind[K]
  readonly node: JsonNode
}
export type LoadResult<T> =
  | { readonly ok: true; readonly loaded: T }
  | { readonly ok: false; readonly problems: readonly ArtefactProblem[] }

/** The path of a file, and its name in reports. */
export interface ArtefactPlace {
  readonly path: string
  readonly shown: string
}
/**
 * The place of the packaged file of a kind: its path below the package folder `root`, and its name in reports. Reads
 * nothing.
 */
export const packagedArtefact = (root: string, kind: ArtefactKind): ArtefactPlace => ({
  path: join(root, ARTEFACTS[kind].file),
  shown: ARTEFACTS[kind].file,
})

/**
 * Reads one artefact: its value and lossless nodes, or its problems by the first check that fails: file of at most 4
 * MiB, UTF-8, JSON, I-JSON (RFC 7493), schema. Checks no rules beyond the schema. Rejects for no bad file.
 *
 * @throws FfError `artefact_invalid` if the compiled schema cannot be loaded
 */
export async function loadArtefact<K extends ArtefactKind>(
  kind: K,
  place: ArtefactPlace,
): Promise<LoadResult<LoadedArtefact<K>>> {
  const read = await readTextFile(place.path, place.shown)
  if (!read.ok) return { ok: false, problems: [read.problem] }
  return parseArtefact(kind, { text: read.text, shown: place.shown })
}

/**
 * As `loadArtefact`, of a text that is read already: checks JSON, I-JSON (RFC 7493) and the schema of the kind, and
 * returns value and lossless nodes, or the problems of the first check that fails. `shown` names the text in problems.
 * @throws FfError `artefact_invalid` if the compiled schema cannot be loaded
 */
export function parseArtefact<K extends ArtefactKind>(
  kind: K,
  text: ShownText,
): LoadResult<LoadedArtefact<K>> {
  const { schema } = ARTEFACTS[kind]
  const name = `${schema} ${text.text}`
  const known = sound.get(name)
  const parsed =
    known === undefined ? parseShaped(schema, text) : { ok: true as const, loaded: known }
  if (!parsed.ok) return parsed
  if (sound.size >= MAX_KEPT) sound.clear()
  sound.set(name, parsed.loaded)
  const { value, node } = parsed.loaded
  return { ok: true, loaded: { file: text.shown, value: value as ArtefactByKind[K], node } }
}

/** Texts that held: a gate reads the same checklist for its commands, for itself and as that of the package. */
const sound = new Map<string, { readonly value: unknown; readonly node: JsonNode }>()
const MAX_KEPT = 8

interface ShownText {
  readonly text: string
  readonly shown: string
}
/**
 * Parses a text as I-JSON (RFC 7493) and validates it by a named schema: a plain value and lossless nodes, or the
 * problems of the first check that fails.
 *
 * @throws FfError `artefact_invalid` if the compiled schema cannot be loaded
 */
export function parseShaped(
  schema: string,
  { text, shown: file }: ShownText,
): LoadResult<{ readonly value: unknown; readonly node: JsonNode }> {
  const json = parseLosslessJson(text)
  if (!json.ok) {
    const detail = `line ${json.line}, column ${json.column}`
    return { ok: false, problems: [{ file, pointer: '', code: json.code, detail }] }
  }
  const strict = findJsonProblems(json.node).map((one) => ({ file, ...one, detail: '' }))
  if (strict.length > 0) return { ok: false, problems: strict }
  const value = nodeToValue(json.node)
  const problems = validateSchema(schema, value, file)
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, loaded: { value, node: json.node } }
}
