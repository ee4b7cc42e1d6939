import { setTimeout as sleep } from 'node:timers/promises'
import { FfError } from '../../../errors.ts'
import type { ServiceStore } from '../../../ports/store.ts'
import type { ApprovalService } from '../../../ports/admin.ts'
import type { BacklogReading, MetricReadings } from '../../../ports/telemetry.ts'

/** The fault of a store. */
export type StoreFaultKind = 'none' | 'down' | 'full' | 'slow' | 'stuck' | 'unaudited'
/** The current fault; a drill changes it while the store is in use. */
export interface StoreFault {
  store: StoreFaultKind
  /** Resolves when reads of a `stuck` store continue. */
  released: Promise<void>
}
type Overrides = Partial<Omit<ServiceStore, 'kind'>>

const SLOW_MS = 80
/** The audit head that an `unaudited` store reports after every change. */
const FROZEN_HEAD = { seq: 7, hash: '7'.repeat(64) }

const rejectWith = (code: 'backing_unavailable' | 'disk_full', what: string) => () =>
  Promise.reject(new FfError(code, what, { hint: 'A drill of a probe injects this error.' }))
const down = rejectWith('backing_unavailable', 'The store is down.')

const FAULTS: Readonly<
  Record<StoreFaultKind, (store: ServiceStore, fault: StoreFault) => Overrides>
> = {
  none: () => ({}),
  down: () => ({
    read: down,
    readMany: down,
    page: down,
    overrides: down,
    audit: down,
    revision: down,
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

/**
 * Wraps a store in the fault that `fault.store` names at the time of each call. `down` rejects every method but
 * `requireWritable` and `close` with FfError `backing_unavailable`, `full` rejects `write` with `disk_full`, `slow`
 * delays `read` by 80 ms, `stuck` holds `read` until `fault.released`, `unaudited` reports one fixed audit head,
 * `none` changes nothing.
 */
export const createFaultyStore = (store: ServiceStore, fault: StoreFault): ServiceStore =>
  overrideMethods(store, () => FAULTS[fault.store](store, fault))

/**
 * Wraps a store so that the methods which `getOverrides` returns replace its own; it runs anew at each call. `close`
 * always closes the store itself.
 */
export function overrideMethods(store: ServiceStore, getOverrides: () => Overrides): ServiceStore {
  return {
    kind: store.kind,
    read: (query) => getOverrides().read?.(query) ?? store.read(query),
    readMany: (query) => getOverrides().readMany?.(query) ?? store.readMany(query),
    page: (query) => getOverrides().page?.(query) ?? store.page(query),
    overrides: (query) => getOverrides().overrides?.(query) ?? store.overrides(query),
    audit: (query) => getOverrides().audit?.(query) ?? store.audit(query),
    revision: (query) => getOverrides().revision?.(query) ?? store.revision(query),
    write: (request) => getOverrides().write?.(request) ?? store.write(request),
    refuse: (refused) => getOverrides().refuse?.(refused) ?? store.refuse(refused),
    announce: (one) => getOverrides().announce?.(one) ?? store.announce(one),
    requireWritable: () => getOverrides().requireWritable?.() ?? store.requireWritable(),
    auditHead: () => getOverrides().auditHead?.() ?? store.auditHead(),
    close: () => store.close(),
  }
}

/** The fault of the delivery of audit records: `stopped` since an hour, or one record was `refused`. */
export type DeliveryFaultKind = 'none' | 'stopped' | 'refused'
/** The current fault of the delivery. */
export interface DeliveryFault {
  delivery: DeliveryFaultKind
}
type ReadBacklog = MetricReadings['backlog']
const NO_BACKLOG: BacklogReading = { pending: 0, failed: 0, oldest_seconds: null }
const DELIVERY_FAULTS: Readonly<Record<DeliveryFaultKind, Partial<BacklogReading>>> = {
  none: {},
  stopped: { pending: 1, oldest_seconds: 3_600 },
  refused: { failed: 1 },
}

/** Wraps a reading of what is not delivered in the fault that `fault.delivery` names at the time of each call. */
export const createFaultyBacklog =
  (read: ReadBacklog, fault: DeliveryFault): ReadBacklog =>
  async () => ({ ...NO_BACKLOG, ...(await read()), ...DELIVERY_FAULTS[fault.delivery] })

/** The fault of Admin: `failing` calls fail, `open` stands for an open circuit breaker. */
export type AdminFaultKind = 'none' | 'failing' | 'open'
/** The current fault of Admin. */
export interface AdminFault {
  admin: AdminFaultKind
}

const COUNTED_AS = { none: 'answered', failing: 'failed', open: 'refused' } as const

/**
 * An approval service without a network. Each check follows `fault.admin` at that time: `unknown` for `none`,
 * `unreachable` for `failing` and `open`; no approval is ever known. Its metrics count the checks as answered, failed
 * or refused, and show the breaker open for `open`.
 */
export function createControllableAdmin(fault: AdminFault): ApprovalService {
  const calls = { answered: 0, failed: 0, refused: 0 }
  return {
    begin: () => () => {
      calls[COUNTED_AS[fault.admin]] += 1
      return Promise.resolve({ status: fault.admin === 'none' ? 'unknown' : 'unreachable' })
    },
    abandon: () => undefined,
    metrics: () => ({
      calls: { ...calls },
      breaker: fault.admin === 'open' ? 'open' : 'closed',
      sockets: 0,
    }),
    close: () => Promise.resolve(),
  }
}
