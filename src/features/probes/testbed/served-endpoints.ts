import { closeAfter, withAll } from '../../../concurrency/open-all.ts'
import type { AuthSettings } from '../../../core/auth/contract.ts'
import type { Environment } from '../../../core/auth/types.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import type { Authenticator } from '../../../ports/auth.ts'
import type { HttpClient, HttpObserver, Route } from '../../../ports/http.ts'
import type { ScratchServiceStore } from '../../../ports/store.ts'
import { loadPersistence } from '../../migrate/load-persistence.ts'
import { PROOF_LIMITS } from '../../serve/serve.ts'
import { Harness, type HarnessDependencies } from '../../serve/harness.ts'
import { NULL_APPROVALS, NULL_OBSERVER } from '../../serve/dependencies.ts'
import { buildServiceRoutes } from '../../serve/routes.ts'
import { SAMPLE_FLAG, SAMPLE_ROWS } from '../../serve/sample.ts'
import { toCredentialHeaders } from '../../parity/service-client.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { TEST_NOW } from './test-tokens.ts'

/**
 * Serves routes on a free loopback port with the production limits, and lends a client of it; drains the server and
 * closes the client afterwards.
 *
 * @throws FfError `listen_failed`
 */
export function withRoutes<T>(
  { adapters }: Pick<ProbeContext, 'adapters'>,
  routes: readonly Route[],
  use: (client: HttpClient) => Promise<T>,
): Promise<T> {
  const at = { host: '127.0.0.1', port: 0 }
  const options = { at, limits: PROOF_LIMITS, httpObserver: ANONYMOUS }
  return closeAfter(async (keep) => {
    const server = await keep(adapters.openServer(routes, options), (one) => one.drain())
    return use(await keep(adapters.openClient(server.origin)))
  })
}
/** Records nothing: a failure of the service shows in its answers, which are measured. */
const ANONYMOUS: HttpObserver = { replied: () => undefined, failed: () => undefined }

/**
 * Lends an empty scratch store for a service, a temporary folder or scratch state in the database of `spec`; closes and
 * removes it afterwards.
 *
 * @throws FfError `artefact_invalid`, or the error of opening
 */
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

/**
 * Serves the service on a temporary file store with the sample rows, behind the given authenticator and without
 * Admin, at the time `TEST_NOW`, on a free loopback port; lends a function that sends a token to `POST
 * /v1/flags/evaluate` and returns the status. The environment of the service is that of the last call. Removes all
 * afterwards.
 *
 * @throws FfError `artefact_invalid`, `listen_failed`, or the error of opening the store
 */
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
      lastKnown: null,
      recordRefusal: (refused) => store.refuse(refused),
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

/**
 * Lends clients of two harness services on loopback, one on a temporary file store, one on `targets.scratch`, each with
 * its own routes; stops and removes all afterwards. Their rows and scenes are set over HTTP.
 *
 * @throws FfError `artefact_invalid`, `listen_failed`, or the error of opening
 */
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

/**
 * Lends two empty scratch stores: `file` in a temporary folder, `db` on `targets.scratch`; removes both afterwards.
 * @throws FfError `artefact_invalid`, or the error of opening
 */
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
