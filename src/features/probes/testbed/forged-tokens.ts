import { TEST_TENANT } from '../../../core/parity/scene.ts'
import { toPublicJwk } from '../../../core/text/jwk.ts'
import {
  signTestToken,
  toPublicPem,
  signHmac,
  createSigner,
  type SignInput,
  formatToken,
  type TestKeys,
} from './test-tokens.ts'

/** A forged token; `what` says how it was forged. */
export interface ForgedToken {
  readonly what: string
  readonly token: string
}
const noSignature: SignInput = () => Buffer.of()
const zeroSignature: SignInput = () => Buffer.alloc(64)

type ForgeryRow = readonly [what: string, header: object, sign: SignInput]

/**
 * Tokens that every verifier has to refuse: without a signature, signed with a shared secret, another algorithm or the
 * attacker's key, of broken form (RFC 8725, 2.1), or changed after signing. The claims are valid, so that only the
 * forgery can be the reason.
 *
 * @param attackerUrl URL of the attacker's key set, for `jku` and `x5u`
 */
export function buildForgedTokens(testKeys: TestKeys, attackerUrl: string): readonly ForgedToken[] {
  const { keys } = testKeys
  const claims = testKeys.claims({ scope: 'ff:operator' })
  const rows = [
    ...withoutSignature(keys),
    ...withSharedSecret(keys),
    ...withOtherAlgorithm(keys),
    ...withAttackersKey(keys, attackerUrl),
    ...withBrokenForm(keys),
  ]
  const signed = rows.map(([what, header, sign]) => ({
    what,
    token: formatToken(header, claims, sign),
  }))
  return [...signed, ...withChangedPart(testKeys)]
}

function withoutSignature({ rsa, attacker }: TestKeys['keys']): readonly ForgeryRow[] {
  const kid = rsa['kid']
  return [
    ...['none', 'None', 'NONE', 'nOnE', ''].map((alg): ForgeryRow => [
      `alg "${alg}", no signature`,
      { alg, kid },
      noSignature,
    ]),
    ['alg null', { alg: null, kid }, noSignature],
    ['no alg', { kid }, noSignature],
    ['alg none over a signature', { alg: 'none', kid }, createSigner(attacker)],
  ]
}

/** HMACs keyed with the public key (RFC 8725, 2.1): a verifier that accepts one accepts any token. */
function withSharedSecret({ rsa }: TestKeys['keys']): readonly ForgeryRow[] {
  const kid = rsa['kid']
  const jwk = JSON.stringify(toPublicJwk(rsa))
  return [
    ...['256', '384', '512'].map((bits): ForgeryRow => [
      `HS${bits} keyed with the public key`,
      { alg: `HS${bits}`, kid },
      signHmac(bits, toPublicPem(rsa)),
    ]),
    ['HS256 keyed with the JWK', { alg: 'HS256', kid }, signHmac('256', jwk)],
    ['HS256 keyed with nothing', { alg: 'HS256', kid: '../../dev/null' }, signHmac('256', '')],
  ]
}

function withOtherAlgorithm({ rsa, ec, ed }: TestKeys['keys']): readonly ForgeryRow[] {
  const kid = rsa['kid']
  return [
    ...['RS384', 'RS512', 'PS256'].map((alg): ForgeryRow => [
      `${alg}, off the list, by the right key`,
      { alg, kid },
      createSigner(rsa, alg),
    ]),
    ['ES256 named, an RSA key', { alg: 'ES256', kid }, createSigner(ec)],
    ['RS256 named, an EC key', { alg: 'RS256', kid: ec['kid'] }, createSigner(rsa)],
    ['EdDSA named, an RSA key', { alg: 'EdDSA', kid }, createSigner(ed)],
  ]
}

function withAttackersKey(keys: TestKeys['keys'], attackerUrl: string): readonly ForgeryRow[] {
  const kid = keys.rsa['kid']
  const stolen = toPublicJwk(keys.attacker)
  const x5c = [Buffer.from(toPublicPem(keys.attacker)).toString('base64')]
  const headers: readonly (readonly [what: string, header: object])[] = [
    ["the attacker's key under a good kid", { kid }],
    ["the attacker's key under its own kid", { kid: stolen['kid'] }],
    ['an embedded jwk', { kid, jwk: stolen }],
    ['an embedded jwk, no kid', { jwk: stolen }],
    ['a jku', { kid, jku: attackerUrl }],
    ["a jku, the attacker's kid", { kid: stolen['kid'], jku: attackerUrl }],
    ['an x5u', { kid, x5u: attackerUrl }],
    ['an x5c', { kid, x5c }],
  ]
  const sign = createSigner(keys.attacker)
  return headers.map(([what, header]) => [what, { alg: 'RS256', ...header }, sign])
}

function withBrokenForm({ rsa, ec, ed }: TestKeys['keys']): readonly ForgeryRow[] {
  const kid = rsa['kid']
  return [
    ['an unknown crit', { alg: 'RS256', kid, crit: ['exp'], exp: 1 }, createSigner(rsa)],
    ['an empty crit', { alg: 'RS256', kid, crit: [] }, createSigner(rsa)],
    ['b64 false', { alg: 'RS256', kid, crit: ['b64'], b64: false }, createSigner(rsa)],
    ['an empty signature', { alg: 'RS256', kid }, noSignature],
    ['zeros for a signature', { alg: 'ES256', kid: ec['kid'] }, zeroSignature],
    ['zeros for an Ed25519 signature', { alg: 'EdDSA', kid: ed['kid'] }, zeroSignature],
  ]
}

/** Good tokens that were changed after they were signed. */
function withChangedPart(testKeys: TestKeys): readonly ForgedToken[] {
  const [head, payload, signature = ''] = signTestToken(testKeys.keys.rsa, testKeys.claims()).split(
    '.',
  )
  const other = signTestToken(testKeys.keys.rsa, testKeys.claims({ tid: `${TEST_TENANT}-other` }))
  return [
    {
      what: 'the payload of another token',
      token: [head, other.split('.')[1], signature].join('.'),
    },
    { what: 'a signature cut short', token: [head, payload, signature.slice(0, -4)].join('.') },
    { what: 'two segments', token: `${head}.${payload}` },
  ]
}
