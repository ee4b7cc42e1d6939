import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/adapters/auth/clock.ts'
import { fetchJwks } from '../../../src/adapters/auth/jwks-fetch.ts'
import { LoopbackJwks } from '../../../src/adapters/auth/loopback-jwks.ts'
import type { KeyServerBehaviour, KeyServerStage } from '../../../src/core/auth/contract.ts'
import { CONTRACT } from '../../core/auth-contract.ts'
import { published, RSA_1 } from './signed.ts'

const KEYS = [published(RSA_1)]
const stage = (behaviour: KeyServerBehaviour): KeyServerStage => ({ behaviour, keys: KEYS })
const LIMITS = { ...CONTRACT.client, timeout_ms: 60 }

let open: LoopbackJwks[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
  open = []
})
async function started(behaviour: KeyServerBehaviour): Promise<LoopbackJwks> {
  const server = await LoopbackJwks.start(stage(behaviour))
  open.push(server)
  return server
}
async function seen({ url }: LoopbackJwks): Promise<string> {
  const fetched = await fetchJwks(url, LIMITS, systemClock)
  return fetched.ok ? 'ok' : `${fetched.kind}: ${fetched.detail}`
}

const BEHAVIOURS: Readonly<Record<KeyServerBehaviour, string>> = {
  up: 'ok',
  refused: 'unreachable: ECONNREFUSED',
  hanging: 'unreachable: no whole response within 60 ms',
  slow: 'unreachable: no whole response within 60 ms',
  error_429: 'unreachable: status 429',
  error_500: 'unreachable: status 500',
  not_found: 'misconfigured: status 404',
  redirect_away: 'misconfigured: a redirect to another origin',
  oversize: 'misconfigured: more than 1048576 bytes',
  not_json: 'misconfigured: the response is not a JWK set',
}
const ROWS = Object.entries(BEHAVIOURS) as [KeyServerBehaviour, string][]

describe('a loopback key server', () => {
  test.each(ROWS)('that is %s: %s', async (behaviour, expected) => {
    expect(await seen(await started(behaviour))).toBe(expected)
  })

  test.each(ROWS)('that becomes %s: %s', async (behaviour, expected) => {
    const server = await started('up')
    expect(await seen(server)).toBe('ok')
    await server.setBehaviour(stage(behaviour))
    expect(await seen(server)).toBe(expected)
    await server.setBehaviour(stage('up'))
    expect(await seen(server)).toBe('ok')
  })

  test('keeps its address over a restart', async () => {
    const server = await started('refused')
    const { href } = server.url
    await server.setBehaviour(stage('up'))
    expect(server.url.href).toBe(href)
    expect(await seen(server)).toBe('ok')
  })

  test('listens on one loopback address only', async () => {
    const { url } = await started('up')
    expect(url.hostname).toBe('127.0.0.1')
    const others = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ address, family }) => family === 'IPv4' && address !== '127.0.0.1')
      .map(({ address }) => address)
    // 127.0.0.2 is the same machine, and no address that the server listens on.
    for (const host of ['127.0.0.2', ...others]) {
      const refused = await new Promise((resolve) => {
        const socket = connect(Number(url.port), host, () => resolve('connected'))
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      })
      expect(refused).toBe('ECONNREFUSED')
    }
  })

  test('counts stalled requests', async () => {
    const server = await started('up')
    await seen(server)
    expect(server.stalls).toBe(0)
    await server.setBehaviour(stage('hanging'))
    await Promise.all([server.stalled(0), seen(server)])
    await server.setBehaviour(stage('slow'))
    await Promise.all([server.stalled(1), seen(server)])
    expect(server.stalls).toBe(2)
  })

  test('can be closed twice, and before the first request', async () => {
    const server = await started('up')
    await server.close()
    await server.close()
    expect(await seen(server)).toBe(BEHAVIOURS.refused)
  })
})
