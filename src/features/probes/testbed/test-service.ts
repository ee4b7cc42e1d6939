import { DEFAULT_SETTINGS, type SettingValues } from '../../../core/settings/settings.ts'
import { TEST_TENANT } from '../../../core/parity/scene.ts'
import { type Exposition, parseExposition } from '../../../core/alerts/exposition.ts'
import { toPublicJwk } from '../../../core/text/jwk.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { TestAuthenticator } from '../../../ports/auth.ts'
import type { HttpClient, HttpRequest } from '../../../ports/http.ts'
import type { ServiceLog } from '../../../ports/telemetry.ts'
import { type Service, startService } from '../../serve/serve.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { loadTestKeys, signTestToken, TEST_NOW, type TestKeys } from './test-tokens.ts'
import {
  type AdminFault,
  createControllableAdmin,
  createFaultyStore,
  type StoreFault,
} from './faulty-store.ts'
import type { CanonicalJson } from '../../../core/json/canonical.ts'
import type { FlagRow, RowsByTable } from '../../../core/rows/rows.ts'

/** So few that a drill can have them all under way. */
export const TEST_IN_FLIGHT_LIMIT = 20
const SCOPES = 'ff:override:write'
const SILENT: ServiceLog = { info: () => undefined, warn: () => undefined, error: () => undefined }
/** Who is let in by an unverified token is let in on a developer's machine alone. */
const ANY_PORT = { host: '127.0.0.1', port: 0 }
/** Without Admin, for the stage brings one of its own. */
const SETTINGS: SettingValues = {
  ...DEFAULT_SETTINGS,
  FF_ENV: 'dev',
  FF_ALLOW_DEV_HEADERS: true,
  // The stage brings a key server of its own; this says only that there is one.
  FF_JWKS_URL: new URL('http://127.0.0.1:9/jwks.json'),
  FF_BACKING: 'file',
  FF_STORE_DIR: 'a scratch folder',
  FF_LISTEN: ANY_PORT,
  FF_ADMIN_LISTEN: ANY_PORT,
}

/** How a service is started, or with what of it changed. */
export type AdaptersDecorator = (adapters: Adapters) => Adapters

/**
 * The real service in this process, on loopback, over a scratch file store: asked over HTTP, with a store, an Admin and a
 * key server that can be made to fail. Only the time of its door is played.
 */
export class TestService {
  readonly fault: StoreFault & AdminFault = {
    store: 'none',
    admin: 'none',
    released: Promise.resolve(),
  }
  /** How much of that time has passed. */
  elapsed_s = 0
  private readonly context: ProbeContext
  private readonly deps: AdaptersDecorator
  private readonly testKeys: TestKeys
  private service: Service | null = null
  /** Null while the service is stopped. */
  private clients: { readonly service: HttpClient; readonly admin: HttpClient } | null = null
  private authenticator: TestAuthenticator | null = null
  private tokens = 0
  private readonly signed = new Map<string, string>()

  private constructor(context: ProbeContext, deps: AdaptersDecorator, testKeys: TestKeys) {
    this.context = context
    this.deps = deps
    this.testKeys = testKeys
  }

  /** Lends a stage whose service runs. @throws FfError `artefact_invalid` */
  static async withRunning<T>(
    context: ProbeContext,
    deps: AdaptersDecorator,
    use: (service: TestService) => Promise<T>,
  ): Promise<T> {
    const service = new TestService(context, deps, await loadTestKeys(context))
    try {
      await service.start()
      return await use(service)
    } finally {
      await service.stop()
    }
  }

  async start(): Promise<void> {
    const { issuer, audience } = this.testKeys.settings
    this.service = await startService({
      root: this.context.root,
      adapters: this.deps(this.adapters()),
      settings: { ...SETTINGS, FF_JWT_ISSUER: issuer, FF_JWT_AUDIENCE: audience },
      now: () => new Date(TEST_NOW),
      log: SILENT,
    })
    const { adapters } = this.context
    const { origin, admin_origin } = this.service
    this.clients = {
      service: await adapters.openClient(origin),
      admin: await adapters.openClient(admin_origin ?? origin),
    }
  }

  async stop(): Promise<void> {
    await this.service?.close()
    this.service = null
    this.clients?.service.close()
    this.clients?.admin.close()
    this.clients = null
  }

  /** Where it is asked. */
  get origin(): string {
    return this.service?.origin ?? ''
  }

  /** In the time of the door: of keys and of tokens. */
  async advance(seconds: number): Promise<void> {
    this.elapsed_s += seconds
    await this.authenticator?.advance(seconds)
  }

  async keyServer(behaviour: 'up' | 'refused'): Promise<void> {
    await this.authenticator?.server.setBehaviour({
      behaviour,
      keys: [toPublicJwk(this.testKeys.keys.rsa)],
    })
  }

  /** What the service says of itself; null where it does not answer. */
  async scrape(): Promise<Exposition | null> {
    if (this.clients === null) return null
    const { text } = await this.clients.admin.send({ method: 'GET', path: '/metrics' })
    return parseExposition(text)
  }

  /** @returns the status */
  evaluate(change: object = {}, token: string | null = null): Promise<number> {
    return this.call('POST', '/v1/flags/evaluate', {
      token,
      body: { flag_key: PLAIN_FLAG, ...change },
    })
  }
  /** Admin is asked. */
  evaluateSensitive(): Promise<number> {
    return this.evaluate({ flag_key: SENSITIVE_FLAG, approval_ref: 'APP-1-drill' }, this.token())
  }
  change(): Promise<number> {
    const path = `/v1/flags/override/tenant/${TEST_TENANT}/${PLAIN_FLAG}`
    return this.call('PUT', path, { token: this.token(), body: { value: true } })
  }
  /** Brings a token of a key that nobody knows. */
  evaluateUnverified(): Promise<number> {
    return this.evaluate({}, this.token('an-unknown-kid'))
  }
  requestUnknownPath(): Promise<number> {
    return this.call('GET', '/nothing', {})
  }

  /** Requests that wait for the store. @returns what lets them go on, and comes to an end with them */
  hold(count: number): () => Promise<void> {
    let release = (): void => undefined
    this.fault.released = new Promise((resolve) => (release = resolve))
    this.fault.store = 'stuck'
    const pending = Array.from({ length: count }, () => this.evaluate())
    return async () => {
      this.fault.store = 'none'
      release()
      await Promise.all(pending)
    }
  }
  /** From now on another one is brought. */
  renewToken(): void {
    this.tokens += 1
  }

  /** Of somebody who may do it all. Signed once, and then the same. */
  token(kid = String(this.testKeys.keys.rsa['kid'])): string {
    const jti = `drill-${this.tokens}`
    const name = `${kid} ${jti}`
    const claims = this.testKeys.claims({ scope: SCOPES, jti })
    const token = this.signed.get(name) ?? signTestToken({ ...this.testKeys.keys.rsa, kid }, claims)
    this.signed.set(name, token)
    return token
  }

  private async call(
    method: HttpRequest['method'],
    path: string,
    { token = null, body }: { readonly token?: string | null; readonly body?: object },
  ): Promise<number> {
    if (this.clients === null) throw new Error('the service of the stage is stopped')
    const { status } = await this.clients.service.send({
      method,
      path,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      body: body === undefined ? null : JSON.stringify(body),
    })
    return status
  }

  /** The real ones, with what can be made to fail in the place of what they would open. */
  private adapters(): Adapters {
    const { adapters } = this.context
    const { keys } = this.testKeys
    return {
      ...adapters,
      openServiceStore: async (_spec, { tools }) => {
        const opened = await adapters.openSampleStore(TEST_ROWS, tools)
        return { ...opened, store: createFaultyStore(opened.store, this.fault) }
      },
      openAuthenticator: async (_keys, settings) => {
        const keyServer = { behaviour: 'up', keys: [toPublicJwk(keys.rsa)] } as const
        this.authenticator = await adapters.openTestAuthenticator(keyServer, settings)
        return this.authenticator
      },
      openApprovals: () => Promise.resolve(createControllableAdmin(this.fault)),
      openTelemetry: (log, readings) =>
        adapters.openTelemetry(log, { ...readings, in_flight_limit: TEST_IN_FLIGHT_LIMIT }),
      openServer: (routes, { at, limits, httpObserver }) =>
        adapters.openServer(routes, {
          at,
          httpObserver,
          limits: { ...limits, in_flight: TEST_IN_FLIGHT_LIMIT },
        }),
    }
  }
}

export const PLAIN_FLAG = 'ff.stage.plain'
/** Nobody decides it without asking Admin. */
export const SENSITIVE_FLAG = 'ff.stage.sensitive'

const flag = (flag_key: string, sensitive: boolean): FlagRow => ({
  flag_key,
  value_type: 'boolean',
  default_value: 'true' as CanonicalJson,
  safe_value: 'false' as CanonicalJson,
  sensitive,
  required_auth: 'any',
  state: 'active',
  description: 'of a drill',
  owner: 'ff',
  revision: 1,
  created_at: TEST_NOW,
  updated_at: TEST_NOW,
})
export const TEST_ROWS: RowsByTable = {
  flag_registry: [flag(PLAIN_FLAG, false), flag(SENSITIVE_FLAG, true)],
  tenant_override: [],
  user_override: [],
}
