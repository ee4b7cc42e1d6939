import { toOfrepStatus } from '../../../core/ofrep/failure.ts'
import { SERVICE_PROBLEMS, type ServiceCode } from '../../../core/http-api/problems.ts'
import type { ApiAnswer, ApiOperation } from './operations.ts'
import { type Json, makeSchemaRef } from './schema-refs.ts'

type Response = readonly [status: string, response: Json]

/**
 * The responses of a route by status: its answers, and its refusals with the codes of each status, as OFREP errors
 * below `/ofrep/`, else as problem details. An answer and a refusal of one status are merged.
 */
export function buildResponses(path: string, { answers, refusals }: ApiOperation): Json {
  const found = new Map<string, Json>()
  const responses: readonly Response[] = [
    ...Object.entries(answers).map(([status, answer]) => [status, toAnswer(answer)] as const),
    ...(path.startsWith('/ofrep/')
      ? toOfrepResponses(path, refusals)
      : toProblemResponses(refusals)),
  ]
  for (const [status, response] of responses) {
    const before = found.get(status)
    found.set(status, before === undefined ? response : mergeResponses(before, response))
  }
  return Object.fromEntries(found)
}

/** Joins an answer and a refusal of the same status; their media types differ. */
const mergeResponses = (answer: Json, refusal: Json): Json => ({
  ...refusal,
  ...answer,
  content: { ...(answer['content'] as Json), ...(refusal['content'] as Json) },
})

function toAnswer({ what, schemas, type, etag }: ApiAnswer): Json {
  return {
    description: what,
    ...(etag === undefined ? {} : { headers: { ETag: toHeader(etag) } }),
    ...(schemas.length === 0 ? {} : { content: buildJsonContent(schemas) }),
    ...(type === undefined ? {} : { content: { [type]: { schema: { type: 'string' } } } }),
  }
}

/** The `content` of a JSON body that is valid by the named schema, or by one of several (`oneOf`). */
export const buildJsonContent = (names: readonly string[]): Json => {
  const schemas = names.map(makeSchemaRef)
  return { 'application/json': { schema: schemas.length === 1 ? schemas[0] : { oneOf: schemas } } }
}
const toHeader = (description: string): Json => ({ description, schema: { type: 'string' } })

const toProblemResponses = (codes: readonly ServiceCode[]): readonly Response[] =>
  groupByStatus(codes, (code) => SERVICE_PROBLEMS[code][0]).map(([status, listed]) => [
    status,
    toRefusal(status, listed, {
      'application/problem+json': {
        schema: { allOf: [makeSchemaRef('problem'), { properties: { code: { enum: listed } } }] },
      },
    }),
  ])

const toOfrepResponses = (path: string, codes: readonly ServiceCode[]): readonly Response[] =>
  groupByStatus(codes, toOfrepStatus).map(([status, listed]) => [
    status,
    toRefusal(status, listed, {
      'application/json': {
        schema: {
          allOf: [
            makeSchemaRef('ofrep-failure'),
            { properties: { metadata: { properties: { code: { enum: listed } } } } },
          ],
          ...(path.endsWith('/:key') ? { required: ['key'] } : {}),
        },
      },
    }),
  ])

function groupByStatus(
  codes: readonly ServiceCode[],
  getStatus: (code: ServiceCode) => number,
): readonly (readonly [status: string, codes: readonly ServiceCode[]])[] {
  const found = new Map<number, Set<ServiceCode>>()
  for (const code of codes) {
    const status = getStatus(code)
    found.set(status, (found.get(status) ?? new Set()).add(code))
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([status, listed]) => [String(status), [...listed].sort()])
}

const REFUSAL_HEADERS: Readonly<Record<string, readonly [name: string, what: string]>> = {
  401: ['WWW-Authenticate', 'Bearer'],
  429: ['Retry-After', 'Seconds to wait before a retry.'],
  503: ['Retry-After', 'Seconds to wait before a retry.'],
}

function toRefusal(status: string, codes: readonly ServiceCode[], content: Json): Json {
  const refusalHeader = REFUSAL_HEADERS[status]
  return {
    description: codes.join(', '),
    ...(refusalHeader === undefined
      ? {}
      : { headers: { [refusalHeader[0]]: toHeader(refusalHeader[1]) } }),
    content,
  }
}
