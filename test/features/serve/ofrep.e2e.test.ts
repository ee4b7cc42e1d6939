import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { OFREPProvider } from '@openfeature/ofrep-provider'
import { type Client, OpenFeature } from '@openfeature/server-sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toOfrepRefusalAt } from '../../../src/features/serve/ofrep-reply.ts'
import { openServer } from '../../../src/adapters/http/server.ts'
import type { Route } from '../../../src/ports/http.ts'
import {
  type Answer,
  ask,
  type AskOptions,
  openDatabaseTarget,
  openFileTarget,
  type ServiceTarget,
  type Issuer,
  openIssuer,
  type StartedService,
  startService,
} from '../../support/service.ts'
import { connect } from '../../support/database.ts'
import { flagLine, storeFolder } from '../../support/store-folder.ts'
import { breaches } from './ofrep-schema.ts'

const FLAG = {
  sensitive: false,
  required_auth: 'any',
  state: 'active',
  description: 'made by a test',
  owner: 'tests',
}
type Put = readonly [path: string, body: string]
const flag = (key: string, type: string, values: readonly [string, string], more = {}): Put => [
  `/v1/flags/${key}`,
  `${JSON.stringify({ ...FLAG, value_type: type, ...more }).slice(0, -1)},"default_value":${values[0]},"safe_value":${values[1]}}`,
]
const OPEN = { required_auth: 'none' }
const PUTS: readonly Put[] = [
  flag('ff.bool', 'boolean', ['true', 'false']),
  flag('ff.text', 'string', ['"blue"', '""']),
  flag('ff.number', 'number', ['0.25', '0']),
  flag('ff.object', 'object', ['{"b":1,"10":2,"9":3}', '{}']),
  flag('ff.killed', 'boolean', ['true', 'false'], { state: 'killed' }),
  flag('ff.open', 'string', ['"shown"', '"hidden"'], OPEN),
  flag('ff.sensitive', 'boolean', ['true', 'false'], { sensitive: true }),
  flag('ff.layers', 'string', ['"default"', '"safe"'], OPEN),
  ['/v1/flags/override/tenant/T1/ff.layers', '{"value":"of the tenant"}'],
  ['/v1/flags/override/user/U1/ff.layers', '{"value":"of the user"}'],
]
const KEYS = ['ff.bool', 'ff.killed', 'ff.layers', 'ff.number', 'ff.object', 'ff.open']
const ONE = '/ofrep/v1/evaluate/flags/'
const ALL = '/ofrep/v1/evaluate/flags'
const ANONYMOUS = '{"context":{}}'
const said = ({ text }: Answer): Record<string, unknown> =>
  JSON.parse(text) as Record<string, unknown>

describe.each([
  ['file', openFileTarget],
  ['PostgreSQL 15', () => openDatabaseTarget('15')],
] as const)('OFREP on %s', (_name, openCrashTarget) => {
  let target: ServiceTarget
  let issuer: Issuer
  let service: StartedService
  let token = ''
  let plain = ''
  beforeAll(async () => {
    ;[target, issuer] = await Promise.all([openCrashTarget(), openIssuer()])
    service = await startService({ ...target.env, ...issuer.env })
    ;[token, plain] = await Promise.all([issuer.token(), issuer.token({ scope: '' })])
    for (const [path, body] of PUTS) {
      const answer = await ask(service.origin, path, { method: 'PUT', token, body })
      expect(answer.status).toBe(201)
    }
  })
  afterAll(async () => {
    expect((await service.stop()).status).toBe(0)
    await target.remove()
    await issuer.close()
  })
  const ofrep = (path: string, asked: AskOptions = {}): Promise<Answer> =>
    ask(service.origin, path, { method: 'POST', body: ANONYMOUS, ...asked })
  const one = (key: string, context: object, asked: AskOptions = {}): Promise<Answer> =>
    ofrep(`${ONE}${key}`, { body: JSON.stringify({ context }), ...asked })

  describe('a stock OpenFeature client', () => {
    const findClient = async (name: string, bearer: string): Promise<Client> => {
      const headers: [string, string][] = [['Authorization', `Bearer ${bearer}`]]
      const provider = new OFREPProvider({ baseUrl: service.origin, headers })
      await OpenFeature.setProviderAndWait(name, provider)
      return OpenFeature.getClient(name)
    }
    afterAll(() => OpenFeature.close())

    test('gets every type of value, with reason and metadata', async () => {
      const client = await findClient('types', plain)
      const context = { targetingKey: 'U1', tenant_id: 'T1' }
      expect(await client.getBooleanDetails('ff.bool', false, context)).toMatchObject({
        value: true,
        reason: 'STATIC',
        flagMetadata: { reason: 'global_default', matched_scope: 'global', flag_revision: 1 },
      })
      expect(await client.getStringValue('ff.text', '-', context)).toBe('blue')
      expect(await client.getNumberValue('ff.number', -1, context)).toBe(0.25)
      expect(await client.getObjectValue('ff.object', {}, context)).toEqual({ 9: 3, 10: 2, b: 1 })
      expect(await client.getStringDetails('ff.layers', '-', context)).toMatchObject({
        value: 'of the user',
        reason: 'TARGETING_MATCH',
        flagMetadata: { matched_scope: 'user', chain: expect.stringMatching(/:matched$/) },
      })
    })

    test('gets the safe value of a killed flag, also with true as the default of the call', async () => {
      const client = await findClient('killed', plain)
      const details = await client.getBooleanDetails('ff.killed', true, {})
      expect(details).toMatchObject({ value: false, reason: 'DISABLED' })
      expect(details.errorCode).toBeUndefined()
      expect(details.flagMetadata).toMatchObject({ reason: 'kill_switch' })
    })

    test.each([
      'anna+test@example.com',
      'auth0|5f7c',
      'system:serviceaccount:ns:sa',
      'Jörg',
      'a b',
      'x'.repeat(256),
    ])('S3: a killed flag is off for the user %j', async (targetingKey) => {
      const client = await findClient('users', token)
      const details = await client.getBooleanDetails('ff.killed', true, { targetingKey })
      expect(details).toMatchObject({ value: false, reason: 'DISABLED' })
    })

    test.each([
      ['an unknown flag', 'ff.none', {}, 'FLAG_NOT_FOUND'],
      ['a malformed key', 'New_Flow', {}, 'FLAG_NOT_FOUND'],
      // The provider 0.1.3 does not percent-encode a key, so the path has more segments.
      ['a key with a slash', 'a/b c', {}, 'FLAG_NOT_FOUND'],
      ['a key that cannot be decoded', 'a%zz', {}, 'GENERAL'],
      ['a tenant of another type', 'ff.bool', { tenant_id: 7 }, 'INVALID_CONTEXT'],
      ['a value of another type', 'ff.text', {}, 'TYPE_MISMATCH'],
    ])('gets its default for %s, with %s', async (_what, key, context, errorCode) => {
      const client = await findClient('errors', plain)
      const details = await client.getBooleanDetails(key, true, context)
      expect(details).toMatchObject({ value: true, reason: 'ERROR', errorCode })
    })

    test('gets its default with a refused token', async () => {
      const client = await findClient('refused', await issuer.token({ exp: 1 }))
      expect(await client.getBooleanDetails('ff.bool', false, {})).toMatchObject({
        value: false,
        errorCode: 'GENERAL',
      })
    })
  })

  test.each([
    ['a default', 'ff.bool', {}, 'STATIC', true],
    ['an override of a user', 'ff.layers', {}, 'TARGETING_MATCH', 'of the user'],
    ['a killed flag', 'ff.killed', {}, 'DISABLED', false],
    ['a sensitive flag without approval', 'ff.sensitive', {}, 'DISABLED', false],
    [
      'a sensitive flag with Admin unreachable',
      'ff.sensitive',
      { approval_ref: 'APP-1-a' },
      'DISABLED',
      false,
    ],
  ])('%s is valid by the repaired schema', async (_what, key, context, reason, value) => {
    const answer = await one(key, context, { token: plain })
    expect(answer.status).toBe(200)
    expect(breaches('success', answer.text)).toEqual([])
    expect(said(answer)).toMatchObject({ key, reason, value })
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      vary: 'Authorization',
    })
  })

  test('a value arrives with the member order of the store', async () => {
    const { text } = await one('ff.object', {}, { token: plain })
    expect(text).toContain('"value":{"10":2,"9":3,"b":1}')
  })

  test('without a token the context names tenant and user, and a scope without a name is skipped', async () => {
    const value = async (context: object): Promise<unknown> =>
      said(await one('ff.layers', context))['value']
    expect(await value({})).toBe('default')
    expect(await value({ tenant_id: 'T1' })).toBe('of the tenant')
    expect(await value({ targetingKey: 'U1' })).toBe('of the user')
    expect(said(await one('ff.bool', { targetingKey: 'U1' }))).toMatchObject({
      reason: 'DISABLED',
      value: false,
      metadata: { reason: 'auth_required', warnings: 'unauthenticated' },
    })
  })

  test('a decision equals that of POST /v1/flags/evaluate', async () => {
    const body = '{"flag_key":"ff.layers"}'
    for (const bearer of [token, plain]) {
      const { text } = await ask(service.origin, '/v1/flags/evaluate', { token: bearer, body })
      const own = JSON.parse(text) as Record<string, unknown>
      const answer = said(await one('ff.layers', {}, { token: bearer }))
      expect(answer).toMatchObject({ value: own['value'], metadata: { reason: own['reason'] } })
    }
  })

  test.each(['', 'Jörg', 'a b', 'x'.repeat(256)])(
    'S3: a targetingKey %j that is no id skips its layer with a warning',
    async (id) => {
      const context = { targetingKey: id, tenant_id: id }
      const body = JSON.stringify({ context })
      const alone = await ofrep(`${ONE}ff.open`, { body })
      expect([alone.status, breaches('success', alone.text)]).toEqual([200, []])
      expect(said(alone)['metadata']).toMatchObject({
        warnings: expect.stringContaining('targeting_key_skipped,tenant_id_skipped') as string,
      })
      const { flags } = said(await ofrep(ALL, { body })) as { flags: object[] }
      expect(flags).toContainEqual(said(alone))
    },
  )

  test.each(['anna+test@example.com', 'auth0|5f7c', 'system:serviceaccount:ns:sa', `"'\\/..%2F`])(
    'S3: the targetingKey %j is an id',
    async (id) => {
      const answer = await ofrep(`${ONE}ff.open`, {
        body: JSON.stringify({ context: { targetingKey: id } }),
      })
      expect([answer.status, said(answer)['metadata']]).toMatchObject([
        200,
        { warnings: 'unauthenticated' },
      ])
    },
  )

  test('a token speaks for its own tenant and user, and for others by a scope', async () => {
    for (const context of [{ targetingKey: 'U2' }, { targetingKey: 'U1', tenant_id: 'T2' }]) {
      const refused = await one('ff.layers', context, { token: plain })
      expect([refused.status, said(refused)]).toMatchObject([
        403,
        { key: 'ff.layers', errorCode: 'GENERAL', metadata: { code: 'context_mismatch' } },
      ])
      expect((await ofrep(ALL, { token: plain, body: JSON.stringify({ context }) })).status).toBe(
        403,
      )
    }
    expect(said(await one('ff.layers', { targetingKey: 'U2' }, { token }))).toMatchObject({
      value: 'of the tenant',
    })
  })

  test.each([
    ['no body', { body: '' }, 400, 'PARSE_ERROR', 'json_empty'],
    ['a body that is not JSON', { body: '{' }, 400, 'PARSE_ERROR', 'json_malformed'],
    [
      'a body that is not UTF-8',
      { body: new Uint8Array([0xff]) },
      400,
      'PARSE_ERROR',
      'utf8_invalid',
    ],
    ['no context', { body: '{}' }, 400, 'INVALID_CONTEXT', 'member_missing'],
    ['a list', { body: '{"context":[]}' }, 400, 'INVALID_CONTEXT', 'type_wrong'],
    ['a body that is too large', { body: ' '.repeat(262_145) }, 413, 'GENERAL', 'body_too_large'],
    [
      'another type of body',
      { headers: { 'content-type': 'text/plain' } },
      415,
      'PARSE_ERROR',
      'media_type_unsupported',
    ],
    ['another method', { method: 'PUT' }, 405, 'GENERAL', 'method_not_allowed'],
    [
      'another scheme',
      { headers: { 'content-type': 'application/json', authorization: 'Basic eDp5' } },
      401,
      'GENERAL',
      'token_malformed',
    ],
  ] as const)('%s', async (_what, asked: AskOptions, status, errorCode, code) => {
    const expected = { errorCode, metadata: { code } }
    // The flag is unknown, and the request is refused before the flag is read.
    const single = await ofrep(`${ONE}ff.none`, asked)
    expect([single.status, said(single)]).toMatchObject([status, { key: 'ff.none', ...expected }])
    expect(breaches('failure', single.text)).toEqual([])
    const bulk = await ofrep(ALL, asked)
    expect([bulk.status, said(bulk)]).toMatchObject([status, expected])
    expect(breaches('bulkFailure', bulk.text)).toEqual([])
    for (const { headers } of [single, bulk])
      expect(headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
      })
  })

  test('a request without a content type has no body', async () => {
    const answer = await ask(service.origin, `${ONE}ff.bool`, { method: 'POST' })
    expect(said(answer)).toMatchObject({ key: 'ff.bool', errorCode: 'PARSE_ERROR' })
  })

  test('a refused token gets its 401 before the flag is read', async () => {
    const expired = await issuer.token({ exp: 1 })
    for (const path of [`${ONE}ff.none`, ALL]) {
      const answer = await ofrep(path, { token: expired, body: 'no JSON' })
      expect(answer.headers['www-authenticate']).toBe('Bearer')
      expect([answer.status, said(answer)['metadata']]).toEqual([401, { code: 'token_expired' }])
    }
  })

  test('an unknown path of the protocol gets an OFREP error', async () => {
    const below = await ofrep(`${ONE}a/b%20c?d`)
    expect([below.status, said(below)]).toMatchObject([
      404,
      { key: 'a/b c', errorCode: 'FLAG_NOT_FOUND' },
    ])
    const beside = await ofrep('/ofrep/v2/evaluate')
    expect([beside.status, said(beside)]).toMatchObject([404, { errorCode: 'GENERAL' }])
    expect(said(beside)).not.toHaveProperty('key')
    const elsewhere = await ofrep('/ofrepx')
    expect(elsewhere.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  })

  describe('all flags', () => {
    const all = (asked: AskOptions = {}): Promise<Answer> => ofrep(ALL, { token: plain, ...asked })

    test('are those whose required_auth the caller satisfies, sorted by key, each as evaluated alone', async () => {
      const answer = await all()
      expect(breaches('bulk', answer.text)).toEqual([])
      const { flags } = said(answer) as { flags: { key: string }[] }
      expect(flags.map(({ key }) => key)).toEqual([...KEYS, 'ff.sensitive', 'ff.text'])
      for (const item of flags)
        expect(said(await one(item.key, {}, { token: plain }))).toEqual(item)
      const open = said(await ofrep(ALL)) as { flags: { key: string }[] }
      expect(open.flags.map(({ key }) => key)).toEqual(['ff.layers', 'ff.open'])
    })

    test('have a strong ETag of the whole response, stable while the response is', async () => {
      const first = await all()
      const { etag = '' } = first.headers as { etag?: string }
      expect(etag).toBe(`"${createHash('sha256').update(first.text).digest('hex')}"`)
      expect((await all()).headers['etag']).toBe(etag)
      for (const known of [etag, `W/${etag}`, `"x", W/${etag}`, ['"x"', etag], '*']) {
        const again = await all({
          headers: { 'content-type': 'application/json', 'if-none-match': known },
        })
        expect([again.status, again.text]).toEqual([304, ''])
        expect(again.headers).toMatchObject({ etag, 'cache-control': 'no-store' })
        expect(again.headers).not.toHaveProperty('content-length')
      }
      const other = { 'content-type': 'application/json', 'if-none-match': '"x"' }
      expect((await all({ headers: other })).status).toBe(200)
    })

    test('have another ETag for another context and another caller', async () => {
      const tags = await Promise.all(
        [
          { token: '', body: ANONYMOUS },
          { token: '', body: '{"context":{"tenant_id":"T1"}}' },
          { token: '', body: '{"context":{"targetingKey":"U1"}}' },
          { token: plain, body: ANONYMOUS },
        ].map(async ({ token: bearer, body }) => {
          const asked = bearer === '' ? { body } : { body, token: bearer }
          return (await ofrep(ALL, asked)).headers['etag']
        }),
      )
      expect(new Set(tags).size).toBe(tags.length)
    })

    test('come whole to a request that names a change event', async () => {
      const etag = String((await all()).headers['etag'])
      const query = `?flagConfigEtag=${encodeURIComponent(etag)}&flagConfigLastModified=2999-01-01T00:00:00Z`
      const answer = await ofrep(`${ALL}${query}`, { token: plain })
      expect([answer.status, answer.headers['etag']]).toEqual([200, etag])
    })

    test('have another ETag after a change', async () => {
      const before = (await all()).headers['etag']
      const [path, body] = flag('ff.text', 'string', ['"green"', '""'])
      expect((await ask(service.origin, path, { method: 'PUT', token, body })).status).toBe(200)
      const headers = { 'content-type': 'application/json', 'if-none-match': String(before) }
      const after = await all({ headers })
      expect([after.status, after.headers['etag'] === before]).toEqual([200, false])
    })
  })
})

test('an unreachable store gets an OFREP error with status 500', async () => {
  const target = await openDatabaseTarget('15')
  const service = await startService({ ...target.env, FF_STALE_MAX: '0' })
  try {
    await target.database?.drop()
    const single = await ask(service.origin, `${ONE}ff.bool`, { body: ANONYMOUS })
    expect([single.status, said(single)]).toMatchObject([
      500,
      {
        key: 'ff.bool',
        errorCode: 'GENERAL',
        // The code depends on whether the connection was open when the database was dropped.
        metadata: { code: expect.stringMatching(/^(backing_unavailable|target_unreachable)$/) },
      },
    ])
    const bulk = await ask(service.origin, ALL, { body: ANONYMOUS })
    expect([bulk.status, said(bulk)]).toMatchObject([500, { errorCode: 'GENERAL' }])
  } finally {
    await service.stop()
    const sql = await connect('15')
    await sql.query(`CREATE DATABASE ${target.database?.database}`) // target.remove() drops it again.
    await sql.end()
    await target.remove()
  }
})

test('a broken row does not fail the other flags', async () => {
  const open = { required_auth: '"none"' }
  const folder = await storeFolder([
    flagLine('ff.broken', 'boolean', { ...open, owner: undefined }),
    flagLine('ff.whole', 'boolean', open),
  ])
  const service = await startService({ FF_BACKING: 'file', FF_STORE_DIR: folder, FF_ENV: 'dev' })
  try {
    const single = await ask(service.origin, `${ONE}ff.broken`, { body: ANONYMOUS })
    expect(single.status).toBe(500)
    const bulk = await ask(service.origin, ALL, { body: ANONYMOUS })
    expect(bulk.status).toBe(200)
    expect(breaches('bulk', bulk.text)).toEqual([])
    const { flags } = said(bulk) as { flags: object[] }
    expect(flags).toEqual([
      said(single),
      expect.objectContaining({ key: 'ff.whole', value: false }),
    ])
    expect(said(single)).toMatchObject({ key: 'ff.broken', errorCode: 'GENERAL' })
  } finally {
    await service.stop()
    await rm(folder, { recursive: true })
  }
})

test('more flags than the limit are refused, not truncated', async () => {
  const flags = Array.from({ length: 5_001 }, (_, at) =>
    flagLine(`ff.n${String(at).padStart(4, '0')}`, 'boolean'),
  )
  const folder = await storeFolder(flags)
  const service = await startService({ FF_BACKING: 'file', FF_STORE_DIR: folder, FF_ENV: 'dev' })
  try {
    const bulk = await ask(service.origin, ALL, { body: ANONYMOUS })
    expect([bulk.status, said(bulk)]).toMatchObject([
      400,
      { errorCode: 'GENERAL', metadata: { code: 'too_many_flags' } },
    ])
    expect(breaches('bulkFailure', bulk.text)).toEqual([])
  } finally {
    await service.stop()
    await rm(folder, { recursive: true })
  }
})

test('an unreachable key server gets a 503', async () => {
  const jwks = { FF_JWKS_URL: 'http://127.0.0.1:1/jwks', FF_JWT_ISSUER: 'https://idp.example' }
  const [service, issuer] = await Promise.all([startService(jwks), openIssuer()])
  try {
    const token = await issuer.token({ iss: 'https://idp.example' })
    const answer = await ask(service.origin, `${ONE}ff.none`, { body: ANONYMOUS, token })
    expect([answer.status, said(answer)]).toMatchObject([
      503,
      { key: 'ff.none', errorCode: 'GENERAL', metadata: { code: 'jwks_unreachable' } },
    ])
    expect(answer.headers['retry-after']).toBe('1')
  } finally {
    await service.stop()
    await issuer.close()
  }
})

describe('a refusal of the server outside a route', () => {
  const route: Route = {
    id: 'bug',
    method: 'POST',
    path: `${ONE}:key`,
    handle: () => Promise.reject(new Error('a bug')),
  }
  const LIMITS = {
    body_bytes: 1_000,
    header_bytes: 8_192,
    headers_ms: 1_000,
    request_ms: 1_000,
    answer_ms: 1_000,
    arriving: 10,
    arriving_per_peer: 10,
  }
  const httpObserver = { replied: () => undefined, failed: () => undefined }

  test.each([
    ['a bug', 10, `${ONE}ff.a`, 500, 'internal'],
    ['one request too many', 0, `${ONE}ff.a`, 503, 'too_many_requests_in_flight'],
    ['a path that cannot be decoded', 10, `${ONE}ff%zza`, 400, 'request_malformed'],
  ])('%s has a key and an error code', async (_what, in_flight, path, status, code) => {
    const server = await openServer([route], {
      at: { host: '127.0.0.1', port: 0 },
      limits: { ...LIMITS, in_flight, settle_ms: 0, drain_ms: 1_000 },
      httpObserver,
      refusal: toOfrepRefusalAt,
    })
    try {
      const answer = await ask(server.origin, path, { body: ANONYMOUS })
      const key = path.slice(ONE.length)
      expect([answer.status, said(answer)]).toMatchObject([
        status,
        { key, errorCode: 'GENERAL', metadata: { code } },
      ])
      expect(answer.headers['retry-after']).toBe(status === 503 ? '1' : undefined)
    } finally {
      await server.drain()
    }
  })
})
