import { constants, createHmac, createPublicKey, verify } from 'node:crypto'
import type { Authentication } from '../../../core/auth/types.ts'
import { refused } from '../../../core/auth/types.ts'
import type { TokenVerifier } from '../../../ports.ts'
import { type Jwk, publicPem } from '../token-shop.ts'

type Header = Readonly<Record<string, unknown>>

/**
 * A verifier without an allow-list, and wrong on purpose: it does what the header of a token says, to the algorithm
 * and to the key that is fetched. It guards nothing; it is what the probe of forged tokens has to find out.
 */
export const believing = (keys: readonly Jwk[]): Pick<TokenVerifier, 'verify'> => ({
  verify: async (token) => {
    const [head = '', payload = '', signature = ''] = token.split('.')
    const header = parsed(head)
    const holds = await believed(header, keys, {
      input: `${head}.${payload}`,
      signature: Buffer.from(signature, 'base64url'),
    })
    return holds ? principal(parsed(payload)) : refused('signature_invalid')
  },
})

interface Signed {
  readonly input: string
  readonly signature: Buffer
}

async function believed(header: Header, keys: readonly Jwk[], signed: Signed): Promise<boolean> {
  const alg = typeof header['alg'] === 'string' ? header['alg'] : ''
  if (['', 'none'].includes(alg.toLowerCase())) return true
  const key = await keyOf(header, keys)
  if (key === undefined) return false
  if (alg.startsWith('HS')) {
    const mac = createHmac(`sha${alg.slice(2)}`, publicPem(key))
      .update(signed.input)
      .digest()
    return mac.equals(signed.signature)
  }
  return holds(alg, key, signed)
}

function holds(alg: string, jwk: Jwk, { input, signature }: Signed): boolean {
  const padding = alg.startsWith('PS')
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {}
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
  try {
    return verify(
      alg === 'EdDSA' ? null : `sha${alg.slice(2)}`,
      Buffer.from(input),
      { key, dsaEncoding: 'ieee-p1363', ...padding },
      signature,
    )
  } catch {
    return false // The algorithm is not one of the key's: OpenSSL says so by throwing.
  }
}

/** Wherever the header points: into itself, to an address, and only then into the set. */
async function keyOf(header: Header, keys: readonly Jwk[]): Promise<Jwk | undefined> {
  if (header['jwk'] !== undefined) return header['jwk'] as Jwk
  const url = header['jku'] ?? header['x5u']
  if (typeof url === 'string') {
    const served = (await (await fetch(url)).json()) as { readonly keys: readonly Jwk[] }
    return served.keys[0]
  }
  return keys.find((one) => one['kid'] === header['kid']) ?? keys[0]
}

const parsed = (text: string): Header =>
  JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Header

const principal = (claims: Header): Authentication => ({
  mode: 'verified',
  source: 'jwt',
  user_id: String(claims['sub']),
  tenant_id: String(claims['tid']),
  scopes: [],
  warnings: [],
  key_set_stale: false,
})
