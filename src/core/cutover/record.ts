import type { CutoverPhase, CutoverSide } from './phases.ts'

/** What both sides say about the cutover. The copy beside the file is replaced only by one with a higher epoch. */
export interface PhaseRecord {
  /** Grows with each publication; of two copies that differ the one with the higher epoch decides. */
  readonly epoch: number
  readonly phase: CutoverPhase
  /** Before a change of authority: each write takes the switch lock, shared, before it touches either side. */
  readonly armed: boolean
  /** Grows with each rollback, which ends the signatures of the attempt before. */
  readonly attempt: number
  /** Identity of the database whose chain continues the file's; null where there is none, or it was left as lost. */
  readonly database: string | null
  /** The side that goes on alone in a partition without the operator's word. */
  readonly survivor: CutoverSide
  /** A copy made by `ff` itself, which needs no GO and never says anything else. */
  readonly scratch: boolean
  /** When the way back of a drill begins, in milliseconds since 1970 by the database's clock; null outside of a drill. */
  readonly drillEndsAt: number | null
  /** Only in a database that was left: no instance serves from it and nothing joins it again. */
  readonly closed: boolean
}

/**
 * What is fsynced beside the file before a step that the database decides: it stands until the file's copy reaches it. The
 * step out of `complete` leaves one above its own record, which the record after it ends.
 */
export interface StepIntent {
  readonly epoch: number
  readonly phase: CutoverPhase
}

/** Replaces a copy of the record whose epoch is at most `over`, fsynced or committed under the record's lock. */
export interface WriteRecord {
  readonly do: 'write_record'
  readonly side: CutoverSide
  readonly record: PhaseRecord
  readonly over: number
}

type RecordChange = Partial<Omit<PhaseRecord, 'epoch' | 'scratch' | 'survivor'>>

/**
 * The record that follows, disarmed unless the change says otherwise.
 *
 * @param above an epoch that may have been promised already, such as that of an intent
 */
export const followRecord = (
  record: PhaseRecord,
  change: RecordChange,
  above = 0,
): PhaseRecord => ({
  ...record,
  armed: false,
  ...change,
  epoch: Math.max(record.epoch, above) + 1,
})

/** Of two copies under one chain, the one that decides; null where the database has none yet. */
export const chooseRecord = (file: PhaseRecord, database: PhaseRecord | null): PhaseRecord =>
  database !== null && database.epoch > file.epoch ? database : file

/** Whether the database may have decided a step that the file's copy does not show yet. */
export const isIntentOpen = (record: PhaseRecord, intent: StepIntent | null): boolean =>
  intent !== null && intent.epoch > record.epoch

/** Whether the step out of `complete` is not finished: the mirror may lack what was acknowledged without it. */
export const isMirrorPartial = (record: PhaseRecord, intent: StepIntent | null): boolean =>
  isIntentOpen(record, intent) && intent?.phase === record.phase
