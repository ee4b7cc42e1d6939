import { createHash } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { expect, test } from 'vitest'
import { thumbprintInput, toPublicJwk } from '../../../src/core/text/jwk.ts'

/** RFC 8037, appendix A.1 and A.3. */
const X = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
const PRIVATE = {
  kty: 'OKP',
  crv: 'Ed25519',
  d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  x: X,
}

test('the thumbprint equals that of RFC 8037 and of jose', async () => {
  const jwk = { x: X, crv: 'Ed25519', kty: 'OKP' } as const
  const thumbprint = createHash('sha256').update(thumbprintInput(jwk)).digest('base64url')
  expect(thumbprint).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  expect(thumbprint).toBe(await calculateJwkThumbprint(jwk))
})

test.each([
  ['Ed25519', PRIVATE, { kty: 'OKP', crv: 'Ed25519', x: X }],
  [
    'RSA',
    { kty: 'RSA', kid: '1', alg: 'RS256', use: 'sig', n: 'n', e: 'AQAB', d: 'd', p: 'p', q: 'q' },
    { kty: 'RSA', kid: '1', alg: 'RS256', use: 'sig', n: 'n', e: 'AQAB' },
  ],
  ['a secret', { kty: 'oct', k: 'secret' }, { kty: 'oct' }],
  ['an unknown member', { kty: 'EC', oth: 'x', y: undefined }, { kty: 'EC' }],
])('only the public members of %s are published', (_what, jwk, published) => {
  expect(JSON.stringify(toPublicJwk(jwk))).toBe(JSON.stringify(published))
})
