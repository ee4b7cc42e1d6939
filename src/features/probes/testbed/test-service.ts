import { DEFAULT_SETTINGS, type SettingValues } from '../../../core/settings/settings.ts'
import { TEST_TENANT } from '../../../core/parity/scene.ts'
import { type Exposition, parseExposition } from '../../../core/alerts/exposition.ts'
import { toPublicJwk } from '../../../core/text/jwk.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { TestAuthenticator } from '../../../ports/auth.ts'
import type { HttpClient, HttpRequest } from '../../../ports/http.ts'
import { type Service, startService } from '../../serve/serve.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { loadTestKeys, signTestToken, TEST_NOW, type TestKeys } from './test-tokens.ts'
import {
  type AdminFault,
  createControllableAdmin,
  createFaultyBacklog,
  createFaultyStore,
  type DeliveryFault,
  type StoreFault,
} from './faulty-store.ts'
import type { CanonicalJson } from '../../../core/json/canonical.ts'
import type { FlagRow, RowsByTable } from '../../../core/rows/rows.ts'

/** Limit of requests in flight: low enough for a drill to reach it. */
export const TEST_IN_FLIGHT_LIMIT = 20
const SCOPES = 'ff:override:write'
const ANY_PORT = { host: '127.0.0.1', port: 0 }
/** Settings of a developer's machine, on loopback. They name no Admin: the test service has its own. */
const SETTINGS: SettingValues = {
  ...DEFAULT_SETTINGS,
  FF_ENV: 'dev',
  FF_ALLOW_DEV_HEADERS: true,
  // Enables tokens only; the test service opens its own key server instead of this one.
  FF_JWKS_URL: new URL('http://127.0.0.1:9/jwks.json'),
  FF_BACKING: 'file',
  FF_STORE_DIR: 'a scratch folder',
  FF_LISTEN: ANY_PORT,
  FF_DRAIN_DELAY: 0,
  FF_ADMIN_LISTEN: ANY_PORT,
  // Nothing connects to it: no shipper runs.
  FF_KAFKA_BROKERS: ['127.0.0.1:9'],
}

/** The fault of the log: its reader takes nothing. */
interface LogFault {
  log: 'none' | 'blocked'
}
/** Changes the adapters that the test service starts with. */
export type AdaptersDecorator = (adapters: Adapters) => Adapters

/**
 * The real service in this process, on loopback, over a scratch file store with `TEST_ROWS`. Its store, Admin (`fault`)
 * and key server can be made to fail. The time of its decisions is `TEST_NOW`; the clock of its authenticator is
 * virtual and moves by `advance` only. Every request returns the HTTP status and rejects with a plain Error while the
 * service is stopped.
 */
export class TestService {
  readonly fault: StoreFault & AdminFault & DeliveryFault & LogFault = {
    store: 'none',
    admin: 'none',
    delivery: 'none',
    released: Promise.resolve(),
    log: 'none',
  }
  /** Seconds that the virtual clock has advanced. */
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

  /**
   * Starts a test service, passes it to `use`, and stops it, also where `use` fails.
   *
   * @param deps changes the adapters that it starts with
   * @throws FfError `artefact_invalid`, `listen_failed`, and the system's error where `vectors/jwt/keys.json` cannot be
   *   read
   */
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

  /** Starts the service with a new store and new ports; faults stay as they are. @throws FfError `listen_failed` */
  async start(): Promise<void> {
    const { issuer, audience } = this.testKeys.settings
    this.service = await startService({
      root: this.context.root,
      adapters: this.deps(this.adapters()),
      settings: { ...SETTINGS, FF_JWT_ISSUER: issuer, FF_JWT_AUDIENCE: audience },
      now: () => new Date(TEST_NOW),
      log: await this.context.adapters.openServiceLog((bytes) =>
        this.fault.log === 'none' ? bytes.length : 0,
      ),
      version: null,
    })
    const { adapters } = this.context
    const { origin, admin_origin } = this.service
    this.clients = {
      service: await adapters.openClient(origin),
      admin: await adapters.openClient(admin_origin ?? origin),
    }
  }

  /** Stops the service and closes its clients; does nothing where it is stopped. */
  async stop(): Promise<void> {
    await this.service?.close()
    this.service = null
    this.clients?.service.close()
    this.clients?.admin.close()
    this.clients = null
  }

  /** Base URL of the service; empty while it is stopped. */
  get origin(): string {
    return this.service?.origin ?? ''
  }

  /** Advances the clock of the authenticator, which runs the fetches that fall due, and `elapsed_s`. */
  async advance(seconds: number): Promise<void> {
    this.elapsed_s += seconds
    await this.authenticator?.advance(seconds)
  }

  /** Makes the key server serve the key set, or refuse connections, from now on. */
  async keyServer(behaviour: 'up' | 'refused'): Promise<void> {
    await this.authenticator?.server.setBehaviour({
      behaviour,
      keys: [toPublicJwk(this.testKeys.keys.rsa)],
    })
  }

  /**
   * Reads and parses `/metrics`; the result is not `ok` where the text does not parse. Null while the service is
   * stopped.
   */
  async scrape(): Promise<Exposition | null> {
    if (this.clients === null) return null
    const { text } = await this.clients.admin.send({ method: 'GET', path: '/metrics' })
    return parseExposition(text)
  }

  /** Evaluates `PLAIN_FLAG`, without a token unless one is given. @param change members of the body to replace */
  evaluate(change: object = {}, token: string | null = null): Promise<number> {
    return this.call('POST', '/v1/flags/evaluate', {
      token,
      body: { flag_key: PLAIN_FLAG, ...change },
    })
  }
  /** Evaluates a sensitive flag, which calls Admin. */
  evaluateSensitive(): Promise<number> {
    return this.evaluate({ flag_key: SENSITIVE_FLAG, approval_ref: 'APP-1-drill' }, this.token())
  }
  /** Writes an override of `PLAIN_FLAG` for the test tenant. */
  change(): Promise<number> {
    const path = `/v1/flags/override/tenant/${TEST_TENANT}/${PLAIN_FLAG}`
    return this.call('PUT', path, { token: this.token(), body: { value: true } })
  }
  /** Evaluates with a token whose key is in no key set. */
  evaluateUnverified(): Promise<number> {
    return this.evaluate({}, this.token('an-unknown-kid'))
  }
  /** Requests a path that has no route. */
  requestUnknownPath(): Promise<number> {
    return this.call('GET', '/nothing', {})
  }

  /**
   * Makes the store `stuck` and sends `count` requests that wait for it; does not wait until they arrive.
   *
   * @returns a function that removes the fault, releases the requests, and resolves when all are answered
   */
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
  /** Makes later requests carry a new token; sends nothing. */
  renewToken(): void {
    this.tokens += 1
  }

  /**
   * A compact token with every scope of the drills, signed with the good key under `kid`; the same text until
   * `renewToken`.
   */
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
    if (this.clients === null) throw new Error('the test service is stopped')
    const { status } = await this.clients.service.send({
      method,
      path,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      body: body === undefined ? null : JSON.stringify(body),
    })
    return status
  }

  /** The real adapters, with a store, an Admin and a key server that can be made to fail. */
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
        adapters.openTelemetry(log, {
          ...readings,
          in_flight_limit: TEST_IN_FLIGHT_LIMIT,
          backlog: createFaultyBacklog(readings.backlog, this.fault),
        }),
      openServer: (routes, { at, limits, httpObserver }) =>
        adapters.openServer(routes, {
          at,
          httpObserver,
          limits: { ...limits, in_flight: TEST_IN_FLIGHT_LIMIT },
        }),
    }
  }
}

/** A flag that is decided without Admin. */
export const PLAIN_FLAG = 'ff.test.plain'
/** A flag that is not decided without a call to Admin. */
export const SENSITIVE_FLAG = 'ff.test.sensitive'

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
/** The rows of the test service. */
export const TEST_ROWS: RowsByTable = {
  flag_registry: [flag(PLAIN_FLAG, false), flag(SENSITIVE_FLAG, true)],
  tenant_override: [],
  user_override: [],
}
