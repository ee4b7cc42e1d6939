import { toPublicJwk } from '../../../core/text/jwk.ts'
import type { KeyServer } from '../../../ports/auth.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { signTestToken, loadTestKeys } from './test-tokens.ts'
import type { ChangeAuthor } from './audited-changes.ts'

/** Issues the tokens of callers, and serves the key set. */
export interface Issuer {
  readonly server: KeyServer
  /** Settings with which a service accepts the tokens. */
  readonly keys: Readonly<Record<string, string>>
  /** @param user the `sub` of a new token; default that of the caller's one token */
  readonly toHeaders: (author: ChangeAuthor, user?: string) => Readonly<Record<string, string>>
  /** The `authorization` header of a caller whose token has these claims besides the valid ones. */
  readonly toCaller: (claims: object) => Readonly<Record<string, string>>
}
const HOUR_S = 3_600

/**
 * Starts a key server on loopback, which the caller closes, and signs one token for each kind of caller, valid for
 * an hour from `context.now`. Returns the server, the settings with which a service accepts the tokens, and
 * `toCaller`, and `toHeaders`, the `authorization` header of a caller, none for `anonymous`, with a new token where another user is
 * named; the forger's token has the attacker's signature under the good kid.
 *
 * @throws FfError `artefact_invalid`, and the system's error where `vectors/jwt/keys.json` cannot be read or the
 *   server cannot listen
 */
export async function openIssuer(context: ProbeContext): Promise<Issuer> {
  const { keys, settings, claims } = await loadTestKeys(context)
  const exp = Math.floor(context.now().getTime() / 1000) + HOUR_S
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const forged = { ...keys.attacker, kid: keys.rsa['kid'] ?? '' }
  const sign = (user: object): Readonly<Record<ChangeAuthor, Readonly<Record<string, string>>>> => {
    const writes = claims({ exp, scope: 'ff:override:write ff:tenant:any', ...user })
    return {
      writer: bearer(signTestToken(keys.rsa, writes)),
      reader: bearer(signTestToken(keys.rsa, claims({ exp, scope: 'ff:registry:read', ...user }))),
      forger: bearer(signTestToken(forged, writes)),
      anonymous: {},
    }
  }
  const headers = sign({})
  const script = { behaviour: 'up', keys: [toPublicJwk(keys.rsa)] } as const
  const server = await context.adapters.openKeyServer(script)
  return {
    server,
    keys: {
      FF_JWKS_URL: server.url.href,
      FF_JWT_ISSUER: settings.issuer,
      FF_JWT_AUDIENCE: settings.audience,
    },
    toCaller: (change) => bearer(signTestToken(keys.rsa, claims({ exp, ...change }))),
    toHeaders: (author, user) => (user === undefined ? headers : sign({ sub: user }))[author],
  }
}
