import { closeAfter, withAll } from '../../../concurrency/open-all.ts'
import type { AuthSettings } from '../../../core/auth/contract.ts'
import type { Environment } from '../../../core/auth/types.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import type { Authenticator } from '../../../ports/auth.ts'
import type { HttpClient, Route, HttpObserver } from '../../../ports/http.ts'
import type { ScratchServiceStore } from '../../../ports/store.ts'
import { loadPersistence } from '../../migrate/load-persistence.ts'
import { LIMITS } from '../../serve/serve.ts'
import { Harness, type HarnessBench } from '../../serve/harness.ts'
import { NULL_APPROVALS, NULL_OBSERVER } from '../../serve/null-objects.ts'
import { serviceRoutes } from '../../serve/routes.ts'
import { SAMPLE, SAMPLE_FLAG } from '../../serve/sample.ts'
import { credentialHeaders } from '../../parity/service-client.ts'
import type { World } from '../framework/probe.ts'
import { TOKEN_TIME } from './test-tokens.ts'

/** Lends routes over a socket of this machine, and who asks them. */
export function withService<T>(
  { adapters }: Pick<World, 'adapters'>,
  routes: readonly Route[],
  use: (client: HttpClient) => Promise<T>,
): Promise<T> {
  const at = { host: '127.0.0.1', port: 0 }
  const options = { at, limits: LIMITS, witness: NOBODY }
  return closeAfter(async (keep) => {
    const server = await keep(adapters.openServer(routes, options), (one) => one.drain())
    return use(await keep(adapters.openClient(server.origin)))
  })
}
/** What a service fails at is in its answers, which are measured. */
const NOBODY: HttpObserver = { replied: () => undefined, failed: () => undefined }

/** Lends a store that can be served, of scratch state. */
export async function withServedScratch<T>(
  { adapters, root }: Pick<World, 'adapters' | 'root'>,
  spec: TargetSpec,
  use: (scratch: ScratchServiceStore) => Promise<T>,
): Promise<T> {
  const { migrations, versions } = await loadPersistence(root)
  return withAll([() => adapters.openServedScratch(spec, { migrations, versions })], use)
}

/** Brings a token to the endpoint of evaluations. One at a time. @returns the status of the answer */
export type Knock = (token: string, environment: Environment) => Promise<number>

/** Lends a served endpoint behind a door. */
export const withEndpoint = <T>(
  world: World,
  door: Authenticator,
  use: (knock: Knock) => Promise<T>,
): Promise<T> =>
  withServedScratch(world, { kind: 'file', folder: null }, async ({ store }) => {
    await store.load(SAMPLE)
    let standing: Environment = 'prod'
    const now = () => TOKEN_TIME
    const routes = serviceRoutes(() => ({
      store,
      door,
      approvals: NULL_APPROVALS,
      environment: standing,
      now,
      observer: NULL_OBSERVER,
    }))
    return withService(world, routes, (client) =>
      use(async (token, environment) => {
        standing = environment
        const { status } = await client.send({
          method: 'POST',
          path: '/v1/flags/evaluate',
          headers: credentialHeaders({ token, dev_headers: null }),
          body: JSON.stringify({ flag_key: SAMPLE_FLAG }),
        })
        return status
      }),
    )
  })

/** A service on a file and one on a database, and who asks them. */
export interface Two {
  readonly file: HttpClient
  readonly db: HttpClient
  /** Version of the database. */
  readonly server: string | null
}
export interface TwoBench<R> {
  readonly settings: AuthSettings
  readonly routes: { readonly file: R; readonly db: R }
}

/** Lends two harnesses on scratch state. */
export const withTwoHarnesses = <T>(
  world: World,
  { settings, routes }: TwoBench<HarnessBench['routes']>,
  use: (two: Two) => Promise<T>,
): Promise<T> => {
  const openDoor: HarnessBench['openDoor'] = (script) => world.adapters.openDoor(script, settings)
  const shared = { openDoor, observer: NULL_OBSERVER }
  return withTwoScratches(world, ({ file, db }) =>
    withHarness(world, { ...shared, scratch: file, routes: routes.file }, (left) =>
      withHarness(world, { ...shared, scratch: db, routes: routes.db }, (right) =>
        use({ file: left, db: right, server: db.facts.server }),
      ),
    ),
  )
}

/** Lends a folder and scratch state of the database. */
export const withTwoScratches = <T>(
  world: World,
  use: (two: {
    readonly file: ScratchServiceStore
    readonly db: ScratchServiceStore
  }) => Promise<T>,
): Promise<T> =>
  withServedScratch(world, { kind: 'file', folder: null }, (file) =>
    withServedScratch(world, world.targets.scratch, (db) => use({ file, db })),
  )

const withHarness = <T>(
  world: World,
  bench: HarnessBench,
  use: (client: HttpClient) => Promise<T>,
): Promise<T> =>
  withAll([() => Promise.resolve(new Harness(bench))], (harness) =>
    withService(world, harness.routes(), use),
  )
