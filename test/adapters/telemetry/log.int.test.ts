import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  signTestToken,
  loadTestKeys,
  formatToken,
} from '../../../src/features/probes/testbed/test-tokens.ts'
import { adapters } from '../../../src/composition.ts'
import { toPublicJwk } from '../../../src/core/text/jwk.ts'
import { createUnverifiedLog, openServiceLog } from '../../../src/adapters/telemetry/log.ts'
import type { ServiceStore } from '../../../src/ports/store.ts'
import { toContext } from '../../features/probes/context.ts'
import { askFlag, except, type RunningService, getService } from '../../support/service-here.ts'
import { flagLine, writeStore } from '../../support/store-folder.ts'

const canary = (what: string): string => `canary-${what}-${randomBytes(9).toString('hex')}`
const testKeys = await loadTestKeys(toContext())
const inAnHour = Math.floor(Date.now() / 1000) + 3_600
const tokenFor = (change: object): string =>
  signTestToken(testKeys.keys.rsa, testKeys.claims({ exp: inAnHour, ...change }))
const SCOPES = 'ff:registry:read ff:registry:write ff:override:write'

/** Secrets that must not appear: a value of a sensitive flag, tokens, and text of a request in any other place. */
const VALUE = canary('value')
const WORDS: string[] = [VALUE]
const word = (what: string): string => {
  const made = canary(what)
  WORDS.push(made)
  return made
}
const good = tokenFor({ scope: SCOPES, jti: word('claim') })
const expired = tokenFor({ exp: 1, jti: word('expired') })
WORDS.push(good, good.split('.')[2] as string, expired, expired.split('.')[2] as string)

let folder = ''
let service: RunningService
let server: Awaited<ReturnType<typeof adapters.openKeyServer>>
const trouble: { error: Error | null } = { error: null }
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-log-'))
  const key = join(folder, 'digest.key')
  await writeFile(key, randomBytes(32), { mode: 0o600 })
  const store = await writeStore(join(folder, 'store'), [
    flagLine('ff.secret.flag', 'string', { sensitive: 'true', default_value: `"${VALUE}"` }),
  ])
  server = await adapters.openKeyServer({ behaviour: 'up', keys: [toPublicJwk(testKeys.keys.rsa)] })
  const { issuer, audience } = testKeys.settings
  service = await getService({
    settings: {
      FF_ENV: 'staging',
      FF_JWKS_URL: server.url.href,
      FF_JWT_ISSUER: issuer,
      FF_JWT_AUDIENCE: audience,
      FF_STORE_DIR: store,
      FF_AUDIT_DIGEST_KEY_FILE: key,
    },
    deps: {
      openServiceStore: async (spec, needs) => {
        const made = await adapters.openServiceStore(spec, needs)
        const read: ServiceStore['read'] = (query) =>
          trouble.error === null ? made.store.read(query) : Promise.reject(trouble.error)
        return { ...made, store: except(made.store, { read }) }
      },
    },
  })
})
afterAll(async () => {
  await service.close()
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

const call = (method: string, path: string, { token = good, headers = {}, body = '' } = {}) =>
  fetch(`${service.origin}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === '' ? {} : { body }),
  })
async function raw(text: string): Promise<void> {
  const socket = connect(Number(new URL(service.origin).port), '127.0.0.1')
  socket.on('error', () => undefined).resume()
  socket.end(text)
  await once(socket, 'close')
}
async function auditRecords(): Promise<readonly string[]> {
  const store = join(folder, 'store')
  const logs = (await readdir(store)).filter((name) => name.startsWith('log'))
  const texts = await Promise.all(logs.map((name) => readFile(join(store, name), 'utf8')))
  return texts
    .flatMap((text) => text.split('\n'))
    .filter((line) => line.includes('"audit":'))
    .map((line) => JSON.stringify(toRecord(line)))
}

/** Each line is a checksum and an object. */
const toRecord = (line: string): object =>
  (JSON.parse(line.slice(line.indexOf('{'))) as { readonly audit: object }).audit

const FLAG = '/v1/flags/ff.secret.flag'
const OVERRIDE = '/v1/flags/override/tenant/T-pty-pilot-01/ff.secret.flag'
const overrideBody = (value: string): string => JSON.stringify({ value, approval_ref: 'APP-1-ab' })

test('no planted secret appears in a log line or an audit record', async () => {
  const statuses: number[] = []
  const sent = async (response: Promise<Response>): Promise<void> => {
    const { status } = await response
    statuses.push(status)
  }
  // Writes of the value, applied and refused.
  await sent(call('PUT', OVERRIDE, { body: overrideBody(word('kept')) }))
  await sent(
    call('PUT', OVERRIDE, { body: overrideBody(word('late')), headers: { 'if-match': '"9"' } }),
  )
  await sent(call('PUT', FLAG, { body: `{"default_value":"${word('partial')}"}` }))
  await sent(call('PUT', OVERRIDE, { body: `{"value":"${word('twice')}","value":1}` }))
  await sent(call('PUT', OVERRIDE, { body: `{"value":"${word('cut')}` }))
  await sent(call('PUT', OVERRIDE, { body: `{"${word('member')}":1}` }))
  await sent(call('PUT', OVERRIDE, { body: `"${word('big')}${'x'.repeat(300_000)}"` }))
  // Tokens in the Authorization header, and everywhere else.
  const short = formatToken({ alg: 'HS256' }, { a: 1 }, (text) =>
    createHmac('sha256', 'x').update(text).digest(),
  )
  WORDS.push(short)
  await sent(call('GET', FLAG, { token: expired }))
  await sent(call('GET', FLAG, { token: word('token') }))
  await sent(call('GET', FLAG, { headers: { authorization: `Basic ${word('basic')}` } }))
  await sent(call('PUT', OVERRIDE, { headers: { 'x-request-id': short }, body: '{}' }))
  await sent(call('GET', `/${word('path')}?access_token=${good}`))
  await sent(call('GET', `/v1/flags?after=${word('query')}&token=${good}`))
  await sent(call('GET', FLAG, { headers: { 'if-match': word('tag'), cookie: word('cookie') } }))
  await sent(
    call('DELETE', `/v1/flags/override/tenant/T-pty-pilot-01%0A${word('break')}/ff.secret.flag`),
  )
  await sent(askFlag(service.origin, { flag_key: `ff.x\n${word('key')}` }))
  await sent(askFlag(service.origin, { flag_key: 'ff.secret.flag', token: word('body') }))
  await sent(askFlag(service.origin, { flag_key: 'ff.secret.flag' }, { 'x-ff-user': word('user') }))
  await raw(`GET ${FLAG} HTTP/1.1\r\nhost: x\r\nx-request-id: a\r\n ${word('folded')}\r\n\r\n`)
  await raw(`${word('noise')}\r\n\r\n`)
  await raw(`GET /x HTTP/1.1\r\nhost: x\r\nx-request-id: one\n${word('line')}: b\r\n\r\n`)
  // A bug whose message has all secrets.
  const bug = `${VALUE} of ${word('bug')}\n    at ${word('frame')} in ${good}`
  trouble.error = Object.assign(new Error(bug), { detail: word('detail'), cause: word('cause') })
  await sent(askFlag(service.origin, { flag_key: 'ff.secret.flag' }))
  trouble.error = null

  expect(statuses[0]).toBe(201)
  expect(statuses.filter((status) => status >= 500)).toEqual([500])
  expect(statuses.filter((status) => status >= 400).length).toBeGreaterThan(10)
  expect(service.lines.length).toBeGreaterThan(10)
  // Refusals are recorded behind the answers.
  const audit = await vi.waitFor(async () => {
    const records = await auditRecords()
    expect(records.length).toBeGreaterThan(4)
    return records
  }, 5_000)
  const written = [...service.lines, ...audit].join('')
  expect(WORDS.length).toBeGreaterThan(25)
  expect(WORDS.filter((one) => written.includes(one))).toEqual([])
})

test('each line is one object, and a bug has its stack frames', () => {
  for (const line of service.lines) {
    expect(line.indexOf('\n')).toBe(line.length - 1)
    expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), time: expect.any(String) })
  }
  const bug = service.lines.find((line) => line.includes('"msg":"bug"')) ?? '{}'
  expect(JSON.parse(bug)).toMatchObject({ error: { name: 'Error', at: expect.any(Array) } })
  expect(bug).toContain('log.int.test.ts')
})

test("a caller's own id is in the line, so that two logs can be laid side by side", async () => {
  await call('GET', '/nothing', { headers: { 'x-request-id': 'trace-0815' } })
  expect(service.lines.some((line) => line.includes('"request_id":"trace-0815"'))).toBe(true)
})

describe('S8: a log whose reader takes nothing', () => {
  test('drops lines, counts them, and says so once the reader is back', () => {
    let room = 150
    let text = ''
    const log = openServiceLog((bytes) => {
      const taken = bytes.subarray(0, room)
      room -= taken.length
      text += Buffer.from(taken).toString('utf8')
      return taken.length
    })
    for (let at = 0; at < 50; at += 1) log.info({ at }, 'a line of more than thirty characters')
    expect(text).toHaveLength(150)
    expect(log.dropped()).toBe(48)
    room = Number.POSITIVE_INFINITY
    log.info({ at: 50 }, 'read again')
    const lines = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as object)
    expect(lines).toMatchObject([{ at: 0 }, { at: 1 }, { lines: 48 }, { at: 50 }])
    expect(log.dropped()).toBe(48)
  })
})

describe('a caller with an unverified token', () => {
  test('is logged under an unverified name, and again after a minute', () => {
    const told: object[] = []
    let now = 5_000
    const log = {
      info: () => undefined,
      warn: (fields: object) => void told.push(fields),
      dropped: () => 0,
    }
    const unverified = createUnverifiedLog({ ...log, error: () => undefined }, () => now)
    for (const sub of ['U1', 'U2', 'U1']) unverified(sub)
    now += 59_999
    unverified('U1')
    expect(told).toEqual([{ caller: 'unverified:U1' }, { caller: 'unverified:U2' }])
    now += 1
    unverified('U1')
    expect(told).toHaveLength(3)
    for (let at = 0; at < 1_000; at += 1) unverified(`V${at}`)
    expect(told.length).toBeLessThan(110)
  })
  test('is logged once by the real service for many requests', async () => {
    const dead = await adapters.openKeyServer({ behaviour: 'refused', keys: [] })
    const { issuer, audience } = testKeys.settings
    const running = await getService({
      settings: {
        FF_ENV: 'dev',
        FF_ALLOW_DEV_HEADERS: 'true',
        FF_JWKS_URL: dead.url.href,
        FF_JWT_ISSUER: issuer,
        FF_JWT_AUDIENCE: audience,
        FF_STORE_DIR: await writeStore(join(folder, 'other'), []),
      },
    })
    try {
      const token = tokenFor({ sub: 'U4711' })
      for (let at = 0; at < 3; at += 1)
        await askFlag(running.origin, { flag_key: 'ff.a' }, { authorization: `Bearer ${token}` })
      const named = running.lines.filter((line) => line.includes('unverified:U4711'))
      expect(named).toHaveLength(1)
      expect(named[0]).not.toContain(token)
    } finally {
      await running.close()
      await dead.close()
    }
  })
})
