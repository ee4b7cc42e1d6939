import type { ServiceCode } from '../../../core/http-api/problems.ts'
import { DEFAULT_PAGE, MAX_PAGE } from '../dependencies.ts'
import { ANNOUNCEMENT_OPERATIONS } from './announcements.ts'
import {
  ANY_CODES,
  APPROVAL_CODES,
  BODY_CODES,
  CHANGE_CODES,
  CREDENTIAL_CODES,
  DETAIL_CODES,
  PUT_CODES,
  READ_CODES,
  SCOPED_CODES,
  STRICT_CODES,
} from './codes.ts'

/** The parameters, bodies and responses of a route, by the names of their schemas. */
export interface ApiOperation {
  readonly summary: string
  /** Required scopes; `optional` also takes a request without a token, `open` ignores tokens. */
  readonly who: 'open' | 'optional' | readonly string[]
  readonly query?: Readonly<Record<string, object>>
  /** Descriptions by request header. */
  readonly headers?: Readonly<Record<string, string>>
  /** The body is valid by one of these schemas. */
  readonly body?: readonly string[]
  readonly answers: Readonly<Record<number, ApiAnswer>>
  readonly refusals: readonly ServiceCode[]
}
/** A response other than a refusal. */
export interface ApiAnswer {
  readonly what: string
  /** The body is valid by one of these schemas; an empty list is a response without a body. */
  readonly schemas: readonly string[]
  /** The media type of a text body; absent for JSON. */
  readonly type?: string
  /** Description of the ETag header. */
  readonly etag?: string
}

const REVISION = 'The revision of the row, in quotes.'
const row = (schema: string, what = 'The current row.'): ApiAnswer => ({
  what,
  schemas: [schema],
  etag: REVISION,
})
const PRECONDITIONS = {
  'If-Match': 'The ETag of the row to change, or * for any existing row.',
  'If-None-Match': '* to create a row that does not exist yet.',
  'Idempotency-Key':
    'In a cutover (FF_BACKING=managed): names the request, so that it can be sent again without a second change.',
}
const IF_NONE_MATCH = {
  'If-None-Match': 'ETags of the responses that the client holds, compared weakly, or *.',
}
const BODY_HASH = 'A strong tag of the whole response body.'
const LIMIT = { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }
const FLAG_KEY = { $ref: 'common.schema.json#/$defs/flag_key' }
const PAGE_REFUSALS: readonly ServiceCode[] = [
  ...ANY_CODES,
  ...SCOPED_CODES,
  ...READ_CODES,
  'query_invalid',
  'row_broken',
]
/** The answer to a conditional read. */
const CURRENT: ApiAnswer = {
  what: 'The response that the client holds is current.',
  schemas: [],
  etag: 'The tag of that response.',
}

interface Rows {
  readonly a: string
  readonly schema: string
  readonly body: string
  readonly read: readonly string[]
  readonly write: readonly string[]
  readonly put: readonly ServiceCode[]
  readonly unknown: ServiceCode
  /** Codes beyond the scopes: the row belongs to another tenant. */
  readonly also: readonly ServiceCode[]
}
function describeGet({ a, schema, read, unknown, also }: Rows): ApiOperation {
  return {
    summary: `Returns ${a}.`,
    who: read,
    headers: IF_NONE_MATCH,
    answers: { 200: row(schema), 304: CURRENT },
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
    summary: `Creates or changes ${a}.`,
    who: write,
    headers: PRECONDITIONS,
    body: [body],
    answers: { 200: row(schema), 201: row(schema, 'The created row.') },
    refusals: [...ANY_CODES, ...PUT_CODES, ...also, ...more],
  }
}
function describeDelete({ a, schema, write, unknown, also }: Rows, verb: string): ApiOperation {
  return {
    summary: `${verb} ${a}.`,
    who: write,
    headers: PRECONDITIONS,
    answers: { 200: row(schema) },
    refusals: [...ANY_CODES, ...CHANGE_CODES, ...also, unknown],
  }
}

/** A list of overrides. @param after the schema of `after` */
const describeList = (a: string, after: object, also: readonly ServiceCode[]): ApiOperation => ({
  summary: `Returns the overrides of ${a}, without deleted ones.`,
  who: ['ff:registry:read'],
  query: { limit: LIMIT, after },
  headers: IF_NONE_MATCH,
  answers: {
    200: { what: 'One page of overrides.', schemas: ['override-page'], etag: BODY_HASH },
    304: CURRENT,
  },
  refusals: [...PAGE_REFUSALS, 'form_wrong', ...also],
})

const CHANGED: ApiAnswer = row('row-change', 'The current row, and whether the request changed it.')
function describeRollback({ a, write, put: more, unknown, also }: Rows): ApiOperation {
  return {
    summary: `Makes an earlier revision of ${a} the newest one.`,
    who: write,
    headers: PRECONDITIONS,
    body: ['row-rollback'],
    answers: { 200: CHANGED },
    refusals: [...ANY_CODES, ...DETAIL_CODES, ...also, ...more, unknown, 'revision_not_kept'],
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
  a: "an override of the caller's tenant, or of any tenant with ff:tenant:any",
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

/** The description of every route, by the id of the route. After a change run `npm run openapi`. */
export const OPERATIONS: Readonly<Record<string, ApiOperation>> = {
  'flags.evaluate': {
    summary:
      'Decides one flag, several flags, or all flags whose required_auth the caller satisfies.',
    who: 'optional',
    body: ['evaluate-one', 'evaluate-many', 'evaluate-all'],
    answers: {
      200: { what: 'The decision, allow or deny.', schemas: ['decision', 'decision-list'] },
    },
    refusals: [...EVALUATE, ...STRICT_CODES, 'too_many_flags'],
  },
  changes: {
    summary: 'A stream of server-sent events, one after each burst of changes.',
    who: 'optional',
    headers: { 'Last-Event-ID': 'The id of the last event; any but the newest gets one at once.' },
    answers: { 200: { what: 'The stream.', schemas: [], type: 'text/event-stream' } },
    refusals: [...ANY_CODES, ...CREDENTIAL_CODES],
  },
  'flags.list': {
    summary: 'Returns flags in the order of their keys.',
    who: ['ff:registry:read'],
    query: { limit: LIMIT, after: FLAG_KEY },
    headers: IF_NONE_MATCH,
    answers: {
      200: { what: 'One page of flags.', schemas: ['flag-page'], etag: BODY_HASH },
      304: CURRENT,
    },
    refusals: PAGE_REFUSALS,
  },
  'flags.get': describeGet(FLAG),
  'flags.put': describePut(FLAG),
  'flags.delete': describeDelete(FLAG, 'Permanently archives'),
  'flags.transition': {
    summary: 'Makes a flag active, killed or archived; where it is already, nothing changes.',
    who: FLAG.write,
    headers: PRECONDITIONS,
    body: ['flag-transition'],
    answers: { 200: CHANGED },
    refusals: [...ANY_CODES, ...DETAIL_CODES, ...APPROVAL_CODES],
  },
  'flags.rollback': describeRollback(FLAG),
  'flags.overrides': describeList(
    'a flag, those of tenants before those of users, each by id',
    { type: 'string', pattern: '^(tenant|user)/[!-~]{1,255}$' },
    ['flag_unknown'],
  ),
  'tenants.overrides': describeList(
    "the caller's tenant, or of any tenant with ff:tenant:any, by flag",
    FLAG_KEY,
    ['tenant_foreign'],
  ),
  'users.overrides': describeList('a user, by flag', FLAG_KEY, []),
  'audit.list': {
    summary: 'Returns audit records, newest first.',
    who: ['ff:audit:read'],
    query: {
      limit: LIMIT,
      after: { type: 'integer', minimum: 1, description: 'Records with a lower `seq`.' },
      target: { type: 'string', description: 'Records with this `target`, such as flag/ff.a.' },
      since: { $ref: 'common.schema.json#/$defs/instant' },
      until: { $ref: 'common.schema.json#/$defs/instant' },
    },
    answers: { 200: { what: 'One page of records.', schemas: ['audit-page'] } },
    refusals: [...ANY_CODES, ...SCOPED_CODES, ...READ_CODES, 'query_invalid'],
  },
  ...ANNOUNCEMENT_OPERATIONS,
  'tenant_overrides.get': describeGet(TENANT),
  'tenant_overrides.put': describePut(TENANT),
  'tenant_overrides.delete': describeDelete(TENANT, 'Deletes'),
  'tenant_overrides.rollback': describeRollback({ ...TENANT, put: ['value_type_mismatch'] }),
  'user_overrides.get': describeGet(USER),
  'user_overrides.put': describePut(USER),
  'user_overrides.delete': describeDelete(USER, 'Deletes'),
  'user_overrides.rollback': describeRollback({ ...USER, put: ['value_type_mismatch'] }),
  'ofrep.evaluate': {
    summary: 'Decides one flag for an OpenFeature client (OFREP).',
    who: 'optional',
    body: ['ofrep-request'],
    answers: { 200: { what: 'The decision, allow or deny.', schemas: ['ofrep-success'] } },
    refusals: [...REST, 'flag_unknown'],
  },
  'ofrep.evaluate_all': {
    summary:
      'Decides all flags whose required_auth the caller satisfies, for an OpenFeature client (OFREP).',
    who: 'optional',
    headers: IF_NONE_MATCH,
    query: { flagConfigEtag: { type: 'string' }, flagConfigLastModified: { type: 'string' } },
    body: ['ofrep-request'],
    answers: {
      200: { what: 'The decisions.', schemas: ['ofrep-bulk'], etag: BODY_HASH },
      304: CURRENT,
    },
    refusals: [...REST, 'too_many_flags'],
  },
  'health.live': {
    summary: 'Reports whether the process runs.',
    who: 'open',
    answers: { 200: { what: 'The process runs.', schemas: ['health-live'] } },
    refusals: ANY_CODES,
  },
  'health.ready': {
    summary: 'Reports whether the service takes requests, with the state of each dependency.',
    who: 'open',
    answers: {
      200: { what: 'The service takes requests.', schemas: ['health-ready'] },
      503: { what: 'The store is down, or the service is draining.', schemas: ['health-ready'] },
    },
    refusals: ANY_CODES,
  },
  metrics: {
    summary: 'Returns the metrics of the service for Prometheus.',
    who: 'open',
    answers: { 200: { what: 'The text format of Prometheus.', type: 'text/plain', schemas: [] } },
    refusals: ANY_CODES,
  },
  index: {
    summary: 'Names the paths that take no credential.',
    who: 'open',
    answers: { 200: { what: 'The paths.', schemas: ['service-index'] } },
    refusals: ANY_CODES,
  },
  identity: {
    summary: 'Returns what the instance is, as of its start.',
    who: 'open',
    answers: { 200: { what: 'What the instance is.', schemas: ['instance-identity'] } },
    refusals: ANY_CODES,
  },
  openapi: {
    summary: 'Returns this document.',
    who: 'open',
    answers: { 200: { what: 'An OpenAPI 3.1 document.', schemas: ['openapi'] } },
    refusals: ANY_CODES,
  },
}
