import type { ServiceCode } from '../../../core/http-api/problems.ts'
import { DEFAULT_PAGE, MAX_PAGE } from '../dependencies.ts'
import {
  ANY_CODES,
  APPROVAL_CODES,
  BODY_CODES,
  CHANGE_CODES,
  CREDENTIAL_CODES,
  PUT_CODES,
  READ_CODES,
  SCOPED_CODES,
  STRICT_CODES,
} from './codes.ts'

/** What a route takes and answers, in the names of the schemas that it is held to. */
export interface ApiOperation {
  readonly summary: string
  /** Scopes of the token; `optional` goes on as nobody without one, `open` looks at none. */
  readonly who: 'open' | 'optional' | readonly string[]
  readonly query?: Readonly<Record<string, object>>
  /** Names of request headers and what they say. */
  readonly headers?: Readonly<Record<string, string>>
  /** A body of one of these schemas. */
  readonly body?: readonly string[]
  readonly answers: Readonly<Record<number, ApiAnswer>>
  readonly refusals: readonly ServiceCode[]
}
export interface ApiAnswer {
  readonly what: string
  /** One of these schemas; none is an answer without a body. */
  readonly schemas: readonly string[]
  /** Of what media type, where it is not JSON; then it is a text. */
  readonly type?: string
  /** What its ETag is. */
  readonly etag?: string
}

const REVISION = 'The revision of the row, in quotes.'
const row = (schema: string, what = 'The row as it stands.'): ApiAnswer => ({
  what,
  schemas: [schema],
  etag: REVISION,
})
const PRECONDITIONS = {
  'If-Match': 'The tag of the row that is to be changed, or * for any row that is there.',
  'If-None-Match': '* where there may be no row yet.',
}

interface Rows {
  readonly a: string
  readonly schema: string
  readonly body: string
  readonly read: readonly string[]
  readonly write: readonly string[]
  readonly put: readonly ServiceCode[]
  readonly unknown: ServiceCode
  /** Beside the scopes: whose row it is. */
  readonly also: readonly ServiceCode[]
}
function describeGet({ a, schema, read, unknown, also }: Rows): ApiOperation {
  return {
    summary: `Shows ${a}.`,
    who: read,
    answers: { 200: row(schema) },
    refusals: [
      ...ANY_CODES,
      ...SCOPED_CODES,
      ...READ_CODES,
      ...also,
      'form_wrong',
      'row_broken',
      unknown,
    ],
  }
}
function describePut({ a, schema, body, write, put: more, also }: Rows): ApiOperation {
  return {
    summary: `Makes or changes ${a}.`,
    who: write,
    headers: PRECONDITIONS,
    body: [body],
    answers: { 200: row(schema), 201: row(schema, 'The row, made.') },
    refusals: [...ANY_CODES, ...PUT_CODES, ...also, ...more],
  }
}
function describeDelete({ a, schema, write, unknown, also }: Rows, what: string): ApiOperation {
  return {
    summary: `${what} ${a}.`,
    who: write,
    headers: PRECONDITIONS,
    answers: { 200: row(schema) },
    refusals: [...ANY_CODES, ...CHANGE_CODES, ...also, unknown],
  }
}

const WRITE_OVERRIDE = ['ff:override:write']
const FLAG: Rows = {
  a: 'a flag',
  schema: 'flag-row',
  body: 'flag-put',
  read: ['ff:registry:read'],
  write: ['ff:registry:write'],
  put: ['type_in_use', ...APPROVAL_CODES],
  unknown: 'flag_unknown',
  also: [],
}
const TENANT: Rows = {
  a: 'an override of a tenant: the own one, or with ff:tenant:any any',
  schema: 'tenant-override-row',
  body: 'override-put',
  read: WRITE_OVERRIDE,
  write: WRITE_OVERRIDE,
  put: [],
  unknown: 'override_unknown',
  also: ['tenant_foreign'],
}
const USER: Rows = {
  ...TENANT,
  a: 'an override of a user',
  schema: 'user-override-row',
  read: [...WRITE_OVERRIDE, 'ff:tenant:any'],
  write: [...WRITE_OVERRIDE, 'ff:tenant:any'],
  also: [],
}

const EVALUATE: readonly ServiceCode[] = [
  ...ANY_CODES,
  ...CREDENTIAL_CODES,
  ...READ_CODES,
  ...BODY_CODES,
  'context_mismatch',
]
const REST: readonly ServiceCode[] = [...EVALUATE, 'member_missing', 'form_wrong', 'row_broken']

/** Every route by its id. To add one: its line here, then `npm run openapi`. */
export const OPERATIONS: Readonly<Record<string, ApiOperation>> = {
  'flags.evaluate': {
    summary: 'Decides one flag, several, or all whose required_auth the caller meets.',
    who: 'optional',
    body: ['evaluate-one', 'evaluate-many', 'evaluate-all'],
    answers: {
      200: { what: 'Allow or deny alike.', schemas: ['decision', 'decision-list'] },
    },
    refusals: [...EVALUATE, ...STRICT_CODES, 'too_many_flags'],
  },
  'flags.list': {
    summary: 'Shows flags in the order of their keys.',
    who: ['ff:registry:read'],
    query: {
      limit: { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE },
      after: { $ref: 'common.schema.json#/$defs/flag_key' },
    },
    answers: { 200: { what: 'A page.', schemas: ['flag-page'] } },
    refusals: [...ANY_CODES, ...SCOPED_CODES, ...READ_CODES, 'query_invalid', 'row_broken'],
  },
  'flags.get': describeGet(FLAG),
  'flags.put': describePut(FLAG),
  'flags.delete': describeDelete(FLAG, 'Archives, which is final,'),
  'tenant_overrides.get': describeGet(TENANT),
  'tenant_overrides.put': describePut(TENANT),
  'tenant_overrides.delete': describeDelete(TENANT, 'Deletes'),
  'user_overrides.get': describeGet(USER),
  'user_overrides.put': describePut(USER),
  'user_overrides.delete': describeDelete(USER, 'Deletes'),
  'ofrep.evaluate': {
    summary: 'Decides one flag for an OpenFeature client (OFREP).',
    who: 'optional',
    body: ['ofrep-request'],
    answers: { 200: { what: 'Allow or deny alike.', schemas: ['ofrep-success'] } },
    refusals: [...REST, 'flag_unknown'],
  },
  'ofrep.evaluate_all': {
    summary: 'Decides all flags whose required_auth the caller meets, for an OpenFeature client.',
    who: 'optional',
    headers: { 'If-None-Match': 'Tags of answers that are at hand, compared weakly, or *.' },
    query: { flagConfigEtag: { type: 'string' }, flagConfigLastModified: { type: 'string' } },
    body: ['ofrep-request'],
    answers: {
      200: { what: 'The flags.', schemas: ['ofrep-bulk'], etag: 'Strong, over the whole answer.' },
      304: { what: 'The answer is at hand.', schemas: [], etag: 'Of that answer.' },
    },
    refusals: [...REST, 'too_many_flags'],
  },
  'health.live': {
    summary: 'Whether the process answers.',
    who: 'open',
    answers: { 200: { what: 'It does.', schemas: ['health-live'] } },
    refusals: ANY_CODES,
  },
  'health.ready': {
    summary: 'Whether requests should come here, with the state of each dependency.',
    who: 'open',
    answers: {
      200: { what: 'They should.', schemas: ['health-ready'] },
      503: { what: 'They should not.', schemas: ['health-ready'] },
    },
    refusals: ANY_CODES,
  },
  metrics: {
    summary: 'What the service counts, for Prometheus.',
    who: 'open',
    answers: { 200: { what: "Prometheus' text format.", type: 'text/plain', schemas: [] } },
    refusals: ANY_CODES,
  },
  openapi: {
    summary: 'This document.',
    who: 'open',
    answers: { 200: { what: 'OpenAPI 3.1.', schemas: ['openapi'] } },
    refusals: ANY_CODES,
  },
}
