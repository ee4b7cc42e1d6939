import type { KeepOpen } from '../../concurrency/open-all.ts'
import { FfError } from '../../errors.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import type { ServiceDependencies } from './dependencies.ts'
import { ShadowComparer } from './shadow-comparer.ts'
import type { ServeRequest } from './start-plan.ts'

/** How long a change may take to reach the other side, in milliseconds: as long as it may to reach every instance. */
const STALENESS_MS = 2_000

/** Compares the decisions of a managed store in the phases that do; nothing without such a store. */
export async function openShadow(
  store: ServiceDependencies['managed'],
  {
    request: { settings, log },
    telemetry: { shadow: observer, httpObserver },
    keep,
  }: {
    readonly request: ServeRequest
    readonly telemetry: Telemetry
    readonly keep: KeepOpen
  },
): Promise<Pick<ServiceDependencies, 'shadow'>> {
  if (store === undefined) return {}
  const shadow = new ShadowComparer({
    sides: () => store.shadowSides(),
    share: settings.FF_SHADOW_SHARE,
    stalenessMs: STALENESS_MS,
    observer,
    report: (error) => {
      if (error instanceof FfError) log.warn({ code: error.code }, 'cannot compare decisions')
      else httpObserver.failed(error, 'comparison of decisions')
    },
  })
  return { shadow: await keep(Promise.resolve(shadow)) }
}
