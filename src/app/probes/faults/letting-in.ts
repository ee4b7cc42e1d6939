import type { Authentication } from '../../../core/auth/types.ts'
import type { Adapters } from '../../adapters.ts'
import { type Ask, ask } from '../../ask.ts'
import type { ScratchStore } from '../../../ports.ts'

const ANYBODY: Authentication = {
  mode: 'verified',
  source: 'jwt',
  user_id: 'U1001',
  tenant_id: 'T-pty-pilot-01',
  scopes: [],
  warnings: [],
  key_set_stale: false,
}

/** A route that somebody forgot to guard: whoever comes is somebody. */
export const unguarded: Ask = (counter, question) => {
  const verify = (): Promise<Authentication> => Promise.resolve(ANYBODY)
  const verifier = { ...counter.door.verifier, verify }
  const credential = { token: 'any', dev_headers: null }
  const door = { ...counter.door, verifier }
  return ask({ ...counter, door }, { ...question, credential })
}

/** Databases that lose the overrides of users as they are loaded: one fault, and the stores decide apart. */
export const forgettingUsers = (adapters: Adapters): Adapters => ({
  ...adapters,
  openScratch: async (spec, needs) => {
    const scratch = await adapters.openScratch(spec, needs)
    const { store, facts } = scratch
    if (facts.backing === 'file') return scratch
    const forgetting: ScratchStore = {
      kind: store.kind,
      read: (query) => store.read(query),
      write: (request) => store.write(request),
      load: (state) => store.load({ ...state, user_override: [] }),
      auditHead: () => store.auditHead(),
      close: () => store.close(),
    }
    return { facts, store: forgetting, close: () => scratch.close() }
  },
})
