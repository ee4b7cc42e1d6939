import type { HttpLimits, Route } from '../../../ports/http.ts'
import { MAX_ALL, MAX_BULK, MAX_PAGE } from '../dependencies.ts'
import { type ApiOperation, OPERATIONS } from './operations.ts'
import { buildJsonContent, buildResponses } from './responses.ts'
import { type Json, rewriteRefs } from './schema-refs.ts'

type DescribedRoute = Pick<Route, 'id' | 'method' | 'path'>

/**
 * The interface as an OpenAPI 3.1 document, from the served routes and the schemas that validate their bodies. A
 * route that OPERATIONS does not describe appears as a path without that method.
 *
 * @param schemas by name: every schema that the operations name, and every schema that those refer to
 * @param limits shown as `x-limits`, with the limits of flags
 */
export function buildOpenapiDocument(
  routes: readonly DescribedRoute[],
  schemas: Readonly<Record<string, Json>>,
  limits: HttpLimits,
): Json {
  const describedRoutes = routes.flatMap((route) => {
    const operation = OPERATIONS[route.id]
    return operation === undefined ? [] : [[route, operation] as const]
  })
  return {
    openapi: '3.1.0',
    info: {
      title: 'Feature Flags',
      version: '1',
      description:
        'Decides feature flags; reads and changes flags and overrides. Every refusal has a stable `code`; a refusal of OFREP has it in `metadata`.',
    },
    servers: [{ url: '/' }],
    'x-limits': { ...limits, bulk_flags: MAX_BULK, all_flags: MAX_ALL, page_flags: MAX_PAGE },
    paths: Object.fromEntries(
      [...new Set(routes.map(({ path }) => path))].map((path) => [
        toTemplatePath(path),
        Object.fromEntries(
          describedRoutes
            .filter(([route]) => route.path === path)
            .map(([route, operation]) => [
              route.method.toLowerCase(),
              toOperation(route, operation),
            ]),
        ),
      ]),
    ),
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([name, schema]) => [name, rewriteRefs(schema)]),
      ),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'A JWT with an asymmetric signature. `sub` is the user and `tid` is the tenant.',
        },
      },
    },
  }
}

const toTemplatePath = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}')

function toOperation({ id, path }: DescribedRoute, operation: ApiOperation): Json {
  const { summary, who, body } = operation
  return {
    operationId: id,
    tags: [id.split('.')[0] as string],
    summary,
    security: who === 'open' ? [] : who === 'optional' ? [{}, { bearer: [] }] : [{ bearer: who }],
    parameters: toParameters(path, operation),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: buildJsonContent(body) } }),
    responses: buildResponses(path, operation),
  }
}

/**
 * Schemas of path parameters. `key` of OFREP has none: OFREP answers any text that is not a flag key with
 * `flag_unknown`.
 */
const PATH_SCHEMAS: Readonly<Record<string, string>> = {
  flag: 'common.schema.json#/$defs/flag_key',
  tenant: 'common.schema.json#/$defs/scope_id',
  user: 'common.schema.json#/$defs/scope_id',
}

function toParameters(path: string, { query = {}, headers = {} }: ApiOperation): readonly Json[] {
  const pathParameters = [...path.matchAll(/:(\w+)/g)].map(([, name = '']): Json => {
    const $ref = PATH_SCHEMAS[name]
    const schema = $ref === undefined ? { type: 'string' } : rewriteRefs({ $ref })
    return { name, in: 'path', required: true, schema }
  })
  return [
    ...pathParameters,
    ...Object.entries(query).map(([name, schema]) => ({
      name,
      in: 'query',
      schema: rewriteRefs(schema as Json),
    })),
    ...Object.entries(headers).map(([name, description]) => ({
      name,
      in: 'header',
      description,
      schema: { type: 'string' },
    })),
  ]
}
