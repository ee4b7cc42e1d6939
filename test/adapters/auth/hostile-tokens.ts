import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { instantToMs } from '../../../src/core/rows/instant.ts'
import { NOW, TENANT, USER } from '../../core/builders.ts'
import { codePoint } from '../../support/code-point.ts'

export type Jwk = Readonly<Record<string, string>>
export const ISSUER = 'https://idp.example'
export const AUDIENCE = 'pty-feature-flags'
const SECONDS = instantToMs(NOW) / 1000

// Keys and signers ----------------------------------------------------------------------------------------------

const file = new URL('../../../vectors/jwt/keys.json', import.meta.url)
const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { keys: readonly Jwk[] }
const getKey = (kid: string): Jwk => {
  const found = keys.find((one) => one['kid'] === kid)
  if (found === undefined) throw new Error(`no key ${kid}`)
  return found
}
const MEMBERS = ['kty', 'kid', 'alg', 'use', 'n', 'e', 'crv', 'x', 'y']
/** The public members of a key. */
export const publicPart = (jwk: Jwk): Jwk =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => MEMBERS.includes(name)))
export const [RSA, EC, ED, ATTACKER] = [
  getKey('ff-fixture-rsa-1'),
  getKey('ff-fixture-ec-1'),
  getKey('ff-fixture-ed-1'),
  getKey('ff-fixture-attacker'),
] as const
/** The expected claims. */
export const GOOD_KEYS: readonly Jwk[] = [RSA, EC, ED].map(publicPart)
const GOOD_PEM = createPublicKey({ key: publicPart(RSA), format: 'jwk' }).export({
  type: 'spki',
  format: 'pem',
})

const HASH: Readonly<Record<string, string | null>> = { EdDSA: null, Ed25519: null }
const getHash = (alg: string): string | null =>
  alg in HASH ? (HASH[alg] ?? null) : `sha${alg.slice(2)}`
export interface Signer {
  /** The correct header of the key. */
  readonly alg: string
  readonly kid: string
  readonly sign: (input: string) => Buffer
}
export function getSigner(jwk: Jwk, alg = jwk['alg'] ?? '', kid = jwk['kid'] ?? ''): Signer {
  const key: KeyObject = createPrivateKey({ key: jwk, format: 'jwk' })
  const padding = alg.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {}
  const options = { key, dsaEncoding: 'ieee-p1363' as const, ...padding }
  return { alg, kid, sign: (input) => signBytes(getHash(alg), Buffer.from(input), options) }
}
const kid = RSA['kid'] ?? ''
const HONEST = [getSigner(RSA), getSigner(EC), getSigner(ED)]
const hmac = (secret: string | Buffer): Signer => ({
  alg: 'HS256',
  kid,
  sign: (input) => createHmac('sha256', secret).update(input).digest(),
})
/** The attacker's key under the name of a good one, good keys with other algorithms, and no key at all. */
const FALSE = [
  getSigner(ATTACKER, 'RS256', kid),
  getSigner(ATTACKER),
  hmac(GOOD_PEM),
  hmac(JSON.stringify(publicPart(RSA))),
  { alg: 'none', kid, sign: () => Buffer.of() },
  // A verifier without range checks accepts zeros (CVE-2022-21449).
  { alg: 'ES256', kid: EC['kid'] ?? '', sign: () => Buffer.alloc(64) },
  { alg: 'EdDSA', kid: ED['kid'] ?? '', sign: () => Buffer.alloc(64) },
]
const STRETCHED = [getSigner(RSA, 'RS384'), getSigner(RSA, 'PS256')]

// Headers -------------------------------------------------------------------------------------------------------

/** Content of a segment: a value, or bytes that no JSON library writes. */
type Written = object | Buffer
const toBytes = (written: Written): Buffer =>
  Buffer.isBuffer(written) ? written : Buffer.from(JSON.stringify(written))
const b64 = (written: Written): string => toBytes(written).toString('base64url')

const words = (text: string): readonly string[] => text.split(' ')
const ALGS: readonly unknown[] = [
  ...words('RS256 ES256 EdDSA RS384 RS512 PS256 ES384 ES512 ES256K Ed25519 HS256 HS512 dir A128KW'),
  ...words('none None NONE nOnE rs256 __proto__ constructor toString'),
  'RS256 ',
  'RS256\u0000',
  '',
  null,
  0,
  true,
  ['RS256'],
  { alg: 'RS256' },
]
const KIDS: readonly unknown[] = [
  ...[...GOOD_KEYS, ATTACKER].map((one) => one['kid']),
  ...words('../../../etc/passwd /dev/null __proto__ constructor hasOwnProperty undefined null 0'),
  "' OR '1'='1",
  "x'; DROP TABLE keys; --",
  '',
  `${kid} `,
  `${kid}\u0000`,
  kid.toUpperCase(),
  'ｆｆ-fixture-rsa-1',
  '\u202e',
  '🔑',
  'k'.repeat(5000),
  null,
  0,
  {},
  [kid],
]
const anyAlg = fc.constantFrom<unknown>(...ALGS)
const anyKid = fc.oneof(fc.constantFrom<unknown>(...KIDS), fc.string({ unit: codePoint }))

/** @param url the attacker's URL, read only when a token is built */
const headerMembers = (url: () => string): fc.Arbitrary<object> => {
  const place = fc.constantFrom('/jwks.json', '/cert.pem').map((path) => url() + path)
  return fc.record(
    {
      alg: anyAlg,
      kid: anyKid,
      crit: fc.constantFrom<unknown>([], ['b64'], ['exp'], ['alg', 'kid'], 'exp', null, {}),
      b64: fc.constantFrom<unknown>(false, true, null, 'false', 0),
      jku: place,
      x5u: place,
      x5c: fc.constantFrom([b64({})], [Buffer.from(GOOD_PEM).toString('base64')], 'x'),
      jwk: fc.constantFrom<unknown>(
        publicPart(ATTACKER),
        { ...publicPart(ATTACKER), kid },
        ATTACKER,
      ),
      x5t: fc.string(),
      typ: fc.constantFrom('JWT', 'at+jwt', 'jwt'),
      cty: fc.constant('JWT'),
      zip: fc.constant('DEF'),
      enc: fc.constant('A128GCM'),
      p2c: fc.constant(2 ** 31),
      mode: fc.constantFrom('none', 'dev-headers', 'decode-only'),
    },
    { requiredKeys: [] },
  )
}
const anyMembers = fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), {
  maxKeys: 3,
})
/** A header with mostly one hostile member. */
const getFew = (members: fc.Arbitrary<object>): fc.Arbitrary<object> =>
  fc.tuple(members, fc.nat(20), fc.integer({ min: 1, max: 3 })).map(([all, from, count]) => {
    const entries = Object.entries(all)
    return Object.fromEntries(
      Array.from({ length: Math.min(count, entries.length) }, (_, at) => {
        return entries[(from + at) % entries.length] as [string, unknown]
      }),
    )
  })

const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
const spliced = (written: object, member: string): Buffer =>
  Buffer.from(JSON.stringify(written).replace(/^\{/, `{${member}${written ? ',' : ''}`))
/** Spellings of an object that parsers read differently. */
const SPELLINGS: readonly ((written: object) => Written)[] = [
  (one) => spliced(one, '"alg":"none"'),
  (one) => spliced(one, '"kid":"ff-fixture-attacker"'),
  (one) => spliced(one, '"sub":"U-admin","scope":"ff:operator"'),
  (one) => spliced(one, `"s\\u0075b":"U-admin"`),
  (one) => spliced(one, `"exp":1e400`),
  (one) => spliced(one, `"nbf":-1e400`),
  (one) => spliced(one, `"x":1e400`),
  (one) => spliced(one, `"x":${nested(63)}`),
  (one) => spliced(one, `"x":${nested(64)}`),
  (one) => spliced(one, `"x":${'['.repeat(3000)}${']'.repeat(3000)}`),
  (one) => spliced(one, '"__proto__":{"alg":"RS256","exp":9e9,"sub":"U-admin"}'),
  (one) => spliced(one, '"x":"\ud800"'),
  (one) => spliced(one, '"x":"\\ud800"'),
  (one) => Buffer.from(`\u{feff}${JSON.stringify(one)}`),
  (one) => Buffer.from(JSON.stringify(one, null, 1)),
  (one) => Buffer.from(`${JSON.stringify(one)}\u0000`),
  (one) => Buffer.from(JSON.stringify(one), 'utf16le'),
  (one) => Buffer.concat([Buffer.from(JSON.stringify(one).slice(0, -1)), Buffer.of(0xff, 0x7d)]),
  (one) => [one],
  (one) => Buffer.from(JSON.stringify(JSON.stringify(one))),
  (one) => Buffer.from(JSON.stringify(one).replaceAll('"', "'")),
  () => Buffer.of(),
  () => Buffer.from('null'),
]
const spelled = (plain: fc.Arbitrary<object>): fc.Arbitrary<Written> =>
  fc.oneof(
    { arbitrary: plain, weight: 6 },
    {
      arbitrary: fc
        .tuple(plain, fc.constantFrom(...SPELLINGS))
        .map(([one, spelling]) => spelling(one)),
      weight: 1,
    },
  )

// Payloads ------------------------------------------------------------------------------------------------------

export const CLAIMS = { iss: ISSUER, aud: AUDIENCE, sub: USER, tid: TENANT, exp: SECONDS + 300 }
const anyTime = fc.oneof(
  fc.integer({ min: SECONDS - 2, max: SECONDS + 2 }),
  fc.constantFrom<unknown>(
    0,
    -1,
    1e300,
    SECONDS * 1000,
    String(SECONDS + 300),
    null,
    [],
    undefined,
  ),
)
const anyId = fc.oneof(
  fc.constantFrom<unknown>('U1', 'a:b', '', 'é', 'U 1', null, 1, ['U1'], undefined),
  fc.string({ unit: codePoint, maxLength: 5 }),
)
const claimMembers = fc.record(
  {
    exp: anyTime,
    nbf: anyTime,
    iat: anyTime,
    iss: fc.constantFrom<unknown>(`${ISSUER}/`, [ISSUER], null, undefined),
    aud: fc.constantFrom<unknown>([AUDIENCE], ['a', AUDIENCE], 'pty-admin', [], null, undefined),
    sub: anyId,
    tid: anyId,
    scope: fc.constantFrom<unknown>('ff:operator ff:evaluate:any', ['ff:operator'], null),
    mode: fc.constant('verified'),
  },
  { requiredKeys: [] },
)
const anyClaims = fc.oneof(
  { arbitrary: fc.constant(CLAIMS), weight: 3 },
  { arbitrary: getFew(claimMembers).map((more) => ({ ...CLAIMS, ...more })), weight: 3 },
  { arbitrary: anyMembers.map((more) => ({ ...more, ...CLAIMS })), weight: 1 },
)

// Tokens and their mutations ------------------------------------------------------------------------------------

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const at = (text: string, share: number): number => Math.floor(share * text.length)
const put = (text: string, place: number, count: number, by: string): string =>
  text.slice(0, place) + by + text.slice(place + count)
type Change = (token: string, share: number, bit: number) => string
const inSegment =
  (change: (segment: string) => string): Change =>
  (token, share) => {
    const segments = token.split('.')
    const which = at(token, share) % segments.length
    return segments.map((one, index) => (index === which ? change(one) : one)).join('.')
  }
/** Another last letter that a lenient decoder reads as the same bytes. */
const respelled = (segment: string): string => {
  const last = LETTERS.indexOf(segment.slice(-1))
  return last === -1 ? segment : segment.slice(0, -1) + LETTERS.charAt(last ^ 1)
}
const CHANGES: readonly Change[] = [
  (token, share, bit) => {
    const place = at(token, share)
    return put(token, place, 1, String.fromCharCode(token.charCodeAt(place) ^ (1 << bit)))
  },
  (token, share, bit) => put(token, at(token, share), 1, LETTERS.charAt(bit * 9)),
  (token, share) => put(token, at(token, share), 1, ''),
  (token, share, bit) => put(token, at(token, share), 0, ' \n\t\r.=é\u0000'.charAt(bit)),
  (token, share, bit) => token + ' \n.=A/+\u0000'.charAt(bit) + (share > 0.5 ? '=' : ''),
  (token) => ` ${token}`,
  (token) => token.split('.').toReversed().join('.'),
  (token) => token.split('.').slice(0, 2).join('.'),
  (token) => token.split('.').slice(1).join('.'),
  (token) => `${token.split('.').slice(0, 2).join('.')}.`,
  (token) => [...token.split('.'), ...token.split('.')].join('.'),
  inSegment((one) => `${one}.${one}`),
  inSegment(() => ''),
  inSegment((one) => one.replaceAll('-', '+').replaceAll('_', '/')),
  inSegment((one) => one + '='.repeat((4 - (one.length % 4)) % 4)),
  inSegment((one) => Buffer.from(one, 'base64url').toString('hex')),
  inSegment((one) => Buffer.from(one).toString('base64url')),
  inSegment(respelled),
]
const changes = fc
  .tuple(fc.constantFrom(...CHANGES), fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(7))
  .map(
    ([change, share, bit]) =>
      (token: string) =>
        change(token, share, bit),
  )
/** Replaces the signed header or payload by another. */
const exchanged = (headers: fc.Arbitrary<Written>): fc.Arbitrary<(token: string) => string> =>
  fc.oneof(
    headers.map((one) => (token: string) => [b64(one), ...token.split('.').slice(1)].join('.')),
    anyClaims.map((one) => (token: string) => {
      const [head, , signature] = token.split('.')
      return [head, b64(one), signature].join('.')
    }),
  )
const untouched = (token: string): string => token

interface Parts {
  readonly signer: Signer
  readonly more: object
  readonly write: (header: object) => Written
  readonly payload: Written
}
function toToken({ signer, more, write, payload }: Parts): string {
  const header = { alg: signer.alg, kid: signer.kid, typ: 'at+jwt', ...more }
  const input = `${b64(write(header))}.${b64(payload)}`
  return `${input}.${signer.sign(input).toString('base64url')}`
}
const anySpelling = fc.oneof(
  { arbitrary: fc.constant((one: object): Written => one), weight: 12 },
  { arbitrary: fc.constantFrom(...SPELLINGS), weight: 1 },
)
const strangeMembers = (url: () => string): fc.Arbitrary<object> =>
  fc.oneof(
    { arbitrary: fc.constantFrom({}, { kid: undefined }, { alg: undefined }), weight: 1 },
    { arbitrary: fc.record({ alg: anyAlg }), weight: 1 },
    { arbitrary: fc.record({ kid: anyKid }), weight: 1 },
    { arbitrary: getFew(headerMembers(url)), weight: 4 },
    { arbitrary: anyMembers, weight: 1 },
  )

/** Any header. */
export const anyHeader = (url: () => string): fc.Arbitrary<string> =>
  spelled(
    fc
      .tuple(fc.constantFrom(...HONEST, ...FALSE), strangeMembers(url))
      .map(([signer, more]) => ({ alg: signer.alg, kid: signer.kid, ...more })),
  ).map(b64)

const plain = { more: fc.constant({}), write: fc.constant((one: object): Written => one) }
/** With a good kid, but signed by another key or for other claims. */
export const forgedToken: fc.Arbitrary<string> = fc.oneof(
  fc
    .record({ ...plain, signer: fc.constantFrom(...FALSE), payload: anyClaims })
    .map((parts) => toToken(parts)),
  fc
    .record({ ...plain, signer: fc.constantFrom(...HONEST), payload: fc.constant(CLAIMS) })
    .map((parts) => {
      const [head, , signature] = toToken(parts).split('.')
      return [head, b64({ ...CLAIMS, scope: 'ff:operator' }), signature].join('.')
    }),
)

/** All kinds of tokens, from valid to arbitrary. */
export function anyToken(url: () => string): fc.Arbitrary<string> {
  const members = strangeMembers(url)
  const headers = spelled(members.map((more) => ({ alg: 'RS256', kid, ...more })))
  const made = fc
    .record({
      signer: fc.oneof(
        { arbitrary: fc.constantFrom(...HONEST), weight: 5 },
        { arbitrary: fc.constantFrom(...FALSE), weight: 2 },
        { arbitrary: fc.constantFrom(...STRETCHED), weight: 1 },
      ),
      more: fc.oneof({ arbitrary: fc.constant({}), weight: 3 }, { arbitrary: members, weight: 3 }),
      write: anySpelling,
      payload: spelled(anyClaims),
    })
    .map((parts) => toToken(parts))
  const change = fc.oneof(
    { arbitrary: fc.constant(untouched), weight: 6 },
    { arbitrary: changes, weight: 3 },
    { arbitrary: exchanged(headers), weight: 1 },
  )
  return fc.oneof(
    { arbitrary: fc.tuple(made, change).map(([token, done]) => done(token)), weight: 15 },
    { arbitrary: fc.string({ unit: codePoint }), weight: 1 },
    { arbitrary: fc.base64String().map((one) => `${one}.${one}.${one}`), weight: 1 },
    { arbitrary: made.map((token) => token.repeat(12)), weight: 1 },
  )
}

/** Signed with a good key, with one hostile member of the header; lists each such member. */
export const strangeTokens = (): readonly string[] =>
  [...ALGS.map((alg) => ({ alg })), ...KIDS.map((named) => ({ kid: named }))].flatMap((more) =>
    HONEST.map((signer) => toToken({ signer, more, write: (one) => one, payload: CLAIMS })),
  )
