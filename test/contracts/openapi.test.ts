import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, test } from 'vitest'
import { createHealthRoutes, INDEX_ROUTE, METRICS_ROUTE } from '../../src/features/serve/health.ts'
import { IDENTITY_ROUTE } from '../../src/features/serve/identity.ts'
import { OPERATIONS } from '../../src/features/serve/openapi/operations.ts'
import { buildOpenapiDocument } from '../../src/features/serve/openapi/document.ts'
import { OPENAPI_ROUTE, readSchemas } from '../../src/features/serve/openapi/route.ts'
import type { Json } from '../../src/features/serve/openapi/schema-refs.ts'
import { toHttpLimits } from '../../src/features/serve/serve.ts'
import { DEFAULT_SETTINGS } from '../../src/core/settings/settings.ts'
import { buildServiceRoutes } from '../../src/features/serve/routes.ts'
import { SERVICE_PROBLEMS, type ServiceCode } from '../../src/core/http-api/problems.ts'
import { ROOT } from '../support/run-ff.ts'

const parts = (): never => {
  throw new Error('nothing is asked here')
}
const routes = [
  ...buildServiceRoutes(parts),
  ...createHealthRoutes(parts, () => false),
  METRICS_ROUTE,
  IDENTITY_ROUTE,
  INDEX_ROUTE,
  OPENAPI_ROUTE,
]
const codes = Object.keys(SERVICE_PROBLEMS) as ServiceCode[]
const files = await readSchemas(ROOT)

/** The schema of refusals, with every code under its status. */
function problemSchema(): Json {
  const statuses = [...new Set(codes.map((code) => SERVICE_PROBLEMS[code][0]))].sort(
    (a, b) => a - b,
  )
  const oneOf = statuses.map((status) => ({
    title: String(status),
    properties: {
      status: { const: status },
      code: { enum: codes.filter((code) => SERVICE_PROBLEMS[code][0] === status) },
    },
  }))
  return { ...files['problem'], oneOf, $defs: { code: { enum: codes } } }
}
const document = buildOpenapiDocument(
  routes,
  { ...files, problem: problemSchema() },
  toHttpLimits(DEFAULT_SETTINGS),
)
const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

describe('the contract of the service', () => {
  test('every route is described, and nothing else', () => {
    expect(Object.keys(OPERATIONS).sort()).toEqual(routes.map(({ id }) => id).sort())
  })

  test('the schema of refusals lists every code with its status (npm run openapi)', async () => {
    await expect(text(problemSchema())).toMatchFileSnapshot(
      join(ROOT, 'contracts/schemas/problem.schema.json'),
    )
  })

  test('contracts/openapi.json is the served document (npm run openapi)', async () => {
    await expect(text(document)).toMatchFileSnapshot(join(ROOT, 'contracts/openapi.json'))
  })

  test('it is valid by the meta-schema of OpenAPI 3.1', async () => {
    expect(await new Validator().validate(structuredClone(document))).toMatchObject({ valid: true })
    const spoiled = { ...document, paths: { '/x': { get: { responses: 7 } } } }
    expect(await new Validator().validate(spoiled)).toMatchObject({ valid: false })
  })

  test('every code belongs to a route, except those of unknown routes', () => {
    const listed = new Set(Object.values(OPERATIONS).flatMap(({ refusals }) => refusals))
    expect(codes.filter((code) => !listed.has(code))).toEqual([
      'method_not_allowed',
      'route_unknown',
      'scene_unknown',
      'tombstone_not_bare',
      'too_many_scenes',
    ])
  })
})
