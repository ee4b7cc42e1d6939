import { isLeaseCurrent } from './leases.ts'
import { PHASE_RULES } from './phases.ts'
import { isIntentOpen, type PhaseRecord, type StepIntent } from './record.ts'

/** What the writer publishes in the database: how far the mirror is, and the counters that it last read. */
export interface MirrorPublication {
  readonly epoch: number
  /** The server on which it was published: on another one it is no consent. */
  readonly server: string
  /** The last change that the file has. */
  readonly seq: number
  /** By id of the instance. */
  readonly counters: Readonly<Record<string, number>>
}

/** One `ff serve` in managed mode. Times are monotonic milliseconds of its own clock, suspension included. */
export interface CutoverInstance {
  readonly id: string
  readonly onFileHost: boolean
  /** The newest record that was read: of the file's copy on the file's host, else of the database. */
  readonly record: PhaseRecord | null
  readonly intent: StepIntent | null
  /** Raised at each renewal. */
  readonly counter: number
  /** Renewals that were sent and may still be current, oldest first. */
  readonly sent: readonly { readonly counter: number; readonly at: number }[]
  /** When the newest confirmed renewal was sent; null before the first. */
  readonly fileLeaseAt: number | null
  readonly databaseLeaseAt: number | null
  /** The server of the last renewal in the database. */
  readonly server: string | null
  readonly publication: MirrorPublication | null
}

export type InstanceEvent =
  /** Time to renew, at least three times a lease. */
  | { readonly type: 'renew'; readonly at: number; readonly leaseMs: number }
  /** Registering and reading record and intent were one step, under the record's lock. */
  | {
      readonly type: 'renewed_file'
      readonly counter: number
      readonly record: PhaseRecord
      readonly intent: StepIntent | null
    }
  | {
      readonly type: 'renewed_database'
      readonly counter: number
      readonly server: string
      /** Of the database that answered. */
      readonly identity: string
      readonly record: PhaseRecord | null
      readonly publication: MirrorPublication | null
    }
export interface InstanceEffect {
  readonly do: 'renew_file' | 'renew_database'
  readonly counter: number
}

export const startInstance = (id: string, onFileHost: boolean): CutoverInstance => ({
  id,
  onFileHost,
  record: null,
  intent: null,
  counter: 0,
  sent: [],
  fileLeaseAt: null,
  databaseLeaseAt: null,
  server: null,
  publication: null,
})

/** The next state of an instance, and what it does. A renewal without an answer only lets the lease run out. */
export function stepInstance(
  state: CutoverInstance,
  event: InstanceEvent,
): readonly [CutoverInstance, readonly InstanceEffect[]] {
  switch (event.type) {
    case 'renew': {
      const counter = state.counter + 1
      const current = state.sent.filter(({ at }) => isLeaseCurrent(at, event.at, event.leaseMs))
      const sent = [...current, { counter, at: event.at }]
      const database: InstanceEffect = { do: 'renew_database', counter }
      return [
        { ...state, counter, sent },
        state.onFileHost ? [{ do: 'renew_file', counter }, database] : [database],
      ]
    }
    case 'renewed_file': {
      const { record, intent } = event
      const fileLeaseAt = findSent(state, event.counter) ?? state.fileLeaseAt
      return [{ ...state, fileLeaseAt, intent, record: chooseNewer(state.record, record) }, []]
    }
    case 'renewed_database':
      return [takeDatabase(state, event), []]
  }
}

type DatabaseRenewal = Extract<InstanceEvent, { readonly type: 'renewed_database' }>
function takeDatabase(state: CutoverInstance, event: DatabaseRenewal): CutoverInstance {
  const { server, publication } = event
  // The record of a copy names the database that it was copied from.
  const own = event.record?.database === event.identity ? event.record : null
  const record = state.onFileHost ? state.record : chooseNewer(state.record, own)
  const databaseLeaseAt = isLease(record, own)
    ? (findSent(state, event.counter) ?? state.databaseLeaseAt)
    : null
  return { ...state, record, server, publication, databaseLeaseAt }
}

/** A database below what is held lacks a tail or was left, and one of another cutover is none of this one: no lease. */
const isLease = (held: PhaseRecord | null, own: PhaseRecord | null): boolean =>
  held !== null &&
  own !== null &&
  held.database === own.database &&
  own.epoch >= held.epoch &&
  !own.closed

const findSent = ({ sent }: CutoverInstance, counter: number): number | undefined =>
  sent.find((one) => one.counter === counter)?.at

const chooseNewer = (held: PhaseRecord | null, read: PhaseRecord | null): PhaseRecord | null =>
  read !== null && (held === null || read.epoch > held.epoch) ? read : held

export type NotWritable =
  | 'no_record'
  | 'not_on_file_host'
  | 'lease_over'
  | 'in_doubt'
  | 'behind'
  | 'not_writer'
  | 'no_consent'
/** What an instance may do at a moment. */
export interface InstanceStanding {
  /** Whether decisions are marked stale. */
  readonly stale: boolean
  /** Why it writes nothing; null where it writes. `not_writer`: the writer takes the write. */
  readonly refusal: NotWritable | null
}

interface InstanceMoment {
  readonly at: number
  readonly leaseMs: number
  /** Whether it is the writer and has compared the heads under the epoch that it holds. */
  readonly writes: boolean
  /**
   * Whether the authority may lack an acknowledged change: it ends before one that the instance has served or acknowledged,
   * or before the head at which a writer has compared the file with its second side first since the host was started.
   */
  readonly behind: boolean
}

/** What an instance may do at a moment; asked again just before an answer leaves, since the process may have been frozen. */
export function assessInstance(state: CutoverInstance, moment: InstanceMoment): InstanceStanding {
  const { record } = state
  const { at, leaseMs, writes } = moment
  if (record === null || record.closed) return { stale: true, refusal: 'no_record' }
  if (moment.behind) return { stale: true, refusal: 'behind' }
  const isCurrent = (since: number | null): boolean => isLeaseCurrent(since, at, leaseMs)
  return PHASE_RULES[record.phase].authority === 'file'
    ? assessByFile(state, record, { isCurrent, writes })
    : assessByDatabase(state, record, isCurrent)
}

type IsCurrent = (since: number | null) => boolean

function assessByFile(
  state: CutoverInstance,
  record: PhaseRecord,
  { isCurrent, writes }: { readonly isCurrent: IsCurrent; readonly writes: boolean },
): InstanceStanding {
  if (!state.onFileHost) return { stale: true, refusal: 'not_on_file_host' }
  if (!isCurrent(state.fileLeaseAt)) return { stale: true, refusal: 'lease_over' }
  if (isIntentOpen(record, state.intent) && !isCurrent(state.databaseLeaseAt))
    return { stale: true, refusal: 'in_doubt' }
  return { stale: false, refusal: writes ? null : 'not_writer' }
}

function assessByDatabase(
  state: CutoverInstance,
  record: PhaseRecord,
  isCurrent: IsCurrent,
): InstanceStanding {
  if (!isCurrent(state.databaseLeaseAt)) return { stale: true, refusal: 'lease_over' }
  return PHASE_RULES[record.phase].second === null || isCurrent(findConsent(state, record))
    ? { stale: false, refusal: null }
    : { stale: true, refusal: 'no_consent' }
}

/** When the renewal was sent that the writer's publication repeats; null where that is no consent. */
function findConsent(state: CutoverInstance, record: PhaseRecord): number | null {
  const { publication, server } = state
  if (publication?.epoch !== record.epoch || publication.server !== server) return null
  return findSent(state, publication.counters[state.id] ?? 0) ?? null
}
