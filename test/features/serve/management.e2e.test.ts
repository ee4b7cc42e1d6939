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
} from '../../support/service.ts'
import { getAudit } from './audit-of.ts'

const FLAG = {
  value_type: 'string',
  default_value: 'd',
  safe_value: 's',
  sensitive: false,
  required_auth: 'any',
  state: 'active',
  description: '',
  owner: 'tests',
}
const json = (value: unknown): string => JSON.stringify(value)
const parse = <T>({ text }: Answer): T => JSON.parse(text) as T
const getCode = (answer: Answer): string => parse<{ code: string }>(answer).code

describe.each([
  ['file', openFileTarget],
  ['PostgreSQL 18', () => openDatabaseTarget('18')],
] as const)('%s', (_name, openTarget) => {
  let target: ServiceTarget
  let issuer: Issuer
  let service: StartedService
  let token = ''
  beforeAll(async () => {
    ;[target, issuer] = await Promise.all([openTarget(), openIssuer()])
    service = await startService({ ...target.env, ...issuer.env })
    token = await issuer.token()
  })
  afterAll(async () => {
    expect((await service.stop()).status).toBe(0)
    expect((await getAudit(target)).whole).toBe(true)
    await target.remove()
    await issuer.close()
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
      const stored = (await getAudit(target)).records.toReversed()
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
})
