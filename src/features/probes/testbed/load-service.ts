import { withAll } from '../../../concurrency/open-all.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { HttpClient } from '../../../ports/http.ts'
import type { ServiceStore } from '../../../ports/store.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { TestService } from './test-service.ts'

/** What a service under load is made of: its store, and whatever of the stage is otherwise. */
export interface LoadServiceInput {
  readonly store: ServiceStore
  readonly deps?: Partial<Adapters>
}

/** Lends a stage within the limits of the service, and who asks it over connections that are kept. */
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
      // Whoever lent the store closes it.
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
