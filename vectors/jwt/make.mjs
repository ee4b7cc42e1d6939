// Makes fixtures.json from the keys beside it: `npm run vectors:jwt`. The keys were made for this purpose
// and guard nothing. RS256 is deterministic, so the same keys and claims give the same bytes.
import { readFile, writeFile } from 'node:fs/promises'
import { CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'

const here = (name) => new URL(name, import.meta.url)
const ISSUER = 'https://idp.pty.example'
const AUDIENCE = 'pty-feature-flags'
const CLOCK = '2026-01-15T09:00:00.000Z'
const KID = 'ff-fixture-rsa-1'

const keys = await readFile(here('keys.json'), 'utf8').then(JSON.parse, makeKeys)
const [key] = keys.keys

async function makeKeys() {
  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true })
  const made = {
    purpose: 'Signs test tokens. Guards nothing.',
    keys: [{ ...(await exportJWK(privateKey)), kid: KID, alg: 'RS256', use: 'sig' }],
  }
  await writeFile(here('keys.json'), `${JSON.stringify(made, null, 2)}\n`)
  return made
}

const seconds = Date.parse(CLOCK) / 1000
const claims = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'U1001',
  tid: 'T-pty-pilot-01',
  iat: seconds - 60,
  nbf: seconds - 60,
  exp: seconds + 3600,
}
const sign = async (payload) =>
  new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'RS256', kid: KID, typ: 'at+jwt' })
    .sign(await importJWK(key, 'RS256'))

const { kty, n, e } = key
const publicKeys = [{ kty, kid: KID, alg: 'RS256', use: 'sig', n, e }]
const token = await sign(claims)
const base = {
  clock: CLOCK,
  token: null,
  dev_headers: null,
  jwks: { behaviour: 'up', keys: publicKeys },
}
const fixtures = [
  {
    id: 'JWT-EX-01',
    title: 'Valid, its key in the set',
    row: 'M-01',
    environment: 'prod',
    ...base,
    token,
  },
  {
    ...{
      id: 'JWT-EX-02',
      title: 'Valid, the JWKS endpoint refuses connections',
      row: 'M-02',
      environment: 'dev+H',
    },
    ...{ ...base, token, jwks: { behaviour: 'refused', keys: [] } },
  },
  {
    ...{
      id: 'JWT-EX-13',
      title: 'No token, dev headers',
      row: 'M-09a',
      environment: 'dev+H',
      ...base,
    },
    dev_headers: { user_id: 'U1001', tenant_id: 'T-pty-pilot-01', scopes: [] },
  },
  { id: 'JWT-EX-14', title: 'No token', row: 'M-09b', environment: 'prod', ...base },
]
const made = {
  kind: 'jwt_fixtures',
  schemaVersion: 1,
  issuer: ISSUER,
  audience: AUDIENCE,
  fixtures,
}
await writeFile(here('fixtures.json'), `${JSON.stringify(made, null, 2)}\n`)
