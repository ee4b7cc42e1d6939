import { join } from 'node:path'
import { readTextFile } from '../../../artefacts/read-text.ts'
import type { HttpLimits, Route } from '../../../ports/http.ts'
import { toArtefactError } from '../../../artefacts/artefact-error.ts'
import { toJsonResponse } from '../reply.ts'
import { buildOpenapiDocument } from './document.ts'
import { OPERATIONS } from './operations.ts'
import { type Json, listReferences } from './schema-refs.ts'

/** Schemas that the document always needs, independent of the routes. */
const ALWAYS = ['common', 'problem', 'ofrep-failure']
export const OPENAPI_ROUTE = { id: 'openapi', method: 'GET', path: '/openapi.json' } as const

/**
 * The route `GET /openapi.json`: describes the given routes, itself included. Reads the schemas and builds the
 * document once, here.
 *
 * @param root the package folder
 * @throws FfError `artefact_invalid` where a schema of the package is missing or unreadable
 */
export async function createOpenapiRoute(
  root: string,
  routes: readonly Pick<Route, 'id' | 'method' | 'path'>[],
  limits: HttpLimits,
): Promise<Route> {
  const document = buildOpenapiDocument([...routes, OPENAPI_ROUTE], await readSchemas(root), limits)
  const reply = toJsonResponse(JSON.stringify(document))
  return { ...OPENAPI_ROUTE, operational: true, handle: () => Promise.resolve(reply) }
}

/**
 * Reads the schemas that operations name and those that they refer to, by name, sorted.
 *
 * @throws FfError `artefact_invalid` where one is missing or unreadable, SyntaxError where one is not JSON
 */
export async function readSchemas(root: string): Promise<Readonly<Record<string, Json>>> {
  const names = Object.values(OPERATIONS).flatMap(({ body = [], answers }) => [
    ...body,
    ...Object.values(answers).flatMap(({ schemas }) => schemas),
  ])
  const read = new Map<string, Json>()
  const pending = [...ALWAYS, ...names]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (read.has(name)) continue
    const schema = await readSchema(root, name)
    read.set(name, schema)
    pending.push(...listReferences(schema))
  }
  return Object.fromEntries([...read].sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function readSchema(root: string, name: string): Promise<Json> {
  const file = `contracts/schemas/${name}.schema.json`
  const schemaText = await readTextFile(join(root, file), file)
  if (!schemaText.ok) throw toArtefactError([schemaText.problem])
  return JSON.parse(schemaText.text) as Json
}
