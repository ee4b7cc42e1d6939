import type { AuthResult } from '../../../core/auth/types.ts'
import { FfError } from '../../../errors.ts'
import type { Adapters } from '../../../ports/adapters.ts'
import type { Route } from '../../../ports/http.ts'
import type { ScratchStore, ServiceStore } from '../../../ports/store.ts'
import type { GetServiceDependencies } from '../../serve/dependencies.ts'
import { buildServiceRoutes } from '../../serve/routes.ts'
import { overrideMethods } from '../testbed/faulty-store.ts'

const ANY_CALLER: AuthResult = {
  mode: 'verified',
  source: 'jwt',
  user_id: 'U1001',
  tenant_id: 'T-pty-pilot-01',
  scopes: ['ff:registry:read'],
  warnings: [],
  key_set_stale: false,
}

/**
 * The planted fault of A5: the routes of the service, of which `flags.list` accepts every caller, also without a token
 * or with a bad one.
 */
export const createUnguardedRoutes = (parts: GetServiceDependencies): readonly Route[] => {
  const unguarded = buildServiceRoutes(() => {
    const { authenticator, ...rest } = parts()
    const verifier = { ...authenticator.verifier, verify: () => Promise.resolve(ANY_CALLER) }
    return { ...rest, authenticator: { ...authenticator, verifier } }
  })
  const credential = { token: 'any', dev_headers: null }
  return buildServiceRoutes(parts).map((route, at) =>
    route.id === 'flags.list'
      ? { ...route, handle: (call) => (unguarded[at] ?? route).handle({ ...call, credential }) }
      : route,
  )
}

/**
 * The planted fault of the parity probes: adapters whose scratch databases drop user overrides on load; each load
 * after the first `loads` throws FfError `backing_unavailable`. Scratch file stores are unchanged.
 */
export const withoutUserOverrides = (adapters: Adapters, loads = Infinity): Adapters => ({
  ...adapters,
  openScratch: async (spec, needs) => {
    const scratch = await adapters.openScratch(spec, needs)
    const { store, facts } = scratch
    if (facts.backing === 'file') return scratch
    let left = loads
    const faulty: ScratchStore = {
      kind: store.kind,
      read: (query) => store.read(query),
      write: (request) => store.write(request),
      load: (state) => {
        left -= 1
        if (left >= 0) return store.load({ ...state, user_override: [] })
        throw new FfError('backing_unavailable', 'The database is lost.', {
          hint: 'A control of a probe injects this error.',
        })
      },
      auditHead: () => store.auditHead(),
      close: () => store.close(),
    }
    return { facts, store: faulty, close: () => scratch.close() }
  },
})

/**
 * The planted fault of E4: a store whose pages list their rows in reverse order; all else is unchanged, and nothing
 * is written.
 */
export const createReversedListing = (store: ServiceStore): ServiceStore =>
  overrideMethods(store, () => ({ page: async (query) => (await store.page(query)).toReversed() }))
