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

/** A JSON object as it was written. @throws Refusal with where it is none */
export function parseJsonBody(body: string): JsonObject {
  const read = parseLosslessJson(body)
  if (!read.ok) throw new HttpRefusal(read.code, [makeProblem(read.code, '')])
  const { node } = read
  const strict = findJsonProblems(node)
  if (strict[0] !== undefined) throw new HttpRefusal(strict[0].code, strict)
  if (node === null || typeof node !== 'object' || !isJsonObject(node))
    throw new HttpRefusal('type_wrong', [makeProblem('type_wrong', '')])
  return node
}

/** What a breach of a schema is called here; any other is of the form. */
const CODES: Readonly<Record<string, ProblemCode>> = {
  schema_required: 'member_missing',
  schema_additional_properties: 'member_unknown',
  schema_type: 'type_wrong',
}

/** The values of an object that fits a schema. @throws Refusal with each place that does not */
export function requireSchema<T>(schema: string, node: JsonNode): T {
  const value = nodeToValue(node)
  const breaches = validateSchema(schema, value, '')
  const places = breaches.map(({ code, pointer }): Problem =>
    makeProblem(CODES[code] ?? 'form_wrong', pointer),
  )
  if (places[0] !== undefined) throw new HttpRefusal(places[0].code, places)
  return value as T
}
