import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readArtefact } from '../../core/builders.ts'
import { finished, startFf } from '../../support/run-ff.ts'
import {
  type Answer,
  ask,
  type AskOptions,
  openFileTarget,
  type ServiceTarget,
  type Issuer,
  openIssuer,
  type StartedService,
  startService,
  FLAG_BODY,
} from '../../support/service.ts'

interface Described {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { operationId: string; responses: Record<string, Response> }>>
    >
  >
}
interface Response {
  readonly headers?: Readonly<Record<string, unknown>>
  readonly content?: Readonly<Record<string, unknown>>
}

let target: ServiceTarget
let issuer: Issuer
let service: StartedService
let token = ''
let document: Described
const ajv = new Ajv2020({ strict: false, allErrors: true })
/** `operation status` of every response seen. */
const seen = new Set<string>()

beforeAll(async () => {
  ;[target, issuer] = await Promise.all([openFileTarget(), openIssuer()])
  // The document shows the default of the delay, and Ctrl-C does not wait for it.
  service = await startService({ ...target.env, ...issuer.env, FF_DRAIN_DELAY: '5' })
  token = await issuer.token()
  const { status, headers, text } = await ask(service.origin, '/openapi.json')
  expect([status, headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
  document = JSON.parse(text) as Described
  ajv.addSchema(document, 'served')
})
afterAll(async () => {
  expect((await service.stop('SIGINT')).status).toBe(130)
  await target.remove()
  await issuer.close()
})

const fragment = (...tokens: readonly string[]): string =>
  tokens
    .map((one) => `/${encodeURIComponent(one.replaceAll('~', '~0').replaceAll('/', '~1'))}`)
    .join('')

/** Sends a request, and validates the response by the document for its path, method, status and media type. */
async function walk(path: string, template: string, asked: AskOptions & { method: string }) {
  const answer = await ask(service.origin, path, { token, ...asked })
  const method = asked.method.toLowerCase()
  const operation = document.paths[template]?.[method]
  if (operation === undefined) throw new Error(`${method} ${template} is not described`)
  const status = String(answer.status)
  const response = operation.responses[status]
  if (response === undefined)
    throw new Error(`${operation.operationId} ${status} is not described: ${answer.text}`)
  seen.add(`${operation.operationId} ${status}`)
  fitsResponse(answer, response, ['paths', template, method, 'responses', status])
}

function fitsResponse(
  { headers, text }: Answer,
  { headers: described = {}, content }: Response,
  at: readonly string[],
) {
  for (const name of Object.keys(described)) expect(headers).toHaveProperty(name.toLowerCase())
  if (content === undefined) return expect(text).toBe('')
  const [type = ''] = String(headers['content-type']).split(';')
  expect(Object.keys(content)).toContain(type)
  const validate = ajv.getSchema(`served#${fragment(...at, 'content', type, 'schema')}`)
  if (validate === undefined) throw new Error(`no schema at ${at.join(' ')}`)
  const held: unknown = type.endsWith('json') ? JSON.parse(text) : text
  expect([text, validate(held), validate.errors]).toEqual([text, true, null])
}

const FLAGS = '/v1/flags/{flag}'
const TENANT = '/v1/flags/override/tenant/{tenant}/{flag}'
const USER = '/v1/flags/override/user/{user}/{flag}'
const LISTS = [
  '/v1/flags/{flag}/overrides',
  '/v1/tenants/{tenant}/overrides',
  '/v1/users/{user}/overrides',
] as const
const ONE = '/ofrep/v1/evaluate/flags/{key}'
const ALL = '/ofrep/v1/evaluate/flags'
const INVALIDATE = '/v1/flags/cache/invalidate'
const CHANGED = '/v1/approvals/changed'
const EVALUATE = '/v1/flags/evaluate'
const json = { 'content-type': 'application/json' }
const put = (body: unknown, headers = {}) => ({
  method: 'PUT',
  body: JSON.stringify(body),
  headers: { ...json, ...headers },
})
const post = (body: string, headers = {}) => ({
  method: 'POST',
  body,
  headers: { ...json, ...headers },
})
const GET = { method: 'GET' }
const held = { ...GET, headers: { 'if-none-match': '*' } }
const DELETE = { method: 'DELETE' }
const BAD_TOKEN = { authorization: 'Basic eDp5' }

test('every response of a walk through the routes is described', async () => {
  const at = (path: string): string =>
    path.replace('{flag}', 'ff.a').replace(/\{(tenant|user)\}/, '$11')
  const steps: readonly (readonly [
    path: string,
    template: string,
    asked: AskOptions & { method: string },
  ])[] = [
    ['/v1/flags/ff.a', FLAGS, put(FLAG_BODY)],
    ['/v1/flags/ff.a', FLAGS, put({ ...FLAG_BODY, description: 'again' })],
    ['/v1/flags/ff.killed', FLAGS, put({ ...FLAG_BODY, state: 'killed' })],
    ['/v1/flags/ff.killed', FLAGS, put(FLAG_BODY)],
    ['/v1/flags/ff.killed', FLAGS, put({ ...FLAG_BODY, approval_ref: 'APP-1-a' })],
    ['/v1/flags/ff.b', FLAGS, put({ ...FLAG_BODY, default_value: 1 })],
    ['/v1/flags/ff.b', FLAGS, put({ ...FLAG_BODY, extra: 1, owner: 7 })],
    ['/v1/flags/ff.b', FLAGS, put(FLAG_BODY, { 'content-type': 'text/plain' })],
    ['/v1/flags/ff.b', FLAGS, put('x'.repeat(262_145))],
    ['/v1/flags/ff.a', FLAGS, put(FLAG_BODY, { 'if-match': '"9"' })],
    ['/v1/flags/ff.a', FLAGS, GET],
    ['/v1/flags/ff.a', FLAGS, held],
    ['/v1/flags/ff.none', FLAGS, GET],
    ['/v1/flags/No', FLAGS, GET],
    ['/v1/flags?limit=1', '/v1/flags', GET],
    ['/v1/flags', '/v1/flags', held],
    ['/v1/flags?limit=0', '/v1/flags', GET],
    ['/v1/flags', '/v1/flags', { ...GET, headers: BAD_TOKEN }],
    ...[TENANT, USER].flatMap((template) => [
      [at(template), template, put({ value: false, note: 'n' })] as const,
      [at(template), template, put({ value: true })] as const,
      [at(template), template, put({ value: 'no' })] as const,
      [at(template), template, GET] as const,
      [at(template), template, held] as const,
      ...LISTS.flatMap((list) => [
        [at(list), list, GET] as const,
        [at(list), list, held] as const,
        [`${at(list)}?x=1`, list, GET] as const,
      ]),
      [at(template), template, DELETE] as const,
      ...[1, 3, 9].map(
        (to) =>
          [
            `${at(template)}/rollback`,
            `${template}/rollback`,
            post(`{"to_revision":${to},"reason":"r"}`),
          ] as const,
      ),
      [at(template), template, DELETE] as const,
      [at(template), template, GET] as const,
      [at(template), template, DELETE] as const,
      [at(template), template, { ...DELETE, headers: BAD_TOKEN }] as const,
    ]),
    ['/v1/flags/ff.none/overrides', LISTS[0], GET],
    ['/v1/flags/ff.a/transition', `${FLAGS}/transition`, post('{"to":"killed","reason":"r"}')],
    ['/v1/flags/ff.a/transition', `${FLAGS}/transition`, post('{"to":"active","reason":"r"}')],
    ['/v1/flags/ff.a/transition', `${FLAGS}/transition`, post('{"to":"gone"}')],
    ['/v1/flags/ff.none/transition', `${FLAGS}/transition`, post('{"to":"killed","reason":"r"}')],
    [
      '/v1/flags/ff.a/rollback',
      `${FLAGS}/rollback`,
      post('{"to_revision":2,"reason":"r","approval_ref":"APP-1-a"}'),
    ],
    ['/v1/flags/ff.a/rollback', `${FLAGS}/rollback`, post('{"to_revision":3,"reason":"r"}')],
    ['/v1/flags/ff.a/rollback', `${FLAGS}/rollback`, post('{"to_revision":9,"reason":"r"}')],
    ['/v1/audit', '/v1/audit', GET],
    ['/v1/audit?after=x', '/v1/audit', GET],
    [INVALIDATE, INVALIDATE, post('{"kind":"global"}')],
    [INVALIDATE, INVALIDATE, post('{"kind":"global"}')],
    [INVALIDATE, INVALIDATE, post('{"kind":"everything"}')],
    [CHANGED, CHANGED, post('{"approval_ref":"APP-1-a"}')],
    [CHANGED, CHANGED, post('{"approval_ref":""}')],
    [EVALUATE, EVALUATE, post('{"flag_key":"ff.a"}')],
    [EVALUATE, EVALUATE, post('{"flag_keys":["ff.a","ff.none"]}')],
    [EVALUATE, EVALUATE, post('{"all":true,"user_id":"U2"}')],
    [EVALUATE, EVALUATE, post('{"flag_key":7,"x":1}')],
    [EVALUATE, EVALUATE, post('')],
    [EVALUATE, EVALUATE, post('{}', BAD_TOKEN)],
    ['/ofrep/v1/evaluate/flags/ff.a', ONE, post('{"context":{}}')],
    ['/ofrep/v1/evaluate/flags/ff.killed', ONE, post('{"context":{}}')],
    ['/ofrep/v1/evaluate/flags/ff.none', ONE, post('{"context":{}}')],
    ['/ofrep/v1/evaluate/flags/ff.a', ONE, post('{"context":7}')],
    ['/ofrep/v1/evaluate/flags/ff.a', ONE, post('{"context":{}}', BAD_TOKEN)],
    ['/ofrep/v1/evaluate/flags/ff.a', ONE, post(' '.repeat(262_145))],
    ['/ofrep/v1/evaluate/flags/ff.a', ONE, post('{}', { 'content-type': 'text/plain' })],
    [ALL, ALL, post('{"context":{}}')],
    [ALL, ALL, post('{"context":{}}', { 'if-none-match': '*' })],
    [ALL, ALL, post('{')],
    [ALL, ALL, post('{"context":{}}', BAD_TOKEN)],
    ['/v1/flags/ff.a', FLAGS, DELETE],
    ['/v1/flags/ff.a', FLAGS, DELETE],
    ['/v1/flags/ff.none', FLAGS, DELETE],
    ['/health/live', '/health/live', GET],
    ['/health/ready', '/health/ready', GET],
    ['/openapi.json', '/openapi.json', GET],
    ['/metrics', '/metrics', GET],
    ['/', '/', GET],
    ['/identity', '/identity', GET],
  ]
  for (const [path, template, asked] of steps) await walk(path, template, asked)
})

test('the served document equals contracts/openapi.json', () => {
  expect(document).toEqual(JSON.parse(readArtefact('contracts/openapi.json')))
})

test('the event stream is described, which has no end to wait for', async () => {
  const ending = new AbortController()
  const { status, headers } = await fetch(`${service.origin}/v1/changes`, {
    signal: ending.signal,
  })
  const described = document.paths['/v1/changes']?.['get']?.responses[String(status)]
  const [type = ''] = String(headers.get('content-type')).split(';')
  expect(Object.keys(described?.content ?? {})).toContain(type)
  seen.add(`changes ${status}`)
  ending.abort()
})

test('the walk reached every operation with each of its success statuses', () => {
  const successes = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).flatMap(({ operationId, responses }) =>
      Object.keys(responses)
        .filter((status) => status < '400')
        .map((status) => `${operationId} ${status}`),
    ),
  )
  expect(successes.length).toBeGreaterThan(15)
  expect(successes.filter((one) => !seen.has(one))).toEqual([])
  expect(new Set([...seen].map((one) => one.split(' ')[1]))).toEqual(
    new Set([
      '200',
      '201',
      '304',
      '400',
      '401',
      '403',
      '404',
      '409',
      '412',
      '413',
      '415',
      '422',
      '429',
      '503',
    ]),
  )
})

test('with FF_ADMIN_LISTEN the document is served on that port', async () => {
  const env = { FF_LISTEN: '127.0.0.1:0', FF_ADMIN_LISTEN: '127.0.0.1:0' }
  const apart = startFf(['serve'], { env })
  const ended = finished(apart)
  try {
    const [main, admin] = await new Promise<readonly string[]>((resolve, reject) => {
      let told = ''
      apart.stdout?.on('data', (text: string) => {
        told += text
        const origins = [...told.matchAll(/ on (http:\S+)\n/g)].map(([, origin = '']) => origin)
        if (origins.length === 2) resolve(origins)
      })
      apart.once('close', () => reject(new Error('it did not start')))
    })
    expect(JSON.parse((await ask(String(admin), '/openapi.json')).text)).toEqual(document)
    expect((await ask(String(main), '/openapi.json')).status).toBe(404)
  } finally {
    apart.kill('SIGTERM')
    expect((await ended).status).toBe(0)
  }
})

test('a request without the required scope is refused as described', async () => {
  const plain = await issuer.token({ scope: '' })
  await walk('/v1/flags', '/v1/flags', { ...GET, token: plain })
  await walk(ALL, ALL, { ...post('{"context":{"tenant_id":"T2"}}'), token: plain })
  await walk(EVALUATE, EVALUATE, { ...post('{"all":true,"tenant_id":"T2"}'), token: plain })
  await walk('/v1/flags/override/tenant/T2/ff.a', TENANT, { ...GET, token: plain })
})
