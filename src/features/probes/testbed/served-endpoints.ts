import { closeAfter, withAll } from '../../../concurrency/open-all.ts'
import type { AuthSettings } from '../../../core/auth/contract.ts'
import type { Environment } from '../../../core/auth/types.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import type { Authenticator } from '../../../ports/auth.ts'
import type { HttpClient, HttpObserver, Route } from '../../../ports/http.ts'
import type { ScratchServiceStore } from '../../../ports/store.ts'
import { loadPersistence } from '../../migrate/load-persistence.ts'
import { LIMITS } from '../../serve/serve.ts'
import { Harness, type HarnessDependencies } from '../../serve/harness.ts'
import { NULL_APPROVALS, NULL_OBSERVER } from '../../serve/dependencies.ts'
import { buildServiceRoutes } from '../../serve/routes.ts'
import { SAMPLE_FLAG, SAMPLE_ROWS } from '../../serve/sample.ts'
import { toCredentialHeaders } from '../../parity/service-client.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { TEST_NOW } from './test-tokens.ts'

/** Serves routes on a loopback port, and lends a client of it. */
export function withRoutes<T>(
  { adapters }: Pick<ProbeContext, 'adapters'>,
  routes: readonly Route[],
  use: (client: HttpClient) => Promise<T>,
): Promise<T> {
  const at = { host: '127.0.0.1', port: 0 }
  const options = { at, limits: LIMITS, httpObserver: ANONYMOUS }
  return closeAfter(async (keep) => {
    const server = await keep(adapters.openServer(routes, options), (one) => one.drain())
    return use(await keep(adapters.openClient(server.origin)))
  })
}
/** Records nothing: a failure of the service shows in its answers, which are measured. */
const ANONYMOUS: HttpObserver = { replied: () => undefined, failed: () => undefined }

/** Lends a scratch store for a service. */
export async function withScratchService<T>(
  { adapters, root }: Pick<ProbeContext, 'adapters' | 'root'>,
  spec: TargetSpec,
  use: (scratch: ScratchServiceStore) => Promise<T>,
): Promise<T> {
  const { migrations, versions } = await loadPersistence(root)
  return withAll([() => adapters.openScratchServiceStore(spec, { migrations, versions })], use)
}

/** Sends a token to `POST /v1/flags/evaluate`; one call at a time. @returns the status of the answer */
export type SendToken = (token: string, environment: Environment) => Promise<number>

/** Lends a served endpoint behind an authenticator. */
export const withEndpoint = <T>(
  context: ProbeContext,
  authenticator: Authenticator,
  use: (sendToken: SendToken) => Promise<T>,
): Promise<T> =>
  withScratchService(context, { kind: 'file', folder: null }, async ({ store }) => {
    await store.load(SAMPLE_ROWS)
    let current: Environment = 'prod'
    const now = () => TEST_NOW
    const routes = buildServiceRoutes(() => ({
      store,
      authenticator,
      approvals: NULL_APPROVALS,
      environment: current,
      now,
      observer: NULL_OBSERVER,
    }))
    return withRoutes(context, routes, (client) =>
      use(async (token, environment) => {
        current = environment
        const { status } = await client.send({
          method: 'POST',
          path: '/v1/flags/evaluate',
          headers: toCredentialHeaders({ token, dev_headers: null }),
          body: JSON.stringify({ flag_key: SAMPLE_FLAG }),
        })
        return status
      }),
    )
  })

/** Clients of a service on a file and of one on a database. */
export interface ServicePair {
  readonly file: HttpClient
  readonly db: HttpClient
  /** Version of the PostgreSQL server. */
  readonly server: string | null
}
/** Settings and routes of a pair of harness services. */
export interface ServicePairInput<R> {
  readonly settings: AuthSettings
  readonly routes: { readonly file: R; readonly db: R }
}

/** Lends clients of two harness services, on a file and on a database. */
export const withHarnessPair = <T>(
  context: ProbeContext,
  { settings, routes }: ServicePairInput<HarnessDependencies['routes']>,
  use: (two: ServicePair) => Promise<T>,
): Promise<T> => {
  const openAuthenticator: HarnessDependencies['openAuthenticator'] = (script) =>
    context.adapters.openScriptedAuthenticator(script, settings)
  const shared = { openAuthenticator, observer: NULL_OBSERVER }
  return withScratchPair(context, ({ file, db }) =>
    withHarness(context, { ...shared, scratch: file, routes: routes.file }, (left) =>
      withHarness(context, { ...shared, scratch: db, routes: routes.db }, (right) =>
        use({ file: left, db: right, server: db.facts.server }),
      ),
    ),
  )
}

/** Lends scratch stores: a file store and a database. */
export const withScratchPair = <T>(
  context: ProbeContext,
  use: (two: {
    readonly file: ScratchServiceStore
    readonly db: ScratchServiceStore
  }) => Promise<T>,
): Promise<T> =>
  withScratchService(context, { kind: 'file', folder: null }, (file) =>
    withScratchService(context, context.targets.scratch, (db) => use({ file, db })),
  )

const withHarness = <T>(
  context: ProbeContext,
  input: HarnessDependencies,
  use: (client: HttpClient) => Promise<T>,
): Promise<T> =>
  withAll([() => Promise.resolve(new Harness(input))], (harness) =>
    withRoutes(context, harness.routes(), use),
  )
