import { TEST_TENANT, TEST_USER } from '../../../core/parity/scene.ts'
import type { HttpRequest } from '../../../ports/http.ts'
import { buildFlagBody } from './endpoints.ts'
import { APPROVALS, GUARDED, type SuiteCaller } from './management-fixtures.ts'

/** One request, and the status that both services have to answer with. */
export interface SuiteStep extends HttpRequest {
  readonly by: SuiteCaller
  readonly status: number
}

type StepExtras = Pick<SuiteStep, 'body' | 'headers'>
type Row = readonly [
  by: SuiteCaller,
  method: SuiteStep['method'],
  path: string,
  status: number,
  more?: StepExtras,
]

const flagAt = (key: string): string => `/v1/flags/${key}`
const tenantAt = (tenant: string, key: string): string =>
  `/v1/flags/override/tenant/${tenant}/${key}`
const userAt = (user: string, key: string): string => `/v1/flags/override/user/${user}/${key}`
const FLAG = flagAt('ff.api.one')
const body = (text: string): StepExtras => ({ body: text })
const matching = (tag: string, text = buildFlagBody()): StepExtras => ({
  body: text,
  headers: { 'if-match': tag },
})
const creating = (text = buildFlagBody()): StepExtras => ({
  body: text,
  headers: { 'if-none-match': '*' },
})

const AUTH_STEPS: readonly Row[] = [
  ['anonymous', 'GET', FLAG, 401],
  ['forged', 'GET', FLAG, 401],
  ['expired', 'PUT', FLAG, 401, body(buildFlagBody())],
  ['unscoped', 'GET', FLAG, 403],
  ['reader', 'GET', FLAG, 404],
  ['reader', 'PUT', FLAG, 403, body(buildFlagBody())],
  ['tenant', 'DELETE', FLAG, 403],
  ['anonymous', 'GET', '/v1/flags', 401],
  ['tenant', 'GET', '/v1/flags', 403],
]

/** RFC 9110, 13.1: current, stale, weak, `*`, absent and malformed entity tags. */
const PRECONDITIONS: readonly Row[] = [
  ['admin', 'PUT', FLAG, 412, matching('"1"')],
  ['admin', 'PUT', FLAG, 412, matching('*')],
  ['admin', 'DELETE', FLAG, 404],
  ['admin', 'PUT', FLAG, 201, creating()],
  ['admin', 'PUT', FLAG, 412, creating()],
  ['reader', 'GET', FLAG, 200],
  ['admin', 'PUT', FLAG, 200, matching('"1"', buildFlagBody({ owner: 'second' }))],
  ['admin', 'PUT', FLAG, 412, matching('"1"', buildFlagBody({ owner: 'stale' }))],
  ['admin', 'PUT', FLAG, 412, matching('W/"2"')],
  ['admin', 'PUT', FLAG, 412, matching('"two"')],
  ['admin', 'PUT', FLAG, 200, matching('*', buildFlagBody({ owner: 'third' }))],
  ['admin', 'PUT', FLAG, 400, matching('"2", "3"')],
  ['admin', 'PUT', FLAG, 400, matching('3')],
  [
    'admin',
    'PUT',
    FLAG,
    400,
    {
      body: buildFlagBody(),
      headers: { 'if-match': '"3"', 'if-none-match': '*' },
    },
  ],
  ['admin', 'PUT', FLAG, 400, { body: buildFlagBody(), headers: { 'if-none-match': '"3"' } }],
  ['admin', 'DELETE', FLAG, 412, { headers: { 'if-match': '"2"' } }],
  ['reader', 'GET', FLAG, 200],
]

const nestObject = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
/** The body of a flag whose values are exactly this JSON text. */
const buildValueBody = (value_type: string, text: string): string =>
  buildFlagBody({ value_type, default_value: 0, safe_value: 1 })
    .replace('"default_value":0', `"default_value":${text}`)
    .replace('"safe_value":1', `"safe_value":${text}`)
const BAD_BODIES: readonly (readonly [status: number, text: string])[] = [
  [400, ''],
  [400, '{'],
  [400, '[]'],
  [400, 'null'],
  [400, '"x"'],
  [400, buildFlagBody().replace('{', '{"owner":"x",')],
  [400, buildFlagBody({ revision: 7 })],
  [400, '{"value_type":"string"}'],
  [400, buildFlagBody({ sensitive: 'yes' })],
  [400, buildFlagBody({ state: 'asleep' })],
  [422, buildFlagBody({ default_value: 1 })],
  [400, buildValueBody('object', 'null')],
  [400, buildValueBody('object', '[1]')],
  [400, buildValueBody('string', String.raw`"\ud800"`)],
  [400, buildValueBody('string', String.raw`"\u0000"`)],
  [400, buildValueBody('number', '1e-7')],
  [400, buildValueBody('number', '5e-324')],
  [400, buildValueBody('number', '9007199254740993')],
  [400, buildValueBody('number', '1e400')],
  [400, buildValueBody('object', nestObject(70))],
  [400, buildFlagBody({ description: 'x'.repeat(3_000) })],
  [400, buildFlagBody({ default_value: 'x'.repeat(70_000) })],
  [413, buildFlagBody({ default_value: 'x'.repeat(300_000) })],
]
const BODIES: readonly Row[] = [
  ...BAD_BODIES.map(([status, text]): Row => ['admin', 'PUT', FLAG, status, body(text)]),
  ['admin', 'PUT', FLAG, 415, { body: buildFlagBody(), headers: { 'content-type': 'text/plain' } }],
]

/** Values that columns, drivers or JSON parsers are known to change. */
const VALUES: readonly (readonly [type: string, text: string])[] = [
  ['number', '9007199254740991'],
  ['number', '-9007199254740991'],
  ['number', '0.1'],
  ['number', '1.0'],
  ['number', '0'],
  ['string', '""'],
  ['string', '" a "'],
  ['string', '"\u00e9"'],
  ['string', '"e\u0301"'],
  ['string', '"\u{1f6a9}"'],
  ['string', '"\u2028"'],
  ['string', String.raw`"\\u0000 \" \n"`],
  ['object', '{}'],
  ['object', '{"b":{"z":[],"a":[1,{"x":null}]},"a":"\u00fc"}'],
  ['boolean', 'true'],
]
const STORED = VALUES.flatMap(([type, text], at): readonly Row[] => {
  const path = flagAt(`ff.api.value.${at}`)
  return [
    ['admin', 'PUT', path, 201, creating(buildValueBody(type, text))],
    ['reader', 'GET', path, 200],
  ]
})

const NAMES: readonly Row[] = [
  ['reader', 'GET', flagAt('FF.API'), 400],
  ['reader', 'GET', flagAt('nothing'), 400],
  ['admin', 'PUT', flagAt('ff..x'), 400, body(buildFlagBody())],
  ['admin', 'PUT', flagAt(`ff.${'x'.repeat(126)}`), 400, body(buildFlagBody())],
  ['admin', 'DELETE', flagAt('ff.api%00'), 400],
  ['reader', 'GET', flagAt('%ZZ'), 400],
  ['reader', 'GET', '/v1/nothing', 404],
  ['admin', 'PATCH', FLAG, 405, body(buildFlagBody())],
  ['admin', 'POST', FLAG, 405, body(buildFlagBody())],
  ['admin', 'DELETE', '/v1/flags', 405],
  ['admin', 'PUT', tenantAt('a%20b', 'ff.api.one'), 400, body('{"value":"x"}')],
  ['admin', 'GET', userAt('%20', 'ff.api.one'), 400],
]

const guard = (status: number, more: object): Row => [
  'admin',
  'PUT',
  flagAt(GUARDED),
  status,
  body(buildFlagBody(more)),
]
const LOOSENED: readonly Row[] = [
  guard(201, { sensitive: true, required_auth: 'verified' }),
  guard(403, { required_auth: 'verified' }),
  guard(403, { sensitive: true }),
  guard(403, { required_auth: 'verified', approval_ref: 'APP-9-unknown' }),
  ...APPROVALS.slice(1).map(([approval_ref]) =>
    guard(403, { required_auth: 'verified', approval_ref }),
  ),
  guard(400, { required_auth: 'verified', approval_ref: 'APP' }),
  guard(200, { required_auth: 'verified', approval_ref: 'APP-1-valid' }),
  guard(200, { required_auth: 'verified', state: 'killed' }),
  guard(403, { required_auth: 'verified' }),
  guard(200, { required_auth: 'verified', approval_ref: 'APP-1-valid' }),
]

const OURS = tenantAt(TEST_TENANT, 'ff.api.one')
const THEIRS = tenantAt('T-other', 'ff.api.one')
const USERS = userAt(TEST_USER, 'ff.api.one')
const VALUE = '{"value":"mine"}'
const OVERRIDES: readonly Row[] = [
  ['tenant', 'GET', OURS, 404],
  ['tenant', 'DELETE', OURS, 404],
  ['tenant', 'PUT', OURS, 201, creating(VALUE)],
  ['tenant', 'PUT', OURS, 412, creating(VALUE)],
  ['tenant', 'GET', OURS, 200],
  [
    'tenant',
    'PUT',
    OURS,
    200,
    {
      headers: { 'if-match': '"1"' },
      body: '{"value":"noted","note":"why \u00fc","expires_at":"2026-05-01T00:00:00.000Z"}',
    },
  ],
  ['tenant', 'PUT', OURS, 412, matching('"1"', VALUE)],
  ['tenant', 'PUT', OURS, 422, body('{"value":1}')],
  ['tenant', 'PUT', OURS, 400, body('{"value":"x","expires_at":"2026-02-30T00:00:00.000Z"}')],
  ['tenant', 'PUT', OURS, 400, body('{"value":"x","approval_ref":"APP"}')],
  ['tenant', 'PUT', OURS, 400, body('{"note":"no value"}')],
  ['tenant', 'PUT', tenantAt(TEST_TENANT, 'ff.api.none'), 404, body(VALUE)],
  ['tenant', 'GET', THEIRS, 403],
  ['tenant', 'PUT', THEIRS, 403, body(VALUE)],
  ['admin', 'PUT', THEIRS, 201, body(VALUE)],
  ['admin', 'PUT', FLAG, 409, body(buildValueBody('boolean', 'true'))],
  ['tenant', 'DELETE', OURS, 412, { headers: { 'if-match': '"1"' } }],
  ['tenant', 'DELETE', OURS, 200, { headers: { 'if-match': '"2"' } }],
  ['tenant', 'GET', OURS, 404],
  ['tenant', 'DELETE', OURS, 404],
  ['tenant', 'PUT', OURS, 412, matching('*', VALUE)],
  ['tenant', 'PUT', OURS, 200, creating(VALUE)],
  ['tenant', 'PUT', USERS, 403, body(VALUE)],
  ['tenant', 'GET', USERS, 403],
  ['anonymous', 'PUT', USERS, 401, body(VALUE)],
  ['admin', 'PUT', USERS, 201, body(VALUE)],
  ['admin', 'GET', USERS, 200],
  ['admin', 'DELETE', USERS, 200],
  ['admin', 'GET', USERS, 404],
]

const list = (query: string, status = 200): Row => ['reader', 'GET', `/v1/flags${query}`, status]
const LISTS: readonly Row[] = [
  list(''),
  list('?after=ff.list.n.4'),
  list('?limit=3'),
  list('?limit=3&after=ff.list.a'),
  list('?limit=3&after=ff.list.a-b'),
  list('?limit=4&after=ff.list.a.b'),
  list('?limit=1&after=ff.list.a1'),
  list('?limit=500'),
  list('?limit=500&after=ff.list.n'),
  list('?after=ff.zzz'),
  ...['?limit=0', '?limit=501', '?limit=x', '?limit=1&limit=2', '?after=x', '?x=1'].map((query) =>
    list(query, 400),
  ),
]

const ARCHIVED: readonly Row[] = [
  ['admin', 'DELETE', FLAG, 200, { headers: { 'if-match': '"3"' } }],
  ['reader', 'GET', FLAG, 200],
  ['admin', 'DELETE', FLAG, 409],
  ['admin', 'PUT', FLAG, 409, body(buildFlagBody())],
  ['tenant', 'PUT', OURS, 409, body(VALUE)],
  ['tenant', 'GET', OURS, 200],
  list('?limit=2'),
]

/** The requests in order; later ones depend on earlier ones. */
export const SUITE: readonly SuiteStep[] = [
  AUTH_STEPS,
  PRECONDITIONS,
  BODIES,
  STORED,
  NAMES,
  LOOSENED,
  OVERRIDES,
  LISTS,
  ARCHIVED,
]
  .flat()
  .map(([by, method, path, status, more]) => ({ by, method, path, status, ...more }))
