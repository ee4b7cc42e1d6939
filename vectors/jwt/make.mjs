// Makes fixtures.json from the keys beside it: `npm run vectors:jwt`. RS256 and EdDSA are deterministic, so the
// same keys and claims give the same bytes; the ES256 tokens differ each time. What must come of a fixture is
// written down here by hand, from the mode matrix, and not read from the contract that it is held against.
import { createHmac, createPublicKey, sign as signBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { makeKeys } from './make-keys.mjs'

const here = (name) => new URL(name, import.meta.url)
const ISSUER = 'https://idp.pty.example'
const AUDIENCE = 'pty-feature-flags'
const CLOCK = '2026-01-15T09:00:00.000Z'
const DEV_SCOPES = ['ff:registry:read']
const MAX_BYTES = 8192

const held = await readFile(here('keys.json'), 'utf8').then(JSON.parse, () => ({ keys: [] }))
const { keys, ...purpose } = makeKeys(held.keys)
await writeFile(here('keys.json'), `${JSON.stringify({ ...purpose, keys }, null, 2)}\n`)
const [rsa1, rsa2, ec, ed, attacker, weak, roca] = keys

const pub = ({ kty, kid, alg, use, n, e, crv, x, y }) =>
  JSON.parse(JSON.stringify({ kty, kid, alg, use, n, e, crv, x, y }))
const [R1, R2, EC, ED] = [rsa1, rsa2, ec, ed].map(pub)

// Tokens ---------------------------------------------------------------------------------------------------------

const b64 = (data) => Buffer.from(data).toString('base64url')
const HASH = {
  RS256: 'sha256',
  PS256: 'sha256',
  ES256: 'sha256',
  RS384: 'sha384',
  EdDSA: null,
  Ed25519: null,
}
function signature(input, jwk, alg) {
  const key = { key: jwk, format: 'jwk', dsaEncoding: 'ieee-p1363' }
  return signBytes(HASH[alg], Buffer.from(input), key).toString('base64url')
}
const seconds = Date.parse(CLOCK) / 1000
const CLAIMS = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'U1001',
  tid: 'T-pty-pilot-01',
  iat: seconds - 60,
  nbf: seconds - 60,
  exp: seconds + 3600,
}
/** The header and the payload may be texts, to write what no JSON library would. */
function token({ header = {}, claims = {}, payload, rawHeader, key = rsa1, alg = 'RS256' } = {}) {
  const head = rawHeader ?? JSON.stringify({ alg, kid: key.kid, typ: 'at+jwt', ...header })
  const body = payload ?? JSON.stringify({ ...CLAIMS, ...claims })
  const input = `${b64(head)}.${b64(body)}`
  return `${input}.${signature(input, key, alg)}`
}
const VALID = token()
const [HEAD, BODY, SIGNATURE] = VALID.split('.')
const without = (...names) =>
  token({ claims: Object.fromEntries(names.map((name) => [name, undefined])) })
const unsecured = (alg) => `${b64(JSON.stringify({ alg, kid: R1.kid }))}.${BODY}.`
function hmacWithPublicKey() {
  const secret = createPublicKey({ key: R1, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const input = `${b64(JSON.stringify({ alg: 'HS256', kid: R1.kid }))}.${BODY}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}
/** As long as a token can be without passing so many bytes. */
function long(bytes) {
  const empty = token({ claims: { pad: '' } }).length
  const room = Math.floor(((bytes - empty) * 3) / 4)
  return token({ claims: { pad: 'x'.repeat(room) } })
}
const forged = (header) => token({ key: attacker, header: { kid: R1.kid, ...header } })
const nested = (levels) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

// What the key server does ---------------------------------------------------------------------------------------

const up = (...served) => ({ behaviour: 'up', keys: served })
const down = (behaviour) => ({ behaviour, keys: [] })
const then = (before, elapsed_s, last) => ({ ...last, before: { ...before, elapsed_s } })

// What must come of it -------------------------------------------------------------------------------------------

const ME = { user_id: 'U1001', tenant_id: 'T-pty-pilot-01', scopes: [] }
const verified = (row, warnings = [], who = {}) => ({
  row,
  mode: 'verified',
  source: 'jwt',
  ...ME,
  warnings,
  key_set_stale: false,
  ...who,
})
const unverified = (row, warning) => ({
  ...verified(row, ['auth_not_verified', warning].sort()),
  mode: 'decode-only',
  source: 'jwt-unverified',
})
const devHeaders = (who) => ({
  ...verified('M-09a', ['auth_not_verified', 'dev_headers'], who),
  mode: 'dev-headers',
  source: 'dev-headers',
})
const NOBODY = {
  ...verified('M-09b', ['unauthenticated'], { user_id: null, tenant_id: null }),
  mode: 'none',
  source: 'none',
}
const STATUS = { context_invalid: 403, jwks_unreachable: 503 }
const refused = (row, code) => ({ row, refused: code, http: STATUS[code] ?? 401 })
const any = (expected) => ({ 'dev+H': expected, 'dev-H': expected, prod: expected })
const dev = (expected, elsewhere) => ({ 'dev+H': expected, 'dev-H': elsewhere, prod: elsewhere })

const UNREACHABLE = refused('M-06', 'jwks_unreachable')
const NO_SET = dev(unverified('M-02', 'jwks_unreachable'), UNREACHABLE)
const NOT_FOUND = refused('M-12', 'kid_not_found')
const MALFORMED = any(refused('M-10', 'token_malformed'))
const UNUSABLE = any(refused('M-16', 'key_not_usable'))
const CRIT = any(refused('M-18', 'crit_unsupported'))
/** The neutral point of Ed25519, as a key and as half a signature. */
const IDENTITY = Buffer.from([1, ...Array(31).fill(0)])
const FORGED = any(refused('M-17', 'signature_invalid'))
const NONE = any(refused('M-05b', 'alg_not_allowed'))
const NO_CLAIM = any(refused('M-08d', 'claim_missing'))
const NO_ID = any(refused('M-08e', 'context_invalid'))

// The fixtures: title, environment of its row, token, key server, outcome, dev headers ----------------------------

const HEADERS = { user_id: 'U1001', tenant_id: 'T-pty-pilot-01', scopes: [] }
const P = 'prod'
const D = 'dev+H'
const key1 = up(R1)
const named = [
  ['Valid, its key in the set', P, VALID, key1, any(verified('M-01'))],
  ['Valid, the key server refuses connections', D, VALID, down('refused'), NO_SET],
  [
    'Expired this very second',
    P,
    token({ claims: { exp: seconds } }),
    key1,
    any(refused('M-07', 'token_expired')),
  ],
  [
    'One byte of the signature changed',
    P,
    `${HEAD}.${BODY}.${flip(SIGNATURE)}`,
    key1,
    any(refused('M-04', 'signature_invalid')),
  ],
  [
    'RS384, which is not on the list',
    P,
    token({ alg: 'RS384' }),
    key1,
    any(refused('M-05a', 'alg_not_allowed')),
  ],
  ['alg none', P, unsecured('none'), key1, NONE],
  [
    'Signed with a key that came after the set, and the refresh is refused',
    D,
    token({ key: rsa2 }),
    then(key1, 31, down('refused')),
    dev(unverified('M-03', 'kid_not_found'), NOT_FOUND),
  ],
  [
    'HS256 keyed with the public key',
    P,
    hmacWithPublicKey(),
    key1,
    any(refused('M-05c', 'alg_not_allowed')),
  ],
  ['Valid, the key server never answers', P, VALID, down('hanging'), NO_SET],
  [
    'For another audience',
    P,
    token({ claims: { aud: 'pty-admin' } }),
    key1,
    any(refused('M-08a', 'audience_mismatch')),
  ],
  [
    'From another issuer',
    P,
    token({ claims: { iss: `${ISSUER}/` } }),
    key1,
    any(refused('M-08b', 'issuer_mismatch')),
  ],
  [
    'Valid a second from now',
    P,
    token({ claims: { nbf: seconds + 1 } }),
    key1,
    any(refused('M-08c', 'token_not_yet_valid')),
  ],
  ['No token, dev headers', D, null, key1, dev(devHeaders(), NOBODY), HEADERS],
  ['No token', P, null, key1, any(NOBODY)],
  ['Two segments', P, `${HEAD}.${BODY}`, key1, MALFORMED],
  [
    'No kid, and one usable key',
    P,
    token({ header: { kid: undefined } }),
    up(R1, { ...R2, use: 'enc' }),
    any(verified('M-11a', ['kid_missing'])),
  ],
  [
    'No kid, and two usable keys',
    P,
    token({ header: { kid: undefined } }),
    up(R1, R2),
    any(refused('M-11b', 'kid_missing')),
  ],
  [
    'A kid that the refreshed set has not',
    P,
    token({ key: rsa2 }),
    then(key1, 31, key1),
    any(NOT_FOUND),
  ],
  [
    'The key server is away for twenty minutes',
    P,
    VALID,
    then(key1, 1200, down('refused')),
    any(verified('M-13', ['jwks_stale'], { key_set_stale: true })),
  ],
  [
    'A key that was added half a minute ago',
    P,
    token({ key: rsa2 }),
    then(key1, 31, up(R1, R2)),
    any(verified('M-14')),
  ],
  [
    'A key that was taken out ten minutes ago',
    P,
    VALID,
    then(key1, 601, up(R2)),
    any(refused('M-15', 'kid_not_found')),
  ],
  ['A key for encryption', P, VALID, up({ ...R1, use: 'enc' }), UNUSABLE],
  [
    'The key of the attacker in the header, under a known kid',
    P,
    forged({ jwk: pub(attacker) }),
    key1,
    FORGED,
  ],
  ['A critical header that nobody knows', P, token({ header: { crit: ['x'], x: 1 } }), key1, CRIT],
  ['No expiry', P, without('exp'), key1, NO_CLAIM],
  ['A subject that is no id', P, token({ claims: { sub: 'U1 T2' } }), key1, NO_ID],
]
const more = [
  ['Valid, with ES256', P, token({ key: ec, alg: 'ES256' }), up(R1, EC, ED), any(verified('M-01'))],
  [
    'Valid, with Ed25519',
    P,
    token({ key: ed, alg: 'EdDSA' }),
    up(R1, EC, ED),
    any(verified('M-01')),
  ],
  [
    'Valid, with scopes',
    P,
    token({ claims: { scope: 'ff:registry:read ff:evaluate:any' } }),
    key1,
    any(verified('M-01', [], { scopes: ['ff:registry:read', 'ff:evaluate:any'] })),
  ],
  ['A user of no tenant', P, without('tid'), key1, any(verified('M-01', [], { tenant_id: null }))],
  [
    'Valid, and dev headers of somebody else beside it',
    P,
    VALID,
    key1,
    any(verified('M-01')),
    { user_id: 'U-admin', scopes: ['ff:registry:read'] },
  ],
  ['A second left', P, token({ claims: { exp: seconds + 1 } }), key1, any(verified('M-01'))],
  [
    'Valid from this very second',
    P,
    token({ claims: { nbf: seconds } }),
    key1,
    any(verified('M-01')),
  ],
  [
    'Several audiences, ours among them',
    P,
    token({ claims: { aud: ['a', AUDIENCE] } }),
    key1,
    any(verified('M-01')),
  ],
  [
    'Unknown members in the header, and a jku',
    P,
    token({ header: { jku: 'https://127.0.0.2/jwks', x: {} } }),
    key1,
    any(verified('M-01')),
  ],
  ['As long as a token may be', P, long(MAX_BYTES), key1, any(verified('M-01'))],
  ['Valid, the key server answers 500', D, VALID, down('error_500'), NO_SET],
  ['Valid, the key server begins an answer', D, VALID, down('slow'), NO_SET],
  ['The last good set ran out an hour ago', D, VALID, then(key1, 3700, down('refused')), NO_SET],
  ['Valid, the key server answers 404', P, VALID, down('not_found'), any(UNREACHABLE)],
  ['Valid, the key server leads elsewhere', P, VALID, down('redirect_away'), any(UNREACHABLE)],
  ['Valid, the key server answers too much', P, VALID, down('oversize'), any(UNREACHABLE)],
  ['Valid, the key server answers with a page', P, VALID, down('not_json'), any(UNREACHABLE)],
  [
    'A later key, and the refresh is no JSON',
    P,
    token({ key: rsa2 }),
    then(key1, 31, down('not_json')),
    any(NOT_FOUND),
  ],
  ['A kid that the first set has not', P, token({ key: rsa2 }), key1, any(NOT_FOUND)],
  [
    'A later key, asked for within the cooldown',
    P,
    token({ key: rsa2 }),
    then(key1, 29, up(R1, R2)),
    any(NOT_FOUND),
  ],
  ['A set without keys', P, VALID, up(), any(NOT_FOUND)],
  ['A kid that is a path', P, token({ header: { kid: '../../etc/passwd' } }), key1, any(NOT_FOUND)],
  ['A kid that is SQL', P, token({ header: { kid: "' OR '1'='1" } }), key1, any(NOT_FOUND)],
  ['An empty kid', P, token({ header: { kid: '' } }), key1, any(NOT_FOUND)],
  [
    'Expired, without a key server',
    D,
    token({ claims: { exp: seconds - 1 } }),
    down('refused'),
    dev(refused('M-07', 'token_expired'), UNREACHABLE),
  ],
  [
    'For another audience, without a key server',
    D,
    token({ claims: { aud: 'x' } }),
    down('refused'),
    dev(refused('M-08a', 'audience_mismatch'), UNREACHABLE),
  ],
  [
    'A subject that is no id, without a key server',
    D,
    token({ claims: { sub: 'J\u00f6rg' } }),
    down('refused'),
    dev(refused('M-08e', 'context_invalid'), UNREACHABLE),
  ],
  [
    'Scopes that nobody verified',
    D,
    token({ claims: { scope: 'ff:operator' } }),
    down('refused'),
    NO_SET,
  ],
  [
    'A signature that nobody can check',
    D,
    `${HEAD}.${BODY}.${flip(SIGNATURE)}`,
    down('refused'),
    NO_SET,
  ],
  ['alg none, without a key server', P, unsecured('none'), down('refused'), NONE],
  ['Malformed, without a key server', P, `${HEAD}.${BODY}`, down('refused'), MALFORMED],
  [
    'A critical header, without a key server',
    P,
    token({ header: { crit: ['x'], x: 1 } }),
    down('refused'),
    CRIT,
  ],
  [
    'HS256, without a key server',
    P,
    hmacWithPublicKey(),
    down('refused'),
    any(refused('M-05c', 'alg_not_allowed')),
  ],
  [
    'A bad signature on an expired token',
    P,
    token({ key: attacker, header: { kid: R1.kid }, claims: { exp: seconds } }),
    key1,
    any(refused('M-04', 'signature_invalid')),
  ],
  ['No signature at all', P, `${HEAD}.${BODY}.`, key1, any(refused('M-04', 'signature_invalid'))],
  [
    'The payload of another token',
    P,
    `${HEAD}.${token({ claims: { sub: 'U2' } }).split('.')[1]}.${SIGNATURE}`,
    key1,
    any(refused('M-04', 'signature_invalid')),
  ],
  ['alg nOnE', P, unsecured('nOnE'), key1, NONE],
  ['alg NONE', P, unsecured('NONE'), key1, NONE],
  ['No alg', P, token({ header: { alg: undefined } }), key1, NONE],
  ['An alg that is a list', P, token({ header: { alg: ['RS256'] } }), key1, NONE],
  ['An alg of null', P, token({ header: { alg: null } }), key1, NONE],
  [
    'PS256, which is not on the list',
    P,
    token({ header: { alg: 'PS256' } }),
    key1,
    any(refused('M-05a', 'alg_not_allowed')),
  ],
  ['No subject', P, without('sub'), key1, NO_CLAIM],
  ['No issuer', P, without('iss'), key1, NO_CLAIM],
  ['No audience', P, without('aud'), key1, NO_CLAIM],
  ['A tenant that is no id', P, token({ claims: { tid: 'T 1' } }), key1, NO_ID],
  ['A subject that is a number', P, token({ claims: { sub: 1001 } }), key1, NO_ID],
  [
    'Dev headers that ask for more scopes than there are',
    D,
    null,
    key1,
    dev(devHeaders({ scopes: DEV_SCOPES }), NOBODY),
    { ...HEADERS, scopes: ['ff:registry:read', 'ff:operator'] },
  ],
  [
    'Dev headers of a user alone',
    D,
    null,
    key1,
    dev(devHeaders({ tenant_id: null }), NOBODY),
    { user_id: 'U1001', scopes: [] },
  ],
  [
    'A refused token, and dev headers beside it',
    D,
    token({ claims: { exp: seconds } }),
    key1,
    any(refused('M-07', 'token_expired')),
    HEADERS,
  ],
  ['An empty token, and dev headers beside it', D, '', key1, MALFORMED, HEADERS],
  ['An empty token', P, '', key1, MALFORMED],
  ['Five segments', P, `${VALID}.${HEAD}.${BODY}`, key1, MALFORMED],
  [
    'JSON serialisation',
    P,
    JSON.stringify({ payload: BODY, protected: HEAD, signature: SIGNATURE }),
    key1,
    MALFORMED,
  ],
  ['Padding', P, `${HEAD}.${BODY}.${SIGNATURE}==`, key1, MALFORMED],
  ['White space at the end', P, `${VALID}\n`, key1, MALFORMED],
  ['A space in the middle', P, VALID.replace('.', '. '), key1, MALFORMED],
  [
    'base64 instead of base64url',
    P,
    `${HEAD}.${BODY}.${SIGNATURE.slice(0, -4)}+/AA`,
    key1,
    MALFORMED,
  ],
  [
    'Another spelling of the last byte',
    P,
    respelled(token({ key: ed, alg: 'EdDSA' })),
    up(ED),
    MALFORMED,
  ],
  ['A header that is no JSON', P, token({ rawHeader: '{"alg":"RS256",}' }), key1, MALFORMED],
  ['A header that is a list', P, token({ rawHeader: '[]' }), key1, MALFORMED],
  [
    'A header with alg twice',
    P,
    token({ rawHeader: `{"alg":"none","alg":"RS256","kid":"${R1.kid}"}` }),
    key1,
    MALFORMED,
  ],
  ['A kid that is a number', P, token({ header: { kid: 1 } }), key1, MALFORMED],
  ['A payload that is no JSON', P, token({ payload: 'hello' }), key1, MALFORMED],
  ['A payload that is a list', P, token({ payload: '[]' }), key1, MALFORMED],
  [
    'A payload that is not UTF-8',
    P,
    token({ payload: Buffer.from([0x7b, 0xff, 0x7d]) }),
    key1,
    MALFORMED,
  ],
  [
    'A payload with a byte order mark',
    P,
    token({ payload: `\u{feff}${JSON.stringify(CLAIMS)}` }),
    key1,
    MALFORMED,
  ],
  [
    'A payload with sub twice',
    P,
    token({ payload: JSON.stringify(CLAIMS).replace('{', '{"sub":"U-admin",') }),
    key1,
    MALFORMED,
  ],
  ['A payload that is too deep', P, token({ payload: nested(65) }), key1, MALFORMED],
  ['Longer than a token may be', P, long(MAX_BYTES + 4), key1, MALFORMED],
  [
    'An expiry without end',
    P,
    token({ payload: JSON.stringify(CLAIMS).replace(/"exp":\d+/, '"exp":1e400') }),
    key1,
    MALFORMED,
  ],
  ['An expiry that is a text', P, token({ claims: { exp: String(CLAIMS.exp) } }), key1, MALFORMED],
  ['A key that may only sign', P, VALID, up({ ...R1, key_ops: ['sign'] }), UNUSABLE],
  ['A key of another algorithm', P, VALID, up({ ...R1, alg: 'PS256' }), UNUSABLE],
  ['A key of another type', P, VALID, up({ ...EC, kid: R1.kid }), UNUSABLE],
  [
    'A key of another curve',
    P,
    token({ key: ec, alg: 'ES256' }),
    up({ ...EC, crv: 'P-384' }),
    UNUSABLE,
  ],
  [
    'A point that is on no curve',
    P,
    token({ key: ec, alg: 'ES256' }),
    up({ ...EC, y: EC.x }),
    UNUSABLE,
  ],
  ['An RSA key of 1024 bits', P, token({ key: weak }), up(pub(weak)), UNUSABLE],
  ['An exponent of 1', P, VALID, up({ ...R1, e: 'AQ' }), UNUSABLE],
  [
    'A modulus of the broken generator',
    P,
    token({ header: { kid: roca.kid } }),
    up(pub(roca)),
    UNUSABLE,
  ],
  [
    'A symmetric key',
    P,
    VALID,
    up({ kty: 'oct', kid: R1.kid, k: b64('secret secret secret secret secret') }),
    UNUSABLE,
  ],
  ['A private key', P, VALID, up(rsa1), UNUSABLE],
  ['Two keys of one kid', P, VALID, up(R1, { ...R2, kid: R1.kid }), UNUSABLE],
  [
    'No kid, and no usable key',
    P,
    token({ header: { kid: undefined } }),
    up({ ...R1, use: 'enc' }),
    UNUSABLE,
  ],
  ['A jku of the attacker', P, forged({ jku: 'http://127.0.0.2:1/jwks.json' }), key1, FORGED],
  ['An x5u of the attacker', P, forged({ x5u: 'http://127.0.0.2:1/cert.pem' }), key1, FORGED],
  ['An x5c of the attacker', P, forged({ x5c: [b64('certificate')] }), key1, FORGED],
  ['An empty crit', P, token({ header: { crit: [] } }), key1, CRIT],
  [
    'A payload that is not encoded',
    P,
    token({ header: { b64: false, crit: ['b64'] } }),
    key1,
    CRIT,
  ],
  ['b64 false, and not critical', P, token({ header: { b64: false } }), key1, CRIT],
  [
    'No kid, and the key server is away',
    P,
    token({ header: { kid: undefined } }),
    then(key1, 1200, down('refused')),
    any(verified('M-11a', ['jwks_stale', 'kid_missing'], { key_set_stale: true })),
  ],
]

// Appended, for ids are counted: new ones go to the end.
more.push(
  [
    'A forged token, and the last refresh was refused',
    P,
    forged({}),
    then(key1, 500, down('refused')),
    any(refused('M-04', 'signature_invalid')),
  ],
  [
    'A key for encryption, and the last refresh was refused',
    P,
    VALID,
    then(up({ ...R1, use: 'enc' }), 500, down('refused')),
    UNUSABLE,
  ],
  [
    'No kid, two usable keys, and the last refresh was refused',
    P,
    token({ header: { kid: undefined } }),
    then(up(R1, R2), 500, down('refused')),
    any(refused('M-11b', 'kid_missing')),
  ],
  [
    'A key under which anybody can sign',
    P,
    `${b64(JSON.stringify({ alg: 'EdDSA', kid: ED.kid }))}.${BODY}.${b64(Buffer.concat([IDENTITY, Buffer.alloc(32)]))}`,
    up({ ...ED, x: b64(IDENTITY) }),
    UNUSABLE,
  ],
  ['Valid, the key server answers 429', D, VALID, down('error_429'), NO_SET],
  [
    'A later key, and the refresh is answered 429',
    D,
    token({ key: rsa2 }),
    then(key1, 31, down('error_429')),
    dev(unverified('M-03', 'kid_not_found'), NOT_FOUND),
  ],
  ['The same key twice', P, VALID, up(R1, reversed(R1)), any(verified('M-01'))],
  [
    'No kid, and one usable key twice',
    P,
    token({ header: { kid: undefined } }),
    up(R1, R1),
    any(verified('M-11a', ['kid_missing'])),
  ],
  [
    'Ed25519 by its full name, the key too',
    P,
    token({ key: ed, alg: 'Ed25519' }),
    up({ ...ED, alg: 'Ed25519' }),
    any(verified('M-01')),
  ],
  [
    'Ed25519 by its full name, the key says EdDSA',
    P,
    token({ key: ed, alg: 'Ed25519' }),
    up(ED),
    any(verified('M-01')),
  ],
  [
    'EdDSA, the key says Ed25519',
    P,
    token({ key: ed, alg: 'EdDSA' }),
    up({ ...ED, alg: 'Ed25519' }),
    any(verified('M-01')),
  ],
  [
    'Ed25519 by its full name, and an RSA key',
    P,
    token({ key: ed, alg: 'Ed25519', header: { kid: R1.kid } }),
    key1,
    UNUSABLE,
  ],
)

/** The members of a key in reverse: the same key as another text. */
function reversed(jwk) {
  return Object.fromEntries(Object.entries(jwk).toReversed())
}

function flip(text) {
  const bytes = Buffer.from(text, 'base64url')
  bytes[100 % bytes.length] ^= 1
  return bytes.toString('base64url')
}
/** The last character of a signature of 64 bytes has four bits that say nothing. */
function respelled(text) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return text.slice(0, -1) + letters[letters.indexOf(text.at(-1)) + 1]
}

const fixtures = [...named, ...more].map(
  ([title, environment, text, jwks, expected, dev_headers = null], at) => ({
    id: `JWT-EX-${String(at + 1).padStart(2, '0')}`,
    title,
    row: expected[environment].row,
    environment,
    clock: CLOCK,
    token: text,
    dev_headers,
    jwks,
    expected,
  }),
)
const made = {
  kind: 'jwt_fixtures',
  schemaVersion: 1,
  issuer: ISSUER,
  audience: AUDIENCE,
  dev_scopes: DEV_SCOPES,
  fixtures,
}
await writeFile(here('fixtures.json'), `${JSON.stringify(made, null, 2)}\n`)
