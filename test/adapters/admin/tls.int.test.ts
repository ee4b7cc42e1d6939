import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { AdminCredential } from '../../../src/ports/admin.ts'
import { getClient, QUESTION, startAdmin, UNREACHABLE } from './stage.ts'
import { before, makeAuthority, makeCertificate, type Pair } from './certificates.ts'

const folder = mkdtempSync(join(tmpdir(), 'ff-admin-tls-'))
afterAll(() => rmSync(folder, { recursive: true }))
let ours: Pair
let theirs: Pair
let good: Pair, elsewhere: Pair, over: Pair, known: Pair, stranger: Pair
beforeAll(() => {
  ours = makeAuthority(folder, 'ours')
  theirs = makeAuthority(folder, 'theirs')
  const here = 'IP:127.0.0.1'
  good = makeCertificate(folder, 'ours', { name: 'good', alternative: here })
  elsewhere = makeCertificate(folder, 'ours', {
    name: 'elsewhere',
    alternative: 'DNS:admin.example',
  })
  over = makeCertificate(folder, 'ours', { name: 'over', alternative: here, days: -1 })
  known = makeCertificate(folder, 'ours', { name: 'client', alternative: 'DNS:ff' })
  stranger = makeCertificate(folder, 'theirs', { name: 'stranger', alternative: 'DNS:ff' })
})

async function status(
  server: { readonly pair: Pair; readonly mutual?: boolean },
  credential: Partial<AdminCredential>,
): Promise<string> {
  const admin = await startAdmin()
  const mutual = { ca: ours.cert, requestCert: true, rejectUnauthorized: true }
  const url = await before(admin.url, { ...server.pair, ...(server.mutual ? mutual : {}) })
  const client = await getClient(admin, { url, credential })
  const answer = await client.begin()(QUESTION)
  if (answer.status === 'unreachable') {
    expect(answer).toEqual(UNREACHABLE)
    expect(admin.requests()).toBe(0)
  }
  return answer.status
}

describe('Admin over TLS', () => {
  test('is trusted with a certificate of the configured authority', async () => {
    expect(await status({ pair: good }, { ca: ours.cert })).toBe('known')
  })
  test.each([
    ['of another authority', () => good, () => theirs.cert],
    ['of an authority that this machine does not know', () => good, () => null],
    ['for another host', () => elsewhere, () => ours.cert],
    ['that is over', () => over, () => ours.cert],
  ])('with a certificate %s hears nothing', async (_situation, pair, ca) => {
    expect(await status({ pair: pair() }, { ca: ca() })).toBe('unreachable')
  })
  test('is not trusted because of NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    try {
      expect(await status({ pair: good }, { ca: null })).toBe('unreachable')
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

describe('mutual TLS', () => {
  const asking = (client: Pair | null): Promise<string> =>
    status({ pair: good, mutual: true }, { ca: ours.cert, client })
  test('accepts a client certificate of the authority', async () => {
    expect(await asking(known)).toBe('known')
  })
  test.each([
    ['none', () => null],
    ['of another authority', () => stranger],
  ])('refuses a client certificate: %s', async (_what, client) => {
    expect(await asking(client())).toBe('unreachable')
  })
})
