import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
  FLAG_BODY,
} from '../../support/service.ts'
import { PATTERNS } from '../../../src/core/rows/grammar.ts'
import { getAudit } from './audit-of.ts'

const FLAG = {
  ...FLAG_BODY,
  default_value: false,
  required_auth: 'any',
  description: 'made by a test',
}
const json = (value: unknown): string => JSON.stringify(value)
const getCode = ({ text }: Answer): string => (JSON.parse(text) as { code: string }).code

describe.each([
  ['file', openFileTarget],
  ['PostgreSQL 15', () => openDatabaseTarget('15')],
  ['PostgreSQL 18', () => openDatabaseTarget('18')],
] as const)('%s', (_name, openCrashTarget) => {
  let crashTarget: ServiceTarget
  let issuer: Issuer
  let service: StartedService
  let token = ''
  beforeAll(async () => {
    ;[crashTarget, issuer] = await Promise.all([openCrashTarget(), openIssuer()])
    service = await startService({ ...crashTarget.env, ...issuer.env })
    token = await issuer.token()
  })
  afterAll(async () => {
    expect((await service.stop()).status).toBe(0)
    await crashTarget.remove()
    await issuer.close()
  })

  const call = (path: string, asked: AskOptions = {}): Promise<Answer> =>
    ask(service.origin, path, { token, ...asked })
  const anonymous = (path: string, asked: AskOptions = {}): Promise<Answer> =>
    ask(service.origin, path, asked)
  const put = (path: string, body: object, headers: AskOptions['headers'] = {}): Promise<Answer> =>
    call(path, { method: 'PUT', body: json(body), headers })
  const remove = (path: string, headers: AskOptions['headers'] = {}): Promise<Answer> =>
    call(path, { method: 'DELETE', headers })
  const evaluate = async (
    body: object,
    asked: AskOptions = {},
  ): Promise<Record<string, unknown>> => {
    const answer = await call('/v1/flags/evaluate', { body: json(body), ...asked })
    expect(answer.status).toBe(200)
    return JSON.parse(answer.text) as Record<string, unknown>
  }

  test('a change shows in the next evaluation, and in the row with its ETag', async () => {
    const path = '/v1/flags/ff.shown'
    const made = await put(path, FLAG)
    expect([made.status, made.headers['etag']]).toEqual([201, '"1"'])
    expect(await evaluate({ flag_key: 'ff.shown' })).toMatchObject({
      decision: 'allow',
      value: false,
      reason: 'global_default',
      meta: { auth_mode: 'verified', tenant_id: 'T1', user_id: 'U1', flag_revision: 1 },
    })
    const changed = await put(path, { ...FLAG, default_value: true })
    expect([changed.status, changed.headers['etag']]).toEqual([200, '"2"'])
    expect(await evaluate({ flag_key: 'ff.shown' })).toMatchObject({ value: true })
    const row = await call(path)
    expect(JSON.parse(row.text)).toMatchObject({ flag_key: 'ff.shown', revision: 2 })
    expect(row.headers['etag']).toBe('"2"')
  })

  test('a user override takes precedence over a tenant override, until it is deleted', async () => {
    await put('/v1/flags/ff.layers', {
      ...FLAG,
      value_type: 'string',
      default_value: 'd',
      safe_value: 's',
    })
    const tenant = '/v1/flags/override/tenant/T1/ff.layers'
    const user = '/v1/flags/override/user/U1/ff.layers'
    expect((await put(tenant, { value: 'of the tenant' })).status).toBe(201)
    expect(await evaluate({ flag_key: 'ff.layers' })).toMatchObject({ reason: 'tenant_override' })
    expect((await put(user, { value: 'of the user' })).status).toBe(201)
    expect(await evaluate({ flag_key: 'ff.layers' })).toMatchObject({ value: 'of the user' })
    expect((await remove(user)).status).toBe(200)
    expect(getCode(await call(user))).toBe('override_unknown')
    expect(getCode(await remove(user))).toBe('override_unknown')
    expect(await evaluate({ flag_key: 'ff.layers' })).toMatchObject({ value: 'of the tenant' })
    // A created row continues the revision of its tombstone.
    expect((await put(user, { value: 'again' }, { 'if-none-match': '*' })).headers['etag']).toBe(
      '"3"',
    )
  })

  test.each([
    'anna+test@example.com',
    'auth0|5f7c',
    'system:serviceaccount:ns:sa',
    '../U1/ff.layers?x#y',
    '%2F%00',
    `"'\\{}<>`,
    '__proto__',
    '~'.repeat(255),
  ])('S3: the id %j of a user or a tenant is one segment of a path', async (id) => {
    const flag_key = 'ff.ids'
    await put(`/v1/flags/${flag_key}`, {
      ...FLAG,
      value_type: 'string',
      default_value: 'd',
      safe_value: 's',
    })
    for (const kind of ['tenant', 'user']) {
      const path = `/v1/flags/override/${kind}/${encodeURIComponent(id)}/${flag_key}`
      const value = `of the ${kind} ${id}`
      expect((await put(path, { value })).status).toBe(201)
      expect(JSON.parse((await call(path)).text)).toMatchObject({ [`${kind}_id`]: id, value })
      expect(await evaluate({ flag_key, [`${kind}_id`]: id })).toMatchObject({ value })
      expect((await remove(path)).status).toBe(200)
    }
  })

  test.each([
    ['the right tag', { 'if-match': '"1"' }, 200, null],
    ['any row', { 'if-match': '*' }, 200, null],
    ['a stale tag', { 'if-match': '"7"' }, 412, 'revision_conflict'],
    ['a weak tag', { 'if-match': 'W/"1"' }, 412, 'revision_conflict'],
    ['a tag of another kind', { 'if-match': '"abc"' }, 412, 'revision_conflict'],
    ['no row', { 'if-none-match': '*' }, 412, 'revision_conflict'],
    ['a list', { 'if-match': '"1", "2"' }, 400, 'precondition_invalid'],
    ['both', { 'if-match': '"1"', 'if-none-match': '*' }, 400, 'precondition_invalid'],
    ['another tag to be absent', { 'if-none-match': '"1"' }, 400, 'precondition_invalid'],
  ] as const)('a change with a precondition of %s', async (name, headers, status, code) => {
    const path = `/v1/flags/ff.expects-${name.replaceAll(' ', '-')}`
    await put(path, FLAG)
    const answer = await put(path, { ...FLAG, description: 'changed' }, headers)
    expect([answer.status, code === null ? null : getCode(answer)]).toEqual([status, code])
  })

  test('If-Match: * is refused for a missing row', async () => {
    const answer = await put('/v1/flags/ff.nowhere', FLAG, { 'if-match': '*' })
    expect([answer.status, getCode(answer)]).toEqual([412, 'revision_conflict'])
  })

  test('the registry is listed in pages, sorted by key', async () => {
    const keys = ['ff.page.a', 'ff.page.b', 'ff.page.b-1', 'ff.page.b.1', 'ff.page.c']
    for (const key of keys) await put(`/v1/flags/${key}`, FLAG)
    const seen: string[] = []
    let after = 'ff.page'
    for (;;) {
      const page = await call(`/v1/flags?limit=2&after=${after}`)
      expect(page.status).toBe(200)
      const { flags, next } = JSON.parse(page.text) as {
        flags: { flag_key: string }[]
        next: string | null
      }
      seen.push(...flags.map(({ flag_key }) => flag_key))
      if (next === null) break
      after = next
    }
    expect(seen.filter((key) => key.startsWith('ff.page.'))).toEqual([
      'ff.page.a',
      'ff.page.b',
      'ff.page.b-1',
      'ff.page.b.1',
      'ff.page.c',
    ])
  })

  test.each(['limit=0', 'limit=501', 'limit=1e2', 'after=no', 'x=1', 'limit=1&limit=2'])(
    'a page of %s is refused',
    async (query) => {
      const answer = await call(`/v1/flags?${query}`)
      expect([answer.status, getCode(answer)]).toEqual([400, 'query_invalid'])
    },
  )

  test('many flags are evaluated in the order of the request, at one instant', async () => {
    await put('/v1/flags/ff.many.a', FLAG)
    await put('/v1/flags/ff.many.b', { ...FLAG, state: 'killed' })
    const { decisions } = (await evaluate({
      flag_keys: ['ff.many.b', 'ff.many.none', 'ff.many.a'],
    })) as { decisions: { reason: string; meta: { evaluated_at: string } }[] }
    expect(decisions.map(({ reason }) => reason)).toEqual([
      'kill_switch',
      'flag_unknown',
      'global_default',
    ])
    expect(new Set(decisions.map(({ meta }) => meta.evaluated_at)).size).toBe(1)
  })

  test('all flags are those whose required_auth the caller satisfies', async () => {
    await put('/v1/flags/ff.all.open', { ...FLAG, required_auth: 'none' })
    await put('/v1/flags/ff.all.any', { ...FLAG, required_auth: 'any' })
    const keysFor = async (asked: AskOptions): Promise<readonly string[]> => {
      const answer = await anonymous('/v1/flags/evaluate', { body: '{"all":true}', ...asked })
      const { decisions } = JSON.parse(answer.text) as { decisions: { flag_key: string }[] }
      return decisions.map(({ flag_key }) => flag_key).filter((key) => key.startsWith('ff.all.'))
    }
    expect(await keysFor({})).toEqual(['ff.all.open'])
    expect(await keysFor({ token })).toEqual(['ff.all.any', 'ff.all.open'])
  })

  test('each route requires its scopes', async () => {
    const path = '/v1/flags/ff.scopes'
    await put(path, FLAG)
    const tenant = '/v1/flags/override/tenant/T1/ff.scopes'
    const foreign = '/v1/flags/override/tenant/T2/ff.scopes'
    const user = '/v1/flags/override/user/U1/ff.scopes'
    const change = { method: 'PUT', body: json({ value: true }) }
    const cases = [
      ['ff:registry:read', path, {}, 200],
      ['ff:registry:write', path, {}, 403],
      ['ff:registry:read', path, { method: 'PUT', body: json(FLAG) }, 403],
      ['ff:registry:write', path, { method: 'PUT', body: json(FLAG) }, 200],
      ['ff:override:write', tenant, change, 201],
      ['ff:override:write', foreign, change, 403],
      ['ff:override:write ff:tenant:any', foreign, change, 201],
      ['ff:override:write', user, change, 403],
      ['ff:override:write ff:tenant:any', user, change, 201],
      ['', tenant, {}, 403],
    ] as const
    for (const [scope, at, asked, status] of cases) {
      const answer = await anonymous(at, { token: await issuer.token({ scope }), ...asked })
      expect([scope, at, answer.status]).toEqual([scope, at, status])
    }
    for (const at of ['/v1/flags', path, tenant, user]) {
      const answer = await anonymous(at)
      expect([answer.status, getCode(answer)]).toEqual([401, 'token_missing'])
      expect(answer.headers['www-authenticate']).toBe('Bearer')
    }
  })

  test('a token speaks for its own tenant and user, and for others by a scope', async () => {
    await put('/v1/flags/ff.context', FLAG)
    const asked = { body: json({ flag_key: 'ff.context', user_id: 'U2', tenant_id: 'T1' }) }
    const plain = await issuer.token({ scope: '' })
    const refused = await anonymous('/v1/flags/evaluate', { token: plain, ...asked })
    expect([refused.status, getCode(refused)]).toEqual([403, 'context_mismatch'])
    const any = await issuer.token({ scope: 'ff:evaluate:any' })
    const { text } = await anonymous('/v1/flags/evaluate', { token: any, ...asked })
    expect(JSON.parse(text)).toMatchObject({ meta: { user_id: 'U2' } })
  })

  test('a refused token gets its 401, also with a bad body', async () => {
    const expired = await issuer.token({ exp: 1 })
    for (const asked of [
      { token: expired },
      { headers: { authorization: 'Basic Zm9vOmJhcg==' } },
    ]) {
      const answer = await anonymous('/v1/flags/evaluate', { body: 'no JSON', ...asked })
      expect([answer.status, getCode(answer)]).toEqual([
        401,
        'token' in asked ? 'token_expired' : 'token_malformed',
      ])
    }
  })

  test.each([
    ['nothing', '', 'json_empty', ''],
    ['a text that is not JSON', '{', 'json_malformed', ''],
    ['a list', '[]', 'type_wrong', ''],
    ['no key', '{}', 'member_missing', '/flag_key'],
    ['a malformed key', '{"flag_key":"FF.X"}', 'form_wrong', '/flag_key'],
    [
      'a duplicate member',
      '{"flag_key":"ff.x","flag_key":"ff.y"}',
      'duplicate_member',
      '/flag_key',
    ],
    ['an unknown member', '{"flag_key":"ff.x","x":1}', 'member_unknown', '/x'],
    ['a member __proto__', '{"flag_key":"ff.x","__proto__":{}}', 'member_unknown', '/__proto__'],
    [
      'a member constructor',
      '{"flag_key":"ff.x","constructor":1}',
      'member_unknown',
      '/constructor',
    ],
    [
      'a tenant with a line break',
      '{"flag_key":"ff.x","tenant_id":"T\\r\\n1"}',
      'form_wrong',
      '/tenant_id',
    ],
    ['a tenant with a space', '{"flag_key":"ff.x","tenant_id":"a b"}', 'form_wrong', '/tenant_id'],
    ['a lone surrogate', '{"flag_key":"\\ud800"}', 'lone_surrogate', '/flag_key'],
  ] as const)(
    'an evaluation of %s is refused with a code and a pointer',
    async (_what, body, code, at) => {
      const answer = await call('/v1/flags/evaluate', { body })
      expect(answer.status).toBe(400)
      const problem = JSON.parse(answer.text) as { code: string; errors: { pointer: string }[] }
      expect([problem.code, problem.errors[0]?.pointer]).toEqual([code, at])
    },
  )

  test('N11: a malformed key in a path is refused with its pointer and the pattern of a key', async () => {
    // The refusals of an actor are counted together, and another test counts those of U1.
    const change = { method: 'PUT', body: json(FLAG), token: await issuer.token({ sub: 'U-key' }) }
    const errors = [{ code: 'form_wrong', pointer: '/flag_key', pattern: PATTERNS.get('flag_key') }]
    for (const answer of [await call('/v1/flags/my-flag', change), await call('/v1/flags/my-flag')])
      expect([answer.status, JSON.parse(answer.text)]).toMatchObject([400, { errors }])
  })

  test('a refused change gets the code of the store, and is recorded', async () => {
    const path = '/v1/flags/ff.refused'
    await put(path, { ...FLAG, required_auth: 'verified', sensitive: true })
    const cases = [
      [{ ...FLAG, default_value: 1 }, 422, 'value_type_mismatch'],
      [{ ...FLAG, extra: 1 }, 400, 'member_unknown'],
      [{ ...FLAG, sensitive: false, required_auth: 'verified' }, 403, 'approval_missing'],
      [{ ...FLAG, approval_ref: 'APP-1-x' }, 503, 'admin_unreachable'],
      [{ ...FLAG, approval_ref: 'nonsense' }, 400, 'form_wrong'],
    ] as const
    for (const [body, status, code] of cases) {
      const answer = await put(path, body)
      expect([answer.status, getCode(answer)]).toEqual([status, code])
    }
    const recorded = async () => {
      const { records } = await getAudit(crashTarget)
      const refused = records.filter(
        ({ target, outcome }) => target === 'flag/ff.refused' && outcome === 'refused',
      )
      return refused.map(({ after }) => after)
    }
    // Records of refusals are written behind the answers.
    await expect.poll(recorded).toEqual(cases.map(([, , code]) => ({ refused: code })))
  })

  test('a change without its scope is recorded for an authenticated user, and not for an anonymous one', async () => {
    const path = '/v1/flags/override/tenant/T9/ff.recorded'
    const change = { method: 'PUT', body: json({ value: true }) }
    const token = await issuer.token({ scope: 'ff:override:write', sub: 'U-nosy' })
    expect((await anonymous(path, { token, ...change })).status).toBe(403)
    expect((await anonymous(path, change)).status).toBe(401)
    const about = async () => {
      const { records } = await getAudit(crashTarget)
      return records.filter(({ target }) => target === 'tenant/T9/ff.recorded')
    }
    await expect
      .poll(about)
      .toMatchObject([
        { actor: 'U-nosy', outcome: 'refused', after: { refused: 'tenant_foreign' } },
      ])
  })

  test('a number keeps its digits, and members their order; a number that would lose digits is refused', async () => {
    const path = '/v1/flags/ff.exact'
    const body = (value: string): string =>
      `{"value_type":"object","default_value":${value},"safe_value":{},"sensitive":false,"required_auth":"any","state":"active","description":"","owner":""}`
    const lost = await call(path, { method: 'PUT', body: body('{"n":9007199254740993}') })
    expect([lost.status, getCode(lost)]).toEqual([400, 'number_not_canonical'])
    const kept = await call(path, { method: 'PUT', body: body('{"b":0.1,"a":{"2":1,"10":2}}') })
    expect(kept.status).toBe(201)
    const { text } = await call('/v1/flags/evaluate', { body: '{"flag_key":"ff.exact"}' })
    expect(text).toContain('"value":{"a":{"10":2,"2":1},"b":0.1}')
  })

  test('archiving is final', async () => {
    const path = '/v1/flags/ff.final'
    await put(path, FLAG)
    expect(JSON.parse((await remove(path)).text)).toMatchObject({ state: 'archived', revision: 2 })
    for (const answer of [await remove(path), await put(path, FLAG)])
      expect([answer.status, getCode(answer)]).toEqual([409, 'flag_archived'])
    expect(await evaluate({ flag_key: 'ff.final' })).toMatchObject({ reason: 'flag_archived' })
  })

  test('the audit chain is whole after all these changes', async () => {
    const { records, whole } = await getAudit(crashTarget)
    expect(records.length).toBeGreaterThan(10)
    expect(whole).toBe(true)
  })

  test('readiness lists the state of each dependency', async () => {
    const { status, text } = await anonymous('/health/ready')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({
      status: 'ready',
      dependencies: { store: { state: 'up' }, keys: { state: 'up' } },
    })
  })
})
