import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ask,
  type AskOptions,
  type Issuer,
  openDatabaseTarget,
  openFileTarget,
  openIssuer,
  startService,
  FLAG_BODY,
} from '../../support/service.ts'
import { getAudit } from './audit-of.ts'

const PATH = '/v1/flags/ff.a'
const TENANT = '/v1/flags/override/tenant'
const INVALIDATE = '/v1/flags/cache/invalidate'
const APPROVALS = '/v1/approvals/changed'
/** An announcement of another actor, whose refusals are counted apart. */
const post = (body: string, token = 'U-operator'): AskOptions => ({ method: 'POST', token, body })
let issuer: Issuer
let token = ''
beforeAll(async () => {
  issuer = await openIssuer()
  token = await issuer.token()
})
afterAll(() => issuer.close())
const change = (over: AskOptions): AskOptions => ({ method: 'PUT', token, body: '{}', ...over })

/** Refused changes of a known caller, each with the code and the target of its record. */
const REFUSED: readonly (readonly [path: string, over: AskOptions, code: string, on: string])[] = [
  [PATH, { body: 'x'.repeat(300_000) }, 'body_too_large', 'flag/ff.a'],
  [PATH, { headers: { 'content-type': 'text/plain' } }, 'media_type_unsupported', 'flag/ff.a'],
  [PATH, { body: Buffer.from([0x7b, 0xff, 0x7d]) }, 'utf8_invalid', 'flag/ff.a'],
  ['/v1/flags/FF.A', {}, 'form_wrong', 'flag/*'],
  [`${TENANT}/a%20b/ff.a`, { token: 'U-tenant' }, 'form_wrong', 'tenant/*/ff.a'],
  [PATH, { method: 'PATCH' }, 'method_not_allowed', 'flag/ff.a'],
  ['/v1/flags/%zz', {}, 'request_malformed', 'flag/*'],
  [PATH, { body: '' }, 'json_empty', 'flag/ff.a'],
  [PATH, { body: '{' }, 'json_malformed', 'flag/ff.a'],
  [PATH, { body: '{"a":1,"a":2}' }, 'duplicate_member', 'flag/ff.a'],
  [PATH, { body: '{"a":1}' }, 'member_unknown', 'flag/ff.a'],
  [PATH, { headers: { 'if-match': 'x' } }, 'precondition_invalid', 'flag/ff.a'],
  [
    PATH,
    { body: JSON.stringify(FLAG_BODY), headers: { 'if-match': '"7"' } },
    'revision_conflict',
    'flag/ff.a',
  ],
  [`${TENANT}/T9/ff.a`, { token: 'plain' }, 'scope_missing', 'tenant/T9/ff.a'],
  [INVALIDATE, post('{"kind":"global"}', 'U-other'), 'scope_missing', '*'],
  [INVALIDATE, post('{'), 'json_malformed', '*'],
  [INVALIDATE, post('x'.repeat(300_000)), 'body_too_large', '*'],
  [APPROVALS, post('{"approval_ref":"x"}'), 'form_wrong', 'approval/*'],
  [APPROVALS, { ...post('{}'), method: 'PATCH' }, 'method_not_allowed', 'approval/*'],
]

describe.each([
  ['file', openFileTarget],
  ['PostgreSQL 18', () => openDatabaseTarget('18')],
] as const)('%s', (_name, openTarget) => {
  test('S14, S4: each refused change is recorded, and 300 at once do not hold up a change', async () => {
    const target = await openTarget()
    const service = await startService({ ...target.env, ...issuer.env })
    const tokens: Readonly<Record<string, string>> = {
      'U-tenant': await issuer.token({ sub: 'U-tenant' }),
      'U-operator': await issuer.token({ sub: 'U-operator' }),
      'U-other': await issuer.token({ scope: 'ff:registry:write', sub: 'U-other' }),
      plain: await issuer.token({ scope: '', sub: 'U-plain' }),
    }
    const send = (path: string, over: AskOptions) =>
      ask(service.origin, path, change({ ...over, token: tokens[over.token ?? ''] ?? token }))
    for (const [path, over, code] of REFUSED)
      expect(JSON.parse((await send(path, over)).text)).toMatchObject({ code })
    const flood = Array.from({ length: 300 }, () => send(PATH, { token: 'plain' }))
    expect((await send(PATH, { body: JSON.stringify(FLAG_BODY) })).status).toBe(201)
    await Promise.all(flood)
    const global = post('{"kind":"global"}')
    expect((await send(INVALIDATE, global)).status).toBe(200)
    for (let at = 0; at < 3; at += 1) expect((await send(INVALIDATE, global)).status).toBe(429)
    expect((await service.stop()).status).toBe(0)
    const { records, whole } = await getAudit(target)
    const refused = records.filter(({ outcome }) => outcome === 'refused')
    expect(refused.map(({ target: on, after }) => [on, after])).toEqual([
      ...REFUSED.map(([, , code, on]) => [on, { refused: code }]),
      ['global', { refused: 'too_many_invalidations' }],
      ['flag/ff.a', { refused: 'scope_missing', count: 300 }],
      ['global', { refused: 'too_many_invalidations', count: 2 }],
    ])
    expect(whole).toBe(true)
    // The change waited for no more than the records of the refusals before the flood.
    expect(records.findIndex(({ outcome }) => outcome === 'applied')).toBeLessThan(refused.length)
    await target.remove()
  })
})
