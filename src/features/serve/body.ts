import { validateSchema } from '../../artefacts/schemas.ts'
import { findJsonProblems } from '../../core/json/canonical.ts'
import { nodeToValue } from '../../core/json/plain.ts'
import {
  isJsonObject,
  type JsonNode,
  type JsonObject,
  parseLosslessJson,
} from '../../core/json/read.ts'
import { type Problem, makeProblem, type ProblemCode } from '../../core/problem.ts'
import { HttpRefusal } from './reply.ts'

/**
 * Parses a body as an I-JSON object (RFC 7493), numbers and member order kept.
 *
 * @throws HttpRefusal `too_many_members` for more than 500 members at the top, else with the code of the first
 *   fault: the one place where it does not parse, every place that breaks I-JSON, or `type_wrong` for a value that
 *   is not an object
 */
export function parseJsonBody(body: string): JsonObject {
  const read = parseLosslessJson(body)
  if (!read.ok) throw new HttpRefusal(read.code, [makeProblem(read.code, '')])
  const { node } = read
  const isObject = node !== null && typeof node === 'object' && isJsonObject(node)
  // Counted before every other check, each of which reports every member that breaks it.
  if (isObject && node.members.length > MAX_MEMBERS) throw new HttpRefusal('too_many_members')
  const strict = findJsonProblems(node)
  if (strict[0] !== undefined) throw new HttpRefusal(strict[0].code, strict)
  if (!isObject) throw new HttpRefusal('type_wrong', [makeProblem('type_wrong', '')])
  return node
}

/** Most members of a body, many times those of any request; the value of a flag is below them and not counted. */
export const MAX_MEMBERS = 500
/** Most violations of a schema that are reported. */
const MAX_BREACHES = 100

/** Problem codes by code of a schema breach; every other breach is `form_wrong`. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  schema_required: 'member_missing',
  schema_additional_properties: 'member_unknown',
  schema_type: 'type_wrong',
}

/**
 * The plain value of a JSON node that is valid by the named schema.
 *
 * @throws HttpRefusal with each place that is not, 100 at most: `member_missing`, `member_unknown`, `type_wrong`,
 *   else `form_wrong`; the first gives the code. FfError `artefact_invalid` where the schema cannot be loaded
 */
export function requireSchema<T>(schema: string, node: JsonNode): T {
  const value = nodeToValue(node)
  const breaches = validateSchema(schema, value, '').slice(0, MAX_BREACHES)
  const places = breaches.map(({ code, pointer }): Problem =>
    makeProblem(CODES[code] ?? 'form_wrong', pointer),
  )
  if (places[0] !== undefined) throw new HttpRefusal(places[0].code, places)
  return value as T
}
