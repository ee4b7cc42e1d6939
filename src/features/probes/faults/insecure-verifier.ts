import type { Adapters } from '../../../ports/adapters.ts'
import { constants, createHmac, createPublicKey, verify } from 'node:crypto'
import type { AuthResult } from '../../../core/auth/types.ts'
import { makeAuthRefusal } from '../../../core/auth/types.ts'
import type { TokenVerifier } from '../../../ports/auth.ts'
import { type TestJwk, publicPem } from '../testbed/test-tokens.ts'

type Header = Readonly<Record<string, unknown>>

/**
 * A verifier without an allow-list, and wrong on purpose: it does what the header of a token says, to the algorithm
 * and to the key that is fetched. It guards nothing; it is what the probe of forged tokens has to find out.
 */
export const createInsecureVerifier = (
  keys: readonly TestJwk[],
  { openClient }: Pick<Adapters, 'openClient'>,
): Pick<TokenVerifier, 'verify'> => ({
  verify: async (token) => {
    const [head = '', payload = '', signature = ''] = token.split('.')
    const header = parseSegment(head)
    const isValid = await isAccepted(
      header,
      { keys, openClient },
      {
        input: `${head}.${payload}`,
        signature: Buffer.from(signature, 'base64url'),
      },
    )
    return isValid ? toAuthResult(parseSegment(payload)) : makeAuthRefusal('signature_invalid')
  },
})

/** The set of keys, and how an address is fetched. */
interface KeySource extends Pick<Adapters, 'openClient'> {
  readonly keys: readonly TestJwk[]
}
interface SignedInput {
  readonly input: string
  readonly signature: Buffer
}

async function isAccepted(
  header: Header,
  source: KeySource,
  signed: SignedInput,
): Promise<boolean> {
  const alg = typeof header['alg'] === 'string' ? header['alg'] : ''
  if (['', 'none'].includes(alg.toLowerCase())) return true
  const key = await findKey(header, source)
  if (key === undefined) return false
  if (alg.startsWith('HS')) {
    const mac = createHmac(`sha${alg.slice(2)}`, publicPem(key))
      .update(signed.input)
      .digest()
    return mac.equals(signed.signature)
  }
  return verifySignature(alg, key, signed)
}

function verifySignature(alg: string, jwk: TestJwk, { input, signature }: SignedInput): boolean {
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
async function findKey(
  header: Header,
  { keys, openClient }: KeySource,
): Promise<TestJwk | undefined> {
  if (header['jwk'] !== undefined) return header['jwk'] as TestJwk
  const url = header['jku'] ?? header['x5u']
  if (typeof url === 'string') return fetchFirstKey(new URL(url), openClient)
  return keys.find((one) => one['kid'] === header['kid']) ?? keys[0]
}

async function fetchFirstKey(
  { origin, pathname, search }: URL,
  openClient: Adapters['openClient'],
): Promise<TestJwk | undefined> {
  const client = await openClient(origin)
  try {
    const { text } = await client.send({ method: 'GET', path: `${pathname}${search}` })
    return (JSON.parse(text) as { readonly keys: readonly TestJwk[] }).keys[0]
  } finally {
    client.close()
  }
}

const parseSegment = (text: string): Header =>
  JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Header

const toAuthResult = (claims: Header): AuthResult => ({
  mode: 'verified',
  source: 'jwt',
  user_id: String(claims['sub']),
  tenant_id: String(claims['tid']),
  scopes: [],
  warnings: [],
  key_set_stale: false,
})
