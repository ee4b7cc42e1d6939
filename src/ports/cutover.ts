import type { AuditChainHead, AuditRecord } from '../core/audit/record.ts'
import type { MirrorPublication } from '../core/cutover/instance.ts'
import type { Registration } from '../core/cutover/leases.ts'
import type { PhaseRecord, StepIntent } from '../core/cutover/record.ts'
import type { WriteAnswer } from '../core/cutover/write.ts'
import type { AnyRow, TableName } from '../core/rows/rows.ts'
import type { WriteRequest } from '../core/rows/write-request.ts'
import type {
  Announcement,
  AnnouncementResult,
  RefusalResult,
  RefusedWrite,
  ServiceStore,
  WriteResult,
} from './store.ts'

/** Names a write in both stores, also where it is sent again. */
export interface WriteName {
  /** A random UUID, or a digest of actor and idempotency key. Unique in log and table. */
  readonly op_id: string
  /** SHA-256 of method, target and body of a request with an idempotency key, in hexadecimal; null without a key. */
  readonly request_digest: string | null
}

/** What one record of the audit chain did, in the form in which the other side appends it. */
export interface CopiedChange {
  readonly record: AuditRecord
  /** Null for a record of a time when writes were not named. */
  readonly name: WriteName | null
  /** The rows as they were written, tombstones too; empty for a refusal, a boundary record or an announcement. */
  readonly rows: readonly { readonly table: TableName; readonly row: AnyRow }[]
}

/** Everything that a side holds at one record: the rows, and the chain up to it. */
export interface SideContent {
  readonly head: AuditChainHead
  readonly rows: AsyncIterable<readonly { readonly table: TableName; readonly row: AnyRow }[]>
  /** Records 1 to `head.seq`, in order, in batches. */
  readonly records: AsyncIterable<readonly CopiedChange[]>
}

/** What an instance says about itself where it registers. */
export interface InstanceFacts {
  readonly host: string
  readonly pid: number
  /** Version or build of the code. */
  readonly code: string
  readonly schema_head: number
  /** Digest of the settings that have to be the same on all instances, and the lease: as `formatConfiguration`. */
  readonly configuration: string
}
/** One instance in one place; `counter` grows with each renewal and `epoch` is the one that it holds. */
export interface RegisteredInstance extends Registration {
  readonly facts: InstanceFacts
}

/** What a new registration or renewal has read under the record's lock, in the same step. */
export interface FileRenewal {
  readonly record: PhaseRecord
  readonly intent: StepIntent | null
}
export interface DatabaseRenewal {
  /** Names the running server: another one after a restart, a promotion or a restore. */
  readonly server: string
  /** Identity of the database: the same after a restart, another one for a copy that was adopted. */
  readonly identity: string
  /** Null before the first cutover. */
  readonly record: PhaseRecord | null
  readonly publication: MirrorPublication | null
}

/** The reading half of a side: its chain, and the changes behind a record of it. */
export interface ChainReader {
  /** The last durable record. */
  head(): Promise<AuditChainHead>
  /** Hash of record `seq`; that of an empty chain for 0, null where the record is not kept or was never there. */
  hashAt(seq: number): Promise<string | null>
  /**
   * The changes behind the record `after`, in order, at most `limit` and 4 MiB, one at least where there is one.
   *
   * @throws FfError `chains_forked` where `after` is not in the chain
   */
  changes(after: AuditChainHead, limit: number): Promise<readonly CopiedChange[]>
  /** All rows and records at the head of one moment. */
  content(): Promise<SideContent>
}

/** The files beside a file store that the processes of its host share. No lock of the store is needed. */
export interface CutoverFile {
  /** A folder without a record has one of epoch 1 in phase `file`, with its own survivor `file`. */
  read(): Promise<FileRenewal>
  /** Registers or renews, and reads record and intent after that, so that no change of the record misses both. */
  renew(instance: Omit<RegisteredInstance, 'place'>): Promise<FileRenewal>
  instances(): Promise<readonly RegisteredInstance[]>
  /** Removes the registration of an instance that has ended. */
  forget(id: string): Promise<void>
  /**
   * Replaces the record, fsynced, by one of a higher epoch, where its own is at most `over`.
   *
   * @returns whether the whole record stands, also where it stood before
   */
  writeRecord(record: PhaseRecord, over: number): Promise<boolean>
  /** Fsyncs the intent. */
  writeIntent(intent: StepIntent): Promise<void>
  /** The step whose boundary record may be missing; null for none. */
  readAloneStep(): Promise<AloneStep | null>
  /** Fsyncs a step before it is decided; null once its boundary record is in the chain, or it was not decided. */
  writeAloneStep(step: AloneStep | null): Promise<void>
  /**
   * Whether the process that holds the store's lock answers within `boundMs`: what it had begun to append is in the log
   * then, and no process before it adds to that.
   */
  askWriter(boundMs: number): Promise<boolean>
}

/** The open store of the process that holds the file's lock. */
export interface FileWriter extends ChainReader {
  /** Of the first segment that this process began: the same until it frees the lock, and higher at each next holder. */
  readonly term: number
  readonly epoch: number
  /** Later lines name the epoch, in a segment of their own. Nothing where the store is at that epoch. */
  startEpoch(epoch: number): Promise<void>
  /** Appends changes of the other side behind `after`. @returns false where `after` is not the head */
  append(after: AuditChainHead, changes: readonly CopiedChange[]): Promise<boolean>
  write(request: WriteRequest, name: WriteName): Promise<NamedResult<WriteResult>>
  refuse(refused: RefusedWrite, name: WriteName): Promise<NamedResult<RefusalResult>>
  announce(request: Announcement, name: WriteName): Promise<NamedResult<AnnouncementResult>>
  /**
   * Appends the boundary record of a step that the file decided alone, unless it is there. For a writer that nothing else
   * writes to.
   */
  mark(step: AloneStep): Promise<void>
}
/** The operator of a step, and when. */
export type StepEvent = Pick<AuditRecord, 'actor' | 'occurred_at'>
/** A step that the file decides alone: the record that it publishes, and what its boundary record says. */
export interface AloneStep {
  readonly record: PhaseRecord
  readonly event: StepEvent
  readonly said: StepSaid
}
/** A writer of this process, which holds the file's lock until it is closed. */
export interface HeldFileWriter {
  readonly writer: FileWriter
  close(): Promise<void>
}
/** The result of a write, or that of the earlier one of the same name; `digest` is the request digest of that one. */
export interface NamedResult<Result> {
  readonly result: Result
  readonly digest: string | null
}

/** A change with its name, as the process receives it that carries it out. */
export type NamedOperation = { readonly name: WriteName } & (
  | { readonly call: 'write'; readonly request: WriteRequest }
  | { readonly call: 'refuse'; readonly request: RefusedWrite }
  | { readonly call: 'announce'; readonly request: Announcement }
)
/** How a change ended at the process that carried it out. JSON, since it goes to the instance that received the change. */
export interface CarriedOut {
  readonly answer: WriteAnswer
  /** Of the store; null where the change did not reach the authority, or its outcome is not known. */
  readonly result: WriteResult | RefusalResult | AnnouncementResult | null
}
export interface ManagedFileOptions {
  /** How long a writer may be silent before it is ended and replaced. */
  readonly leaseMs: number
  /** How long a change may take from the call to its line in this process, a take-over included. */
  readonly handOverMs: number
  /** Carries a change out while this process holds the file's lock. An FfError reaches the instance that received it. */
  carryOut(writer: FileWriter, operation: NamedOperation): Promise<CarriedOut>
  /**
   * Called with the writer once this process has taken the lock, before it carries anything out; and with null before it
   * frees the lock, which waits for the promise.
   */
  leading(writer: FileWriter | null): Promise<void>
}
/** The file store of an instance on the file's host: read here, written by the holder of its lock. */
export interface ManagedFileStore extends Omit<ServiceStore, 'write' | 'refuse' | 'announce'> {
  /**
   * Carries a change out here, or through the process that holds the lock; after a take-over again under the same name. An
   * acknowledged one has been applied to the rows of this process. After `handOverMs` the answer is that nothing was
   * written where no writer has met it, `outcome_unknown` where one has, and `mirror_behind` where it has answered.
   *
   * @throws FfError of `carryOut`; `backing_unavailable` where too many operations wait
   */
  submit(operation: NamedOperation): Promise<CarriedOut>
  /**
   * Resolves once this process has applied all that any process had acknowledged before the call.
   *
   * @throws FfError `backing_unavailable` where no writer answers within `handOverMs`
   */
  sync(): Promise<void>
  /** Whether this process is the writer, or has applied all that its writer has announced over a live connection. */
  isCurrent(): boolean
}

/** The side of PostgreSQL. Every member throws FfError of the database, such as `backing_unavailable`. */
export interface CutoverDatabase extends ChainReader {
  /** Registers or renews, and reads record and publication in the same transaction under the record's lock. */
  renew(instance: Omit<RegisteredInstance, 'place'>): Promise<DatabaseRenewal>
  /** What `renew` reads, with the head, the hash at record `seq`, and the registered instances, in one snapshot. */
  look(seq: number): Promise<DatabaseLook>
  forget(id: string): Promise<void>
  /** As `CutoverFile.writeRecord`, committed; the first one where there is none. */
  writeRecord(record: PhaseRecord, over: number): Promise<boolean>
  /** As `writeRecord`, where the publication was made under epoch `over` and on the running server. */
  leaveMirror(record: PhaseRecord, over: number): Promise<boolean>
  /** As `SwitchSession.decide`, without the file: on a connection of its own, and without the switch lock. */
  decideAlone(record: PhaseRecord, over: number, said: StepSaid): Promise<boolean>
  /** Closes the record of a database that was left: nothing joins it again. @returns false where another one is there */
  close(identity: string): Promise<boolean>
  /**
   * Appends changes of the file behind `after`, all or none: records, rows, feed and change log in one transaction.
   *
   * @returns false where `after` is not the head, or the record there is closed or of another epoch than `epoch`
   */
  append(after: AuditChainHead, changes: readonly CopiedChange[], epoch: number): Promise<boolean>
  /**
   * Fills a database whose chain holds nothing but records of migrations and imports, and whose rows are all in the content,
   * as they are or with a later revision; rows and chain are those of the content then. All or none.
   *
   * @throws FfError `rows_would_be_lost` where it holds anything else
   */
  fill(content: SideContent): Promise<void>
  /** Publishes how far the mirror is. @returns false where the running server is not the publication's */
  publish(publication: MirrorPublication): Promise<boolean>
  /**
   * Whether a record is in the chain and published as mirrored, or the phase there asks for no publication; `gone` where
   * another one stands in its place, or none.
   */
  isMirrored(record: AuditChainHead): Promise<'mirrored' | 'waiting' | 'gone'>
  /**
   * Begins a transaction that the server ends after `leaseMs` of silence, takes the switch lock, shared, and reads the
   * record's epoch in it.
   *
   * @throws FfError `lock_timeout` after `boundMs`; `phase_refused` without a record, `database_left` for a closed one
   */
  share(limits: ShareLimits): Promise<SharedTurn>
  /**
   * Makes this process the one that may move the cutover, until `end` or the loss of the connection. @returns false while
   * another one is
   */
  coordinate(): Promise<boolean>
  /** Opens the session of a switch, which the server ends after `boundMs` of silence. It holds no lock yet. */
  openSwitch(boundMs: number): Promise<SwitchSession>
  /** Ends the connections. */
  end(): Promise<void>
}
export interface DatabaseLook extends DatabaseRenewal {
  readonly head: AuditChainHead
  /** As `hashAt`. */
  readonly hash: string | null
  readonly instances: readonly RegisteredInstance[]
  /** By the clock of the server, in milliseconds since 1970. */
  readonly now: number
  /** Whether every shipping slot is free. */
  readonly slotsFree: boolean
}
export interface ShareLimits {
  readonly boundMs: number
  readonly leaseMs: number
}

/** A transaction that holds the switch lock, shared. Ended by exactly one of its members. */
export interface SharedTurn {
  /** Of the record, read in the transaction. */
  readonly epoch: number
  readonly server: string
  /** Commits the change; the earlier result where the name is there already. Frees the lock. */
  write(request: WriteRequest, name: WriteName): Promise<NamedResult<WriteResult>>
  refuse(refused: RefusedWrite): Promise<RefusalResult>
  announce(request: Announcement): Promise<AnnouncementResult>
  /** Ends the transaction with nothing written, as after a write to the file under the lock. */
  free(): Promise<void>
}

/** What the operator of a step has said, for the boundary record. */
export interface StepSaid {
  /** Present where a single instance on the file's host was accepted. */
  readonly one_writer?: true
  /** How the other side was switched off. */
  readonly stopped?: string
}

/** The session that carries out a switch. */
export interface SwitchSession {
  /** @throws FfError `lock_timeout` where writes under way do not end within the bound */
  lockExclusive(): Promise<void>
  /** The chain's head, and whether the shipping slots are free, on this session. */
  check(): Promise<{ readonly head: AuditChainHead; readonly slotsFree: boolean }>
  /**
   * Commits the record with a boundary record of the audit chain, where the record there has epoch `over`.
   *
   * @returns whether it did
   * @throws FfError `outcome_unknown` where the answer to the commit was lost
   */
  decide(record: PhaseRecord, over: number, said?: StepSaid): Promise<boolean>
  free(): Promise<void>
  close(): Promise<void>
}
