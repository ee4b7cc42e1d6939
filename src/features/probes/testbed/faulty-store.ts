import { setTimeout as sleep } from 'node:timers/promises'
import { FfError } from '../../../errors.ts'
import type { ServiceStore } from '../../../ports/store.ts'
import type { ApprovalService } from '../../../ports/admin.ts'

/** What is the matter with a store. */
export type StoreFaultKind = 'none' | 'down' | 'full' | 'slow' | 'stuck' | 'unaudited'
/** What its holder sets while the store is at work. */
export interface StoreFault {
  store: StoreFaultKind
  /** Resolves when whoever is stuck goes on. */
  released: Promise<void>
}
type Overrides = Partial<Omit<ServiceStore, 'kind'>>

const SLOW_MS = 80
/** The end of a chain that no change reaches. */
const FROZEN_HEAD = { seq: 7, hash: '7'.repeat(64) }

const rejectWith = (code: 'backing_unavailable' | 'disk_full', what: string) => () =>
  Promise.reject(new FfError(code, what, { hint: 'This is a drill.' }))
const down = rejectWith('backing_unavailable', 'The store is away.')

const FAULTS: Readonly<
  Record<StoreFaultKind, (store: ServiceStore, fault: StoreFault) => Overrides>
> = {
  none: () => ({}),
  down: () => ({
    read: down,
    readMany: down,
    page: down,
    write: down,
    refuse: down,
    auditHead: down,
  }),
  full: () => ({ write: rejectWith('disk_full', 'The disk is full.') }),
  slow: (store) => ({
    read: async (query) => {
      await sleep(SLOW_MS)
      return store.read(query)
    },
  }),
  stuck: (store, { released }) => ({
    read: async (query) => {
      await released
      return store.read(query)
    },
  }),
  unaudited: () => ({ auditHead: () => Promise.resolve(FROZEN_HEAD) }),
}

/** A store with whatever its holder has set against it. */
export const createFaultyStore = (store: ServiceStore, fault: StoreFault): ServiceStore =>
  overrideMethods(store, () => FAULTS[fault.store](store, fault))

/** A store of which some is done otherwise, looked up at each call. */
export function overrideMethods(store: ServiceStore, getOverrides: () => Overrides): ServiceStore {
  return {
    kind: store.kind,
    read: (query) => getOverrides().read?.(query) ?? store.read(query),
    readMany: (query) => getOverrides().readMany?.(query) ?? store.readMany(query),
    page: (query) => getOverrides().page?.(query) ?? store.page(query),
    write: (request) => getOverrides().write?.(request) ?? store.write(request),
    refuse: (refused) => getOverrides().refuse?.(refused) ?? store.refuse(refused),
    auditHead: () => getOverrides().auditHead?.() ?? store.auditHead(),
    close: () => store.close(),
  }
}

export type AdminFaultKind = 'none' | 'failing' | 'open'
export interface AdminFault {
  admin: AdminFaultKind
}

const COUNTED_AS = { none: 'answered', failing: 'failed', open: 'refused' } as const

/** An Admin that knows no approval, and does as its holder has set. */
export function createControllableAdmin(fault: AdminFault): ApprovalService {
  const calls = { answered: 0, failed: 0, refused: 0 }
  return {
    begin: () => () => {
      calls[COUNTED_AS[fault.admin]] += 1
      return Promise.resolve({ status: fault.admin === 'none' ? 'unknown' : 'unreachable' })
    },
    metrics: () => ({
      calls: { ...calls },
      breaker: fault.admin === 'open' ? 'open' : 'closed',
      sockets: 0,
    }),
    close: () => Promise.resolve(),
  }
}
