import { TEST_TENANT } from '../../../core/parity/scene.ts'
import { toPublicJwk } from '../../../core/text/jwk.ts'
import {
  signTestToken,
  publicPem,
  signHmac,
  createSigner,
  type SignInput,
  formatToken,
  type TestKeys,
} from './test-tokens.ts'

/** A token that nobody issued, and how it came to be. */
export interface ForgedToken {
  readonly what: string
  readonly token: string
}
const nothing: SignInput = () => Buffer.of()
const zeros: SignInput = () => Buffer.alloc(64)

/** Tokens that a verifier has to refuse, whatever else it lets in. @param place where the attacker serves a key */
export function buildForgedTokens(testKeys: TestKeys, place: string): readonly ForgedToken[] {
  const { keys } = testKeys
  const claims = testKeys.claims({ scope: 'ff:operator' })
  const kid = keys.rsa['kid']
  const stolen = toPublicJwk(keys.attacker)
  const byAttacker = createSigner(keys.attacker)
  const rows: readonly (readonly [what: string, header: object, sign: SignInput])[] = [
    ...['none', 'None', 'NONE', 'nOnE', ''].map(
      (alg) => [`alg "${alg}", no signature`, { alg, kid }, nothing] as const,
    ),
    ['alg null', { alg: null, kid }, nothing],
    ['no alg', { kid }, nothing],
    ['alg none over a signature', { alg: 'none', kid }, byAttacker],
    ...['256', '384', '512'].map(
      (bits) =>
        [
          `HS${bits} keyed with the public key`,
          { alg: `HS${bits}`, kid },
          signHmac(bits, publicPem(keys.rsa)),
        ] as const,
    ),
    [
      'HS256 keyed with the JWK',
      { alg: 'HS256', kid },
      signHmac('256', JSON.stringify(toPublicJwk(keys.rsa))),
    ],
    ['HS256 keyed with nothing', { alg: 'HS256', kid: '../../dev/null' }, signHmac('256', '')],
    ...['RS384', 'RS512', 'PS256'].map(
      (alg) =>
        [
          `${alg}, off the list, by the right key`,
          { alg, kid },
          createSigner(keys.rsa, alg),
        ] as const,
    ),
    ['ES256 named, an RSA key', { alg: 'ES256', kid }, createSigner(keys.ec)],
    ['RS256 named, an EC key', { alg: 'RS256', kid: keys.ec['kid'] }, createSigner(keys.rsa)],
    ['EdDSA named, an RSA key', { alg: 'EdDSA', kid }, createSigner(keys.ed)],
    ["the attacker's key under a good kid", { alg: 'RS256', kid }, byAttacker],
    ["the attacker's key under its own kid", { alg: 'RS256', kid: stolen['kid'] }, byAttacker],
    ['an embedded jwk', { alg: 'RS256', kid, jwk: stolen }, byAttacker],
    ['an embedded jwk, no kid', { alg: 'RS256', jwk: stolen }, byAttacker],
    ['a jku', { alg: 'RS256', kid, jku: place }, byAttacker],
    ["a jku, the attacker's kid", { alg: 'RS256', kid: stolen['kid'], jku: place }, byAttacker],
    ['an x5u', { alg: 'RS256', kid, x5u: place }, byAttacker],
    [
      'an x5c',
      { alg: 'RS256', kid, x5c: [Buffer.from(publicPem(keys.attacker)).toString('base64')] },
      byAttacker,
    ],
    ['an unknown crit', { alg: 'RS256', kid, crit: ['exp'], exp: 1 }, createSigner(keys.rsa)],
    ['an empty crit', { alg: 'RS256', kid, crit: [] }, createSigner(keys.rsa)],
    ['b64 false', { alg: 'RS256', kid, crit: ['b64'], b64: false }, createSigner(keys.rsa)],
    ['an empty signature', { alg: 'RS256', kid }, nothing],
    ['zeros for a signature', { alg: 'ES256', kid: keys.ec['kid'] }, zeros],
    ['zeros for an Ed25519 signature', { alg: 'EdDSA', kid: keys.ed['kid'] }, zeros],
  ]
  const made = rows.map(([what, header, sign]) => ({
    what,
    token: formatToken(header, claims, sign),
  }))
  return [...made, ...changed(testKeys)]
}

/** Good tokens that were changed after they were signed. */
function changed(testKeys: TestKeys): readonly ForgedToken[] {
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
