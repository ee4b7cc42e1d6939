import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { SAMPLE_FLAG } from '../../../src/features/serve/sample.ts'
import type { SettingName } from '../../../src/core/settings/settings.ts'
import { makeAuthority, makeCertificate } from '../../adapters/admin/certificates.ts'
import { getService, type RunningService } from '../../support/service-here.ts'

const folder = mkdtempSync(join(tmpdir(), 'ff-test-tls-'))
const at = (name: string): string => join(folder, name)
const PAIR = { FF_TLS_CERT_FILE: at('live.pem'), FF_TLS_KEY_FILE: at('live.key') }
/** Puts a pair in place of the one that the service reads. */
function place(name: string, key = name): void {
  copyFileSync(at(`${name}.pem`), PAIR.FF_TLS_CERT_FILE)
  copyFileSync(at(`${key}.key`), PAIR.FF_TLS_KEY_FILE)
}
beforeAll(() => {
  makeAuthority(folder, 'authority')
  const make = (name: string, days: number): unknown =>
    makeCertificate(folder, 'authority', { name, alternative: 'IP:127.0.0.1', days })
  for (const name of ['first', 'second']) make(name, 2)
  make('old', -1)
  const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
  writeFileSync(at('damaged.pem'), `${readFileSync(at('first.pem'), 'utf8')}${damaged}`)
  writeFileSync(at('text.pem'), 'no certificate\n')
  writeFileSync(at('text.key'), 'no key\n', { mode: 0o600 })
  writeFileSync(at('open.key'), 'no key\n', { mode: 0o644 })
})
let service: RunningService | null = null
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await service?.close()
  service = null
})
afterAll(() => rmSync(folder, { recursive: true }))

async function started(
  settings: Partial<Record<SettingName, string>> = {},
): Promise<RunningService> {
  place('first')
  service = await getService({ settings: { ...PAIR, ...settings } })
  return service
}

const BODY = JSON.stringify({ flag_key: SAMPLE_FLAG })
const POST = `POST /v1/flags/evaluate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n`
/** @returns the status, and the common name of the certificate that the service has */
function ask(origin: string, path = '/health/live', body?: string): Promise<readonly unknown[]> {
  const method = body === undefined ? 'GET' : 'POST'
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const options = { method, headers, rejectUnauthorized: false, agent: false }
  return new Promise((resolve, reject) => {
    const sent = request(`${origin}${path}`, options, (answer) => {
      const { subject } = (answer.socket as TLSSocket).getPeerCertificate()
      answer.resume().once('end', () => resolve([answer.statusCode, subject.CN]))
    })
    sent.once('error', reject).end(body)
  })
}
/** A connection of the system, without TLS on it yet. */
function dial(origin: string): Promise<Socket> {
  const socket = connect({ port: Number(new URL(origin).port), host: '127.0.0.1' })
  sockets.push(socket.on('error', () => undefined).resume())
  return new Promise((resolve) => socket.once('connect', () => resolve(socket)))
}
async function dialSecure(origin: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ socket: await dial(origin), rejectUnauthorized: false, ...options })
  sockets.push(socket.on('error', () => undefined).resume())
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket)).once('error', reject)
  })
}
const countOpen = (): number => sockets.filter((one) => !one.closed).length

describe('a certificate and its key', () => {
  test('serve HTTPS, also on the address for health and metrics, from TLS 1.2 on', async () => {
    const { origin, admin_origin } = await started({ FF_ADMIN_LISTEN: '127.0.0.1:0' })
    expect([origin, admin_origin]).toEqual([
      expect.stringMatching(/^https:/),
      expect.stringMatching(/^https:/),
    ])
    expect(await ask(origin, '/v1/flags/evaluate', BODY)).toEqual([200, 'first'])
    expect(await ask(String(admin_origin), '/health/ready')).toEqual([200, 'first'])
    const modern = await dialSecure(origin, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })
    expect(modern.getProtocol()).toBe('TLSv1.2')
    const outdated = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const
    await expect(
      dialSecure(origin, { ...outdated, ciphers: 'DEFAULT@SECLEVEL=0' }),
    ).rejects.toThrow()
  })
  test('are read again while it serves, and a bad pair keeps the one before and says why', async () => {
    const running = await started()
    const { origin, lines } = running
    const kept = await dialSecure(origin)
    place('second')
    await running.reload()
    expect(await ask(origin)).toEqual([200, 'second'])
    for (const [name, key] of [
      ['first', 'second'],
      ['text', 'second'],
      ['second', 'text'],
    ] as const) {
      place(name, key)
      const before = lines.length
      await running.reload()
      expect(lines.slice(before).join('')).toMatch(
        /"level":"error".*"reason":".*FF_TLS_.*keeps the one/,
      )
      expect(await ask(origin)).toEqual([200, 'second'])
    }
    expect(kept.closed).toBe(false)
  })
  test('that has expired serve, and the log warns', async () => {
    place('old')
    const settings = { FF_TLS_CERT_FILE: at('old.pem'), FF_TLS_KEY_FILE: at('old.key') }
    const { origin, lines } = await started(settings)
    expect(lines.join('')).toMatch(/"level":"warn".*the TLS certificate has expired/)
    expect(await ask(origin)).toEqual([200, 'old'])
  })
  test.each<[string, Partial<Record<SettingName, string>>]>([
    ['a missing file', { FF_TLS_CERT_FILE: at('none.pem') }],
    ['a certificate that is none', { FF_TLS_CERT_FILE: at('text.pem') }],
    ['a key that is none', { FF_TLS_KEY_FILE: at('text.key') }],
    ['a key that others may read', { FF_TLS_KEY_FILE: at('open.key') }],
    ['the key of another certificate', { FF_TLS_KEY_FILE: at('second.key') }],
    ['a damaged chain', { FF_TLS_CERT_FILE: at('damaged.pem'), FF_TLS_KEY_FILE: at('first.key') }],
  ])('start no service with %s', async (_name, settings) => {
    await expect(started(settings)).rejects.toMatchObject({ code: 'setting_invalid' })
  })
  test.each(['FF_TLS_CERT_FILE', 'FF_TLS_KEY_FILE'] as const)(
    'start no service where only %s is set',
    async (name) => {
      const settings = { [name]: PAIR[name] }
      await expect(getService({ settings })).rejects.toMatchObject({ code: 'setting_invalid' })
    },
  )
  test('are not needed: without them, reading again changes nothing', async () => {
    service = await getService()
    await service.reload()
    expect((await fetch(`${service.origin}/health/live`)).status).toBe(200)
  })
})

describe('the limits hold with TLS', () => {
  const LIMITS = { FF_MAX_ARRIVING_PER_PEER: '20', FF_HEADERS_TIMEOUT: '1', FF_DRAIN_TIMEOUT: '1' }
  test('for connections without a handshake, or without a request after it', async () => {
    const { origin } = await started({ FF_MAX_ARRIVING_PER_PEER: '20' })
    for (let one = 0; one < 40; one += 1) await dial(origin)
    await sleep(1_050) // A connection may be silent for a second.
    await dial(origin)
    await expect.poll(countOpen).toBe(20)
    expect(await ask(origin)).toEqual([200, 'first'])
  })
  test('for handshakes that never end', async () => {
    const { origin } = await started(LIMITS)
    await Promise.all(Array.from({ length: 10 }, () => dial(origin)))
    await expect.poll(countOpen, { timeout: 5_000 }).toBe(0)
    expect(await ask(origin)).toEqual([200, 'first'])
  })
  test('for requests that arrive slowly, and every health check is answered', async () => {
    const { origin } = await started({ FF_MAX_ARRIVING_PER_PEER: '20' })
    for (let one = 0; one < 40; one += 1) (await dialSecure(origin)).write(`${POST}{`)
    await expect
      .poll(() => sockets.filter((one) => 'encrypted' in one && !one.closed).length)
      .toBe(20)
    expect(await ask(origin, '/health/ready')).toEqual([200, 'first'])
  })
  test('for pipelined requests whose connection is reset, and the drain ends', async () => {
    const { origin } = await started(LIMITS)
    for (let one = 0; one < 20; one += 1) {
      const socket = await dialSecure(origin)
      socket.write(`${POST}${BODY}`.repeat(10))
      sockets.at(-2)?.resetAndDestroy()
    }
    expect(await ask(origin, '/v1/flags/evaluate', BODY)).toEqual([200, 'first'])
    await dialSecure(origin)
    await dial(origin)
    const since = performance.now()
    await service?.close()
    expect(performance.now() - since).toBeLessThan(3_000)
  })
  test('for plain HTTP, which is cut off without an error', async () => {
    const { origin, lines } = await started()
    const socket = await dial(origin)
    socket.write('GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n')
    await expect.poll(() => socket.closed).toBe(true)
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([])
  })
})
