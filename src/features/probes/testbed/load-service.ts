import { withAll } from '../../../concurrency/open-all.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { HttpClient } from '../../../ports/http.ts'
import type { ServiceStore } from '../../../ports/store.ts'
import type { ProbeContext } from '../framework/probe.ts'
import { TestService } from './test-service.ts'

/** What a service under load is made of: its store, and whatever of the stage is otherwise. */
export interface LoadServiceInput {
  readonly store: ServiceStore
  readonly hands?: Partial<Adapters>
}

/** Lends a stage within the limits of the service, and who asks it over connections that are kept. */
export const withLoadService = <T>(
  world: ProbeContext,
  { store, hands = {} }: LoadServiceInput,
  use: (client: HttpClient, stage: TestService) => Promise<T>,
): Promise<T> =>
  TestService.lend(
    world,
    (staged) => ({
      ...staged,
      openServer: (routes, options) => world.adapters.openServer(routes, options),
      openTelemetry: (log, readings) => world.adapters.openTelemetry(log, readings),
      // Whoever lent the store closes it.
      openServed: () =>
        Promise.resolve({
          facts: { target: 'scratch', backing: store.kind, server: null },
          store,
          close: () => Promise.resolve(),
        }),
      ...hands,
    }),
    (stage) =>
      withAll([() => world.adapters.openClient(stage.origin)], (client) => use(client, stage)),
  )
