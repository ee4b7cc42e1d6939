import type { Adapters } from '../../../ports/adapters.ts'
import { constants, createHmac, createPublicKey, verify } from 'node:crypto'
import type { AuthResult } from '../../../core/auth/types.ts'
import { isAuthRefusal, makeAuthRefusal } from '../../../core/auth/types.ts'
import { addMs } from '../../../core/gate/duration.ts'
import type { TokenVerifier } from '../../../ports/auth.ts'
import { type TestJwk, toPublicPem } from '../testbed/test-tokens.ts'

/** Longer than any token of the fixtures has been expired. */
const LONG_MS = 24 * 3_600_000

/**
 * The planted fault of A5: adapters whose scripted authenticator, as fixtures use it, verifies an expired token as
 * of an earlier time and so accepts it; all else is unchanged.
 */
export const acceptExpired = (adapters: Adapters): Adapters => ({
  ...adapters,
  openScriptedAuthenticator: async (script, settings) => {
    const authenticator = await adapters.openScriptedAuthenticator(script, settings)
    const { verifier } = authenticator
    const verify: TokenVerifier['verify'] = async (token, at) => {
      const result = await verifier.verify(token, at)
      return isAuthRefusal(result) && result.refused === 'token_expired'
        ? verifier.verify(token, { ...at, now: addMs(at.now, -LONG_MS) })
        : result
    }
    return { ...authenticator, verifier: { ...verifier, verify } }
  },
})

type Header = Readonly<Record<string, unknown>>

/**
 * The planted fault of A1: a verifier without an allow-list, which protects nothing. It uses the algorithm that the
 * token's header names, and the key that the header holds or links (fetched from `jku` or `x5u`), else one of
 * `keys`; `none` needs no signature, and no claim is checked. A signature that does not fit is refused with
 * `signature_invalid`; unlike a real verifier, it rejects with SyntaxError for a segment that is not JSON, and with
 * the client's error for a link.
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

/** The key set, and the client that fetches a `jku` or `x5u`. */
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
    const mac = createHmac(`sha${alg.slice(2)}`, toPublicPem(key))
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
      alg.startsWith('Ed') ? null : `sha${alg.slice(2)}`,
      Buffer.from(input),
      { key, dsaEncoding: 'ieee-p1363', ...padding },
      signature,
    )
  } catch {
    return false // OpenSSL throws where the algorithm does not fit the key.
  }
}

/** The key of the header: its `jwk`, else the first key at its `jku` or `x5u`, else one of the key set. */
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
