import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Answer,
  ask,
  type AskOptions,
  type Issuer,
  openDatabaseTarget,
  openFileTarget,
  openIssuer,
  type ServiceTarget,
  type StartedService,
  startService,
  FLAG_BODY,
} from '../../support/service.ts'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { getAudit } from './audit-of.ts'

const FLAG = {
  ...FLAG_BODY,
  value_type: 'string',
  default_value: 'd',
  safe_value: 's',
  required_auth: 'any',
}
const json = (value: unknown): string => JSON.stringify(value)
const parse = <T>({ text }: Answer): T => JSON.parse(text) as T
const getCode = (answer: Answer): string => parse<{ code: string }>(answer).code

/** An Admin that knows every approval whose ref does not end with `gone`. */
function openAdmin(): Promise<Server> {
  const server = createServer((request, response) => {
    void readText(request).then((body) => {
      const { check: _, ...asked } = JSON.parse(body) as Record<string, string>
      const known = { ttl_state: 'valid', not_before: '2026-01-01T00:00:00.000Z', revoked: false }
      const unknown = { ttl_state: 'unknown', not_before: null, expires_at: null, revoked: false }
      const answer = { ...known, expires_at: '2999-01-01T00:00:00.000Z' }
      response.setHeader('content-type', 'application/json')
      const isGone = asked['approval_ref']?.endsWith('gone') === true
      response.end(json({ ...asked, ...(isGone ? unknown : answer) }))
    })
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

describe.each([
  ['file', openFileTarget],
  ['PostgreSQL 18', () => openDatabaseTarget('18')],
] as const)('%s', (_name, openTarget) => {
  let target: ServiceTarget
  let issuer: Issuer
  let service: StartedService
  let admin: Server
  let token = ''
  beforeAll(async () => {
    ;[target, issuer, admin] = await Promise.all([openTarget(), openIssuer(), openAdmin()])
    const { port } = admin.address() as AddressInfo
    const FF_ADMIN_URL = `http://127.0.0.1:${port}`
    service = await startService({ ...target.env, ...issuer.env, FF_ADMIN_URL })
    token = await issuer.token()
  })
  afterAll(async () => {
    expect((await service.stop()).status).toBe(0)
    expect((await getAudit(target)).whole).toBe(true)
    await target.remove()
    await issuer.close()
    admin.close()
  })

  const call = (path: string, asked: AskOptions = {}): Promise<Answer> =>
    ask(service.origin, path, { token, ...asked })
  const put = async (path: string, body: object): Promise<void> => {
    const { status, text } = await call(path, { method: 'PUT', body: json(body) })
    if (status > 201) throw new Error(text)
  }
  const remove = (path: string): Promise<Answer> => call(path, { method: 'DELETE' })
  const putFlag = (flag: string, more: object = {}): Promise<void> =>
    put(`/v1/flags/${flag}`, { ...FLAG, ...more })
  const tenantPath = (tenant: string, flag: string): string =>
    `/v1/flags/override/tenant/${encodeURIComponent(tenant)}/${flag}`
  const userPath = (user: string, flag: string): string =>
    `/v1/flags/override/user/${encodeURIComponent(user)}/${flag}`

  test.each(['', '?limit=1'])('a read with its ETag is 304 until it changes: %s', async (query) => {
    await putFlag('ff.tagged')
    await put(tenantPath('T1', 'ff.tagged'), { value: 't' })
    const paths = [
      `/v1/flags${query}`,
      `/v1/flags/ff.tagged${query === '' ? '' : '/overrides'}`,
      query === '' ? tenantPath('T1', 'ff.tagged') : `/v1/tenants/T1/overrides${query}`,
    ]
    for (const path of paths) {
      const etag = String((await call(path)).headers['etag'])
      expect(etag).toMatch(/^"[^"]+"$/)
      for (const named of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const current = await call(path, { headers: { 'if-none-match': named } })
        expect([path, current.status, current.text]).toEqual([path, 304, ''])
        expect(current.headers['etag']).toBe(etag)
        const head = await call(path, { method: 'HEAD', headers: { 'if-none-match': named } })
        expect(head.status).toBe(304)
      }
      await putFlag('ff.tagged', { description: path })
      await put(tenantPath('T1', 'ff.tagged'), { value: path })
      await putFlag('ff.a-tagged', { description: path })
      const changed = await call(path, { headers: { 'if-none-match': etag } })
      expect([path, changed.status]).toEqual([path, 200])
    }
  })

  describe('lists of overrides', () => {
    beforeAll(async () => {
      for (const flag of ['ff.list.a', 'ff.list.b', 'ff.list.c', 'ff.list.none'])
        await putFlag(flag)
      for (const id of ['T-2', 'T/1', 'a', 'gone']) {
        await put(tenantPath(id, 'ff.list.a'), { value: `of tenant ${id}` })
        await put(userPath(id, 'ff.list.a'), { value: `of user ${id}` })
      }
      for (const flag of ['ff.list.c', 'ff.list.b'])
        await put(tenantPath('T/1', flag), { value: 'x' })
      await put(userPath('a', 'ff.list.b'), { value: 'y' })
      expect((await remove(tenantPath('gone', 'ff.list.a'))).status).toBe(200)
      expect((await remove(userPath('gone', 'ff.list.a'))).status).toBe(200)
    })
    interface Page {
      readonly overrides: readonly { flag_key: string; tenant_id?: string; user_id?: string }[]
      readonly next: string | null
    }
    /** Each override as its ids, over as many pages as there are. */
    async function list(path: string, limit: number): Promise<readonly (string | undefined)[][]> {
      const found: (string | undefined)[][] = []
      for (let after = ''; ;) {
        const page = await call(`${path}?limit=${limit}${after}`)
        expect([page.text, page.status]).toEqual([page.text, 200])
        const { overrides, next } = parse<Page>(page)
        expect(overrides.length).toBeLessThanOrEqual(limit)
        found.push(...overrides.map((row) => [row.tenant_id, row.user_id, row.flag_key]))
        if (next === null) return found
        after = `&after=${encodeURIComponent(next)}`
      }
    }
    test.each([1, 2, 3, 500])('have each live override once, in pages of %i', async (limit) => {
      const a = 'ff.list.a'
      expect(await list('/v1/flags/ff.list.a/overrides', limit)).toEqual([
        ['T-2', undefined, a],
        ['T/1', undefined, a],
        ['a', undefined, a],
        [undefined, 'T-2', a],
        [undefined, 'T/1', a],
        [undefined, 'a', a],
      ])
      expect(await list('/v1/tenants/T%2F1/overrides', limit)).toEqual(
        ['ff.list.a', 'ff.list.b', 'ff.list.c'].map((flag) => ['T/1', undefined, flag]),
      )
      expect(await list('/v1/users/a/overrides', limit)).toEqual(
        ['ff.list.a', 'ff.list.b'].map((flag) => [undefined, 'a', flag]),
      )
      expect(await list('/v1/flags/ff.list.none/overrides', limit)).toEqual([])
      expect(await list('/v1/tenants/gone/overrides', limit)).toEqual([])
    })

    test.each([
      ['an unknown flag', '/v1/flags/ff.nowhere/overrides', 404, 'flag_unknown'],
      ['a malformed flag', '/v1/flags/FF/overrides', 400, 'form_wrong'],
      ['a malformed tenant', '/v1/tenants/a%20b/overrides', 400, 'form_wrong'],
      ['after no key', '/v1/users/a/overrides?after=a', 400, 'query_invalid'],
      ['after no id', '/v1/flags/ff.list.a/overrides?after=tenant/', 400, 'query_invalid'],
      ['too many', '/v1/users/a/overrides?limit=501', 400, 'query_invalid'],
    ])('of %s are refused', async (_what, path, status, code) => {
      const answer = await call(path)
      expect([answer.status, getCode(answer)]).toEqual([status, code])
    })

    test('need the scope to read, and for another tenant that of any tenant', async () => {
      const cases = [
        ['ff:registry:read', '/v1/tenants/T1/overrides', 200],
        ['ff:registry:read', '/v1/tenants/T2/overrides', 403],
        ['ff:registry:read ff:tenant:any', '/v1/tenants/T2/overrides', 200],
        ['ff:tenant:any', '/v1/tenants/T1/overrides', 403],
        ['ff:registry:read', '/v1/users/a/overrides', 200],
        ['ff:override:write ff:tenant:any', '/v1/users/a/overrides', 403],
        ['ff:registry:read', '/v1/flags/ff.list.a/overrides', 200],
        ['ff:registry:write', '/v1/flags/ff.list.a/overrides', 403],
      ] as const
      for (const [scope, path, status] of cases) {
        const answer = await call(path, { token: await issuer.token({ scope }) })
        expect([scope, path, answer.status]).toEqual([scope, path, status])
      }
    })
  })

  describe('the audit trail', () => {
    interface Page {
      readonly records: readonly Readonly<Record<string, unknown>>[]
      readonly next: number | null
    }
    const page = async (query: string): Promise<Page> => {
      const answer = await call(`/v1/audit?${query}`)
      expect([answer.text, answer.status]).toEqual([answer.text, 200])
      return parse<Page>(answer)
    }
    async function list(query: string): Promise<Page['records']> {
      const found = []
      for (let after = ''; ;) {
        const { records, next } = await page(`${query}${after}`)
        found.push(...records)
        if (next === null) return found
        after = `&after=${next}`
      }
    }

    test('is listed newest first, as it is stored, by target too', async () => {
      for (const owner of ['1', '2', '3']) await putFlag('ff.audited', { owner })
      await put(tenantPath('T/1', 'ff.audited'), { value: '"target":"flag/ff.audited"' })
      await putFlag('ff.audited', {
        owner: '4',
        value_type: 'object',
        default_value: {},
        safe_value: {},
      }).catch(() => undefined)
      await expect
        .poll(async () => (await list('limit=500&target=flag/ff.audited'))[0])
        .toMatchObject({ outcome: 'refused', after: { refused: 'type_in_use' } })
      const { records } = await getAudit(target)
      const stored = records.map((one) => ({ ...one, sink_status: 'pending' })).toReversed()
      for (const limit of [7, 500]) expect(await list(`limit=${limit}`)).toEqual(stored)
      const about = (name: string) => stored.filter((record) => record.target === name)
      expect(about('flag/ff.audited').length).toBe(4)
      for (const name of ['flag/ff.audited', 'tenant/T%2F1/ff.audited', 'flag/ff.none'])
        for (const limit of [2, 500])
          expect(await list(`limit=${limit}&target=${encodeURIComponent(name)}`)).toEqual(
            about(name),
          )
    })

    test('is listed by time, from since on and before until', async () => {
      for (const owner of ['1', '2']) await putFlag('ff.timed', { owner })
      const all = await list('limit=500')
      const [newest, before] = all.map(({ occurred_at }) => String(occurred_at)) as [string, string]
      const within = (since: string, until: string) =>
        all.filter(({ occurred_at: at }) => String(at) >= since && String(at) < until)
      expect(await list(`since=${newest}`)).toEqual(within(newest, '9'))
      expect(await list(`until=${newest}&limit=500`)).toEqual(within('', newest))
      expect(await list(`since=${before}&until=${newest}`)).toEqual(within(before, newest))
      expect(await page('since=9999-01-01T00:00:00.000Z')).toEqual({ records: [], next: null })
      expect(await page('until=0001-01-01T00:00:00.000Z')).toEqual({ records: [], next: null })
      expect(await page('since=0001-01-01T00:00:00.000Z&after=1')).toEqual({
        records: [],
        next: null,
      })
      expect((await page('after=999999999999999&limit=1')).records).toEqual(all.slice(0, 1))
    })

    test.each([
      'after=0',
      'after=x',
      'since=2026-01-01',
      'until=now',
      'target=a%20b',
      'target=',
      'x=1',
    ])('refuses %s', async (query) => {
      const answer = await call(`/v1/audit?${query}`)
      expect([answer.status, getCode(answer)]).toEqual([400, 'query_invalid'])
    })

    test('needs its scope', async () => {
      const answer = await call('/v1/audit', {
        token: await issuer.token({ scope: 'ff:operator' }),
      })
      expect([answer.status, getCode(answer)]).toEqual([403, 'scope_missing'])
    })
  })

  const post = (path: string, body: object, headers: AskOptions['headers'] = {}): Promise<Answer> =>
    call(path, { body: json(body), headers })
  const getRow = async (path: string): Promise<Readonly<Record<string, unknown>>> =>
    parse(await call(path))
  /** The newest records of a target, oldest first. */
  const about = async (name: string) =>
    (await getAudit(target)).records.filter((record) => record.target === name)

  describe('a transition', () => {
    const transition = (flag: string, body: object, headers: AskOptions['headers'] = {}) =>
      post(`/v1/flags/${flag}/transition`, body, headers)

    test('kills a flag in one call, and says that a repeated one changes nothing', async () => {
      await putFlag('ff.kill')
      const killed = await transition('ff.kill', { to: 'killed', reason: 'on fire' })
      expect([killed.status, killed.headers['etag']]).toEqual([200, '"2"'])
      expect(parse(killed)).toMatchObject({ changed: true, row: { state: 'killed', revision: 2 } })
      const [decision] = parse<{ decisions: { reason: string }[] }>(
        await post('/v1/flags/evaluate', { flag_keys: ['ff.kill'] }),
      ).decisions
      expect(decision?.reason).toBe('kill_switch')
      const again = await transition('ff.kill', { to: 'killed', reason: 'again' })
      expect([again.status, again.headers['etag']]).toEqual([200, '"2"'])
      expect(parse(again)).toMatchObject({ changed: false, row: { state: 'killed', revision: 2 } })
      expect((await about('flag/ff.kill')).slice(1)).toMatchObject([
        { action: 'flag.transition', after: { state: 'killed', reason: 'on fire', revision: 2 } },
      ])
    })

    test('to active needs an approval, as a put does', async () => {
      await putFlag('ff.revive', { state: 'killed' })
      const to = { to: 'active', reason: 'out' }
      const cases = [
        [to, 403, 'approval_missing'],
        [{ ...to, approval_ref: 'APP-1-gone' }, 403, 'approval_unknown'],
        [{ ...to, approval_ref: 'nonsense' }, 400, 'form_wrong'],
      ] as const
      for (const [body, status, code] of cases) {
        const refused = await transition('ff.revive', body)
        expect([refused.status, getCode(refused)]).toEqual([status, code])
      }
      const revived = await transition('ff.revive', { ...to, approval_ref: 'APP-1-a' })
      expect(parse(revived)).toMatchObject({ changed: true, row: { state: 'active' } })
      const recorded = async (outcome: string) =>
        (await about('flag/ff.revive')).filter((record) => record.outcome === outcome)
      // Records of refusals are written behind the answers.
      await expect
        .poll(() => recorded('refused'))
        .toMatchObject(
          cases.map(([, , code]) => ({ action: 'flag.transition', after: { refused: code } })),
        )
      expect((await recorded('applied')).at(-1)).toMatchObject({
        action: 'audit.boundary',
        approval_ref: 'APP-1-a',
        after: { reason: 'out', state: 'active' },
      })
    })

    test.each([
      ['an unknown flag', 'ff.nowhere', { to: 'killed', reason: 'r' }, {}, 404, 'flag_unknown'],
      ['a malformed flag', 'FF', { to: 'killed', reason: 'r' }, {}, 400, 'form_wrong'],
      ['another state', 'ff.final', { to: 'paused', reason: 'r' }, {}, 400, 'form_wrong'],
      ['no reason', 'ff.final', { to: 'killed' }, {}, 400, 'member_missing'],
      ['a blank reason', 'ff.final', { to: 'killed', reason: ' ' }, {}, 400, 'form_wrong'],
      [
        'a stale tag',
        'ff.final',
        { to: 'killed', reason: 'r' },
        { 'if-match': '"9"' },
        412,
        'revision_conflict',
      ],
      [
        'an archived flag',
        'ff.final',
        { to: 'killed', reason: 'r' },
        { 'if-match': '"2"' },
        409,
        'flag_archived',
      ],
    ] as const)('of %s is refused', async (_what, flag, body, headers, status, code) => {
      await putFlag('ff.final').catch(() => undefined)
      await transition('ff.final', { to: 'archived', reason: 'done' })
      const answer = await transition(flag, body, headers)
      expect([answer.status, getCode(answer)]).toEqual([status, code])
    })

    test('needs the scope of a put', async () => {
      await putFlag('ff.scoped')
      const path = '/v1/flags/ff.scoped/transition'
      const body = json({ to: 'killed', reason: 'r' })
      const plain = await issuer.token({ scope: 'ff:registry:read' })
      expect((await call(path, { body, token: plain })).status).toBe(403)
      const writer = await issuer.token({ scope: 'ff:registry:write' })
      expect((await call(path, { body, token: writer })).status).toBe(200)
      expect((await call(path)).status).toBe(405)
    })
  })

  describe('a rollback', () => {
    const rollback = (path: string, body: object, headers: AskOptions['headers'] = {}) =>
      post(`${path}/rollback`, body, headers)

    test('of a flag makes an earlier revision the newest one', async () => {
      const path = '/v1/flags/ff.back'
      await putFlag('ff.back', { default_value: 'first', sensitive: true })
      await putFlag('ff.back', { default_value: 'second', sensitive: true, owner: 'other' })
      const done = await rollback(path, { to_revision: 1, reason: 'worse' }, { 'if-match': '"2"' })
      expect([done.status, done.headers['etag']]).toEqual([200, '"3"'])
      expect(parse(done)).toMatchObject({
        changed: true,
        row: { default_value: 'first', owner: 'tests', revision: 3 },
      })
      expect(parse<{ row: object }>(done).row).toEqual(await getRow(path))
      // The image of a rollback is kept too.
      await rollback(path, { to_revision: 2, reason: 'better' })
      await rollback(path, { to_revision: 3, reason: 'worse' })
      expect(await getRow(path)).toMatchObject({ default_value: 'first', revision: 5 })
      expect((await about('flag/ff.back'))[2]).toMatchObject({
        action: 'flag.rollback',
        after: {
          reason: 'worse',
          to_revision: 1,
          default_value: { hmac_sha256: expect.any(String) },
        },
      })
    })

    test('needs what a put of the row needs', async () => {
      const path = '/v1/flags/ff.back-on'
      await putFlag('ff.back-on')
      await post(`${path}/transition`, { to: 'killed', reason: 'r' })
      const back = { to_revision: 1, reason: 'r' }
      expect(getCode(await rollback(path, back))).toBe('approval_missing')
      const done = await rollback(path, { ...back, approval_ref: 'APP-1-a' })
      expect(parse(done)).toMatchObject({ changed: true, row: { state: 'active' } })
      const tenant = tenantPath('T2', 'ff.back-on')
      await put(tenant, { value: 'a' })
      const body = json(back)
      const foreign = await issuer.token({ scope: 'ff:override:write' })
      for (const [at, code] of [
        [path, 'scope_missing'],
        [tenant, 'tenant_foreign'],
        [userPath('U1', 'ff.back-on'), 'scope_missing'],
      ] as const)
        expect(getCode(await call(`${at}/rollback`, { body, token: foreign }))).toBe(code)
    })

    test.each([
      ['tenant', tenantPath('T/1', 'ff.back-over')],
      ['user', userPath('a|b', 'ff.back-over')],
    ])('of an override of a %s goes to values and to deletions', async (_scope, path) => {
      await putFlag('ff.back-over')
      await put(path, { value: 'one', note: 'n', approval_ref: 'APP-1-a' })
      await put(path, { value: 'two' })
      await remove(path)
      const to = async (to_revision: number, more: object = {}) =>
        parse<{ changed: boolean; row: Record<string, unknown> }>(
          await rollback(path, { to_revision, reason: 'r', ...more }),
        )
      expect(await to(1)).toMatchObject({
        changed: true,
        row: { value: 'one', note: 'n', approval_ref: 'APP-1-a', revision: 4 },
      })
      expect(await to(2, { approval_ref: 'APP-2-b' })).toMatchObject({
        row: { value: 'two', approval_ref: 'APP-2-b', revision: 5 },
      })
      const gone = await to(3, { approval_ref: 'APP-2-b' })
      expect(gone).toMatchObject({ changed: true, row: { revision: 6 } })
      expect(gone.row).not.toHaveProperty('value')
      expect(getCode(await call(path))).toBe('override_unknown')
      expect(await to(3)).toMatchObject({ changed: false, row: { revision: 6 } })
      expect(await to(6)).toMatchObject({ changed: false, row: { revision: 6 } })
      expect(await to(4)).toMatchObject({ changed: true, row: { value: 'one', revision: 7 } })
    })

    test.each([
      ['an unknown flag', '/v1/flags/ff.nowhere', 1, {}, 404, 'flag_unknown'],
      ['an unknown override', '/v1/flags/override/user/U9/ff.back', 1, {}, 404, 'override_unknown'],
      ['a revision to come', '/v1/flags/ff.kept', 9, {}, 409, 'revision_not_kept'],
      ['no revision', '/v1/flags/ff.kept', 0, {}, 400, 'form_wrong'],
      ['a stale tag', '/v1/flags/ff.kept', 1, { 'if-match': '"7"' }, 412, 'revision_conflict'],
    ] as const)('of %s is refused', async (_what, path, to_revision, headers, status, code) => {
      await putFlag('ff.kept')
      const answer = await rollback(path, { to_revision, reason: 'r' }, headers)
      expect([answer.status, getCode(answer)]).toEqual([status, code])
    })
  })
})
