import { withAll } from '../../../concurrency/open-all.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { HttpClient } from '../../../ports/http.ts'
import type { ServiceStore } from '../../../ports/store.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { TestService } from './test-service.ts'

/** The store of a service under load, and adapters that replace those of the test service. */
export interface LoadServiceInput {
  readonly store: ServiceStore
  readonly deps?: Partial<Adapters>
}

/**
 * Lends a test service with the production limits on `store`, and a client with keep-alive connections; stops both
 * afterwards, but leaves the store open. Unless `deps` replaces it, Admin is the controllable one of the test service.
 * @throws FfError `artefact_invalid`, `listen_failed`
 */
export const withLoadService = <T>(
  context: ProbeContext,
  { store, deps = {} }: LoadServiceInput,
  use: (client: HttpClient, service: TestService) => Promise<T>,
): Promise<T> =>
  TestService.withRunning(
    context,
    (testAdapters) => ({
      ...testAdapters,
      openServer: (routes, options) => context.adapters.openServer(routes, options),
      openTelemetry: (log, readings) => context.adapters.openTelemetry(log, readings),
      // The caller owns the store and closes it.
      openServiceStore: () =>
        Promise.resolve({
          facts: { target: 'scratch', backing: store.kind, server: null },
          store,
          close: () => Promise.resolve(),
        }),
      ...deps,
    }),
    (service) =>
      withAll([() => context.adapters.openClient(service.origin)], (client) =>
        use(client, service),
      ),
  )
