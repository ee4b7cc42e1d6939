import { type Closable, openAll, withAll } from '../../concurrency/open-all.ts'
import { DEFAULT_SETTINGS, type SettingValues } from '../../core/settings/settings.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { Route } from '../../ports/http.ts'
import type { ScratchServiceStore } from '../../ports/store.ts'
import { openHarnessSide } from '../parity/harness-side.ts'
import type { ParityRequest } from '../parity/parity.ts'
import type { ParitySide, ParitySides } from '../parity/sides.ts'
import { startHarness } from '../serve/serve-harness.ts'
import type { WrapRoute, WrappedSides, FaultSide } from './fault.ts'

/** Both sides as services of this process, evaluated over their sockets. */
export interface ServedSides {
  readonly paritySides: ParitySides
  /** Replaces the handlers of both services from now on. */
  serve(by: WrappedSides): void
}
type Scratches = Readonly<Record<FaultSide, ScratchServiceStore>>

const AS_THEY_ARE: WrapRoute = ({ handle }) => handle
/** Both services with their own handlers. */
export const UNCHANGED_SERVICES: WrappedSides = { baseline: AS_THEY_ARE, candidate: AS_THEY_ARE }

/**
 * Starts a harness service on each scratch store, on a free loopback port, for the duration of `use`, and closes both
 * services after it; the stores stay open. Handlers begin unchanged until `serve` replaces them. Returns the result of
 * `use`.
 *
 * @throws errors of an opening and of `use`
 */
export const withServed = <T>(
  request: Pick<ParityRequest, 'root' | 'adapters' | 'now'>,
  sides: Scratches,
  use: (served: ServedSides) => Promise<T>,
): Promise<T> => {
  let serving = UNCHANGED_SERVICES
  const open = (side: FaultSide) => (): Promise<ParitySide & Closable> =>
    openService(request, sides[side], (route) => serving[side](route))
  return withAll([open('baseline'), open('candidate')], (baseline, candidate) =>
    use({
      paritySides: { baseline, candidate },
      serve: (by) => {
        serving = by
      },
    }),
  )
}

async function openService(
  { root, adapters, now }: Pick<ParityRequest, 'root' | 'adapters' | 'now'>,
  scratch: ScratchServiceStore,
  serving: WrapRoute,
): Promise<ParitySide & Closable> {
  const deps: Adapters = {
    ...adapters,
    openScratchServiceStore: () => Promise.resolve({ ...scratch, close: () => Promise.resolve() }),
    openServer: (routes, options) => adapters.openServer(routes.map(wrapRoute(serving)), options),
  }
  const { value: side, close } = await openAll(async (keep) => {
    const service = await keep(
      startHarness({
        root,
        adapters: deps,
        settings: SETTINGS,
        now,
        log: SILENT,
      }),
    )
    return keep(openHarnessSide({ kind: 'http', origin: service.origin }, adapters))
  })
  return {
    facts: side.facts,
    load: (state) => side.load(state),
    ask: (prepared) => side.ask(prepared),
    close,
  }
}

const wrapRoute =
  (serving: WrapRoute) =>
  (route: Route): Route => ({ ...route, handle: (call) => serving(route)(call) })

const SETTINGS: SettingValues = { ...DEFAULT_SETTINGS, FF_LISTEN: { host: '127.0.0.1', port: 0 } }
const SILENT = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  dropped: () => 0,
}
