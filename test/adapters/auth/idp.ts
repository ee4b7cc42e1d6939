import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JWK } from 'oidc-provider'
import { vi } from 'vitest'

const file = new URL('../../../vectors/jwt/keys.json', import.meta.url)
/** A key of the fixtures by kid, with its private members. @throws for an unknown kid */
export function fixtureKey(kid: string): JWK & { readonly kid: string; readonly alg: string } {
  const { keys } = JSON.parse(readFileSync(file, 'utf8')) as {
    keys: ReturnType<typeof fixtureKey>[]
  }
  const key = keys.find((one) => one.kid === kid)
  if (key === undefined) throw new Error(`no key ${kid}`)
  return key
}

export const TENANT = 'T-pty-pilot-01'
export const OURS = 'urn:pty:feature-flags'
export const OTHERS = 'urn:pty:admin'
const AUDIENCES: Readonly<Record<string, string>> = {
  [OURS]: 'pty-feature-flags',
  [OTHERS]: 'pty-admin',
}
/** The first id is valid for FF, the second is not. */
export const CLIENTS = ['U1001', 'svc checkout'] as const
const SECRET = 'a secret of these tests'

export interface IssueOptions {
  readonly client?: (typeof CLIENTS)[number]
  readonly resource?: string
  readonly scope?: string
  /** Appended to the issuer after a slash. */
  readonly issuerPath?: string
}

/** Mutes the provider's warnings that it is not fit for production. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const muted = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'info')]
  for (const one of muted) one.mockImplementation(() => undefined)
  try {
    return await work()
  } finally {
    for (const one of muted) one.mockRestore()
  }
}

/** The request listener of an identity provider that signs JWT access tokens with the first key. */
async function getProvider(issuer: string, keys: readonly JWK[]): Promise<RequestListener> {
  const { Provider } = await import('oidc-provider')
  const alg = keys[0]?.alg as 'RS256'
  const provider = new Provider(issuer, {
    jwks: { keys: [...keys] },
    clients: CLIENTS.map((client_id) => ({
      client_id,
      client_secret: SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_post' as const,
      id_token_signed_response_alg: alg,
    })),
    extraTokenClaims: () => ({ tid: TENANT }),
    ttl: { ClientCredentials: 300 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'ff:registry:read ff:evaluate:any',
          audience: AUDIENCES[resource] as string,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg } },
        }),
      },
    },
  })
  return provider.callback() as RequestListener
}

/** An identity provider on loopback. To change its keys it starts a new provider on the same port. */
export class Idp {
  private readonly server: Server
  private port = 0
  private serve: RequestListener
  private asked = 0

  private constructor() {
    this.serve = (_, response) => void response.writeHead(503).end()
    this.server = createServer((request, response) => {
      if (request.url === '/jwks') this.asked += 1
      this.serve(request, response)
    })
  }

  static async start(...keys: readonly JWK[]): Promise<Idp> {
    const idp = new Idp()
    await idp.comeBack()
    await idp.rotate(...keys)
    return idp
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.port}`
  }
  get jwks(): URL {
    return new URL('/jwks', this.issuer)
  }
  /** Requests for its key set so far. */
  get requests(): number {
    return this.asked
  }

  /** Serves these keys from now on, and signs with the first. */
  async rotate(...keys: readonly JWK[]): Promise<void> {
    this.serve = await quietly(() => getProvider(this.issuer, keys))
  }

  /** Issues an access token signed with this key, whether or not it serves the key. */
  async issue(key: JWK, options: IssueOptions = {}): Promise<string> {
    const { client = CLIENTS[0], resource = OURS, scope, issuerPath } = options
    const shown = this.serve
    const issuer = issuerPath === undefined ? this.issuer : `${this.issuer}/${issuerPath}`
    this.serve = await quietly(() => getProvider(issuer, [key]))
    const response = await fetch(new URL('/token', this.issuer), {
      method: 'POST',
      headers: { connection: 'close' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client,
        client_secret: SECRET,
        resource,
        ...(scope === undefined ? {} : { scope }),
      }),
    })
    const answer = (await response.json()) as { readonly access_token?: string }
    this.serve = shown
    if (answer.access_token === undefined) throw new Error(JSON.stringify(answer))
    return answer.access_token
  }

  /** Closes all connections and stops listening. */
  async goAway(): Promise<void> {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }

  /** Listens again on the same port. */
  async comeBack(): Promise<void> {
    this.server.listen(this.port, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
  }
}
