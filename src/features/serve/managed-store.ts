import { randomUUID } from 'node:crypto'
import type { NotWritable } from '../../core/cutover/instance.ts'
import { type CutoverSide, PHASE_RULES } from '../../core/cutover/phases.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import type { WriteAnswer, WriteView } from '../../core/cutover/write.ts'
import { getRowKey, type RowsOfFlag } from '../../core/rows/rows.ts'
import type {
  CarriedOut,
  ManagedFileStore,
  NamedOperation,
  WriteName,
} from '../../ports/cutover.ts'
import type {
  AnnouncementResult,
  FlagReader,
  RefusalResult,
  ServiceStore,
  WriteResult,
} from '../../ports/store.ts'
import type { CutoverReadings } from '../../ports/telemetry.ts'
import type { InstanceLoop } from '../cutover/instance-loop.ts'
import type { HeldFile, WriteRunner } from '../cutover/write-runner.ts'
import type { WriterStatus } from '../cutover/writer-loop.ts'
import type { CacheChannel } from './cache-channel.ts'
import type { CachedReader } from './cached-reader.ts'
import { createDecisionReader, type DecisionReader } from './decision-reader.ts'
import type { GuardedStore } from './guarded-store.ts'
import type { LastKnownGood } from './last-known-good.ts'
import { makeAnswerError, makeRefusal } from './managed-refusals.ts'

/** The side of the database, as the service reads it. */
export interface ManagedDatabase {
  readonly store: GuardedStore
  readonly lastKnown: LastKnownGood | null
  readonly reader?: CachedReader
  readonly channel?: CacheChannel
}
export interface ManagedParts {
  /** Null on another host than the file's, and while the file is closed: in `complete`. */
  readonly file: () => ManagedFileStore | null
  readonly onFileHost: boolean
  readonly database: ManagedDatabase
  readonly instance: InstanceLoop
  readonly runner: WriteRunner
  /** Null where another process holds the file's lock. */
  readonly held: () => HeldFile | null
  /** How old decisions may be that are marked stale. */
  readonly staleMaxMs: number
}

/** What an instance says of the cutover. */
export interface CutoverStatus {
  /** Null before it has read a record. */
  readonly phase: PhaseRecord['phase'] | null
  readonly epoch: number | null
  readonly role: 'writer' | 'follower' | 'remote'
  /** Milliseconds since the renewal was sent that counts; null before the first. */
  readonly lease_age_ms: number | null
  /** Why decisions are stale or nothing is written; null where neither. */
  readonly reason: NotWritable | 'chains_forked' | null
  readonly stale: boolean
  /** How far the second side is behind, by the writer; null elsewhere, and where there is no second side. */
  readonly mirror: { readonly lag_seq: number; readonly lag_seconds: number } | null
}

/**
 * The store of an instance in a cutover: reads the side that decides in the phase, and writes by the protocol. Every answer
 * is checked against the lease after it was read.
 */
export class ManagedStore implements ServiceStore {
  private readonly parts: ManagedParts
  /**
   * Number of the newest record that was served or acknowledged, of the file and of each database: what a lost one had
   * alone, the file never had.
   */
  private readonly seen = new Map<string | null, number>()
  private fileSeq = 0
  /** Up to where a writer has compared the file first since the host was started; null before. */
  private compared: number | null = null
  private readonly answers: Record<WriteAnswer['status'], number> = {
    acknowledged: 0,
    mirror_behind: 0,
    outcome_unknown: 0,
    idempotency_key_reused: 0,
    refused: 0,
  }

  constructor(parts: ManagedParts) {
    this.parts = parts
  }

  get kind(): 'file' | 'db' {
    return this.authority === 'database' ? 'db' : 'file'
  }

  read: ServiceStore['read'] = (query) => this.ask((store) => store.read(query))
  readMany: ServiceStore['readMany'] = (query) => this.ask((store) => store.readMany(query))
  page: ServiceStore['page'] = (query) => this.ask((store) => store.page(query))
  overrides: ServiceStore['overrides'] = (query) => this.ask((store) => store.overrides(query))
  audit: ServiceStore['audit'] = (query) => this.ask((store) => store.audit(query))
  revision: ServiceStore['revision'] = (query) => this.ask((store) => store.revision(query))
  auditHead: ServiceStore['auditHead'] = () =>
    this.ask((store) => store.auditHead(), { isSynced: false })

  /**
   * Makes a change by the protocol of the phase.
   *
   * @param name default one of its own
   * @throws FfError `mirror_behind` as `UnsettledChange`, `outcome_unknown`, `idempotency_key_reused`, `phase_refused`,
   *   `backing_unavailable`, or as the side that refused it
   */
  async write(
    request: Parameters<ServiceStore['write']>[0],
    name?: WriteName,
  ): Promise<WriteResult> {
    const operation = { call: 'write', request, name: name ?? makeName() } as const
    const result = (await this.submit(operation)) as WriteResult
    // Before it is acknowledged: an evaluation after that shows it, also where the database is away.
    if (result.ok && result.unchanged !== true) {
      const { lastKnown, reader, channel } = this.parts.database
      const { row, head } = result
      lastKnown?.put(request.table, row, head.seq)
      reader?.changed(request.table, getRowKey(row), head.seq)
      channel?.written(head.seq)
    }
    return result
  }
  async refuse(request: Parameters<ServiceStore['refuse']>[0]): Promise<RefusalResult> {
    const result = await this.submit({ call: 'refuse', request, name: makeName() })
    return result as RefusalResult
  }
  async announce(request: Parameters<ServiceStore['announce']>[0]): Promise<AnnouncementResult> {
    const result = await this.submit({ call: 'announce', request, name: makeName() })
    return result as AnnouncementResult
  }

  /** @throws FfError of the reason why the instance writes nothing */
  async requireWritable(): Promise<void> {
    const { refusal } = this.assess()
    if (refusal !== null && refusal !== 'not_writer') throw makeRefusal(refusal)
    if (this.authority === 'file') await this.parts.file()?.requireWritable()
  }

  /** What was opened is closed by its opener. */
  close(): Promise<void> {
    return Promise.resolve()
  }

  /** A reader for the decisions of one request, which marks what it reads as stale where the protocol says so. */
  openReader(): DecisionReader {
    return new ManagedReader(this)
  }

  /** Both sides, where the phase compares their decisions; else null. */
  shadowSides(): { readonly authority: FlagReader; readonly other: FlagReader } | null {
    const { record } = this.parts.instance
    const { database } = this.parts
    const file = this.parts.file()
    if (record === null || file === null) return null
    const { authority, compares } = PHASE_RULES[record.phase]
    if (!compares.includes('decisions')) return null
    const db = database.reader ?? database.store
    return authority === 'file' ? { authority: file, other: db } : { authority: db, other: file }
  }

  /** What the instance holds and may do now; null before it has read a record. */
  view(): WriteView | null {
    const { instance } = this.parts
    const { record } = instance
    if (record === null) return null
    return { record, refusal: this.assess().refusal, server: instance.state.server }
  }

  /** Notes how far this process has applied the file, and where a writer has first compared it; null as before. */
  noteFile(seq: number, compared: number | null): void {
    this.fileSeq = seq
    this.compared = compared ?? this.compared
  }

  status(): CutoverStatus {
    const { instance, onFileHost, held } = this.parts
    const { record } = instance
    const { stale, refusal } = this.assess()
    const writer = held()?.loop.status() ?? null
    const own = writer === null ? 'follower' : 'writer'
    return {
      phase: record?.phase ?? null,
      epoch: record?.epoch ?? null,
      role: onFileHost ? own : 'remote',
      lease_age_ms: instance.leaseAge(this.authority),
      reason: findReason(refusal, writer),
      stale,
      mirror: record === null || writer === null ? null : findLag(record, writer),
    }
  }

  /** The status, with what was counted so far. */
  metrics(): CutoverReadings {
    const { phase, epoch, role, mirror } = this.status()
    const { record, failures: renewals_failed } = this.parts.instance
    const drill = record !== null && record.drillEndsAt !== null
    return { phase, epoch, role, drill, mirror, writes: this.answers, renewals_failed }
  }

  /** The side that decides in the phase; the file before the instance has read a record. */
  get authority(): CutoverSide {
    const { record } = this.parts.instance
    return record === null ? 'file' : PHASE_RULES[record.phase].authority
  }

  /** The server of this instance's lease, from which alone decisions are read; null where the file decides. */
  get leaseServer(): string | null {
    return this.authority === 'database' ? this.parts.instance.state.server : null
  }

  /** The reader of a side for one request. @throws FfError `phase_refused` on another host than the file's */
  openSide(side: CutoverSide): DecisionReader {
    const { database } = this.parts
    if (side === 'file') return this.requireFile()
    return createDecisionReader(database.reader ?? database.store, database.lastKnown)
  }

  /**
   * How old the rows of a side are that were just read: null where they are as new as they have to be.
   *
   * @throws FfError `backing_unavailable` where they are older than stale rows may be
   */
  async findStaleAge(side: CutoverSide): Promise<number | null> {
    const { instance, staleMaxMs } = this.parts
    const file = this.parts.file()
    if (side === 'file' && file !== null) this.fileSeq = (await file.auditHead()).seq
    const { stale, refusal } = this.assess()
    if (!stale) {
      this.noteSeen(side, side === 'file' ? this.fileSeq : instance.databaseSeq)
      return null
    }
    const age = instance.leaseAge(side)
    if (age === null || age >= staleMaxMs) throw makeRefusal(refusal ?? 'lease_over')
    return Math.round(age)
  }

  private assess(): ReturnType<InstanceLoop['assess']> {
    const { instance, held } = this.parts
    const { record } = instance
    const writes = record !== null && (held()?.loop.mayWrite(record) ?? false)
    return instance.assess({ writes, behind: record !== null && this.isBehind(record) })
  }

  private isBehind({ phase, database }: PhaseRecord): boolean {
    const { authority, second } = PHASE_RULES[phase]
    const seen = Math.max(this.seen.get(FILE) ?? 0, this.seen.get(database) ?? 0)
    if (authority === 'database') return this.parts.instance.databaseSeq < seen
    // It serves nothing in this phase.
    if (!this.parts.onFileHost) return false
    const compared = second === null ? 0 : (this.compared ?? Infinity)
    return this.fileSeq < Math.max(seen, compared)
  }

  private noteSeen(side: CutoverSide, seq: number): void {
    const place = side === 'file' ? FILE : (this.parts.instance.record?.database ?? null)
    this.seen.set(place, Math.max(this.seen.get(place) ?? 0, seq))
  }

  /**
   * Reads the side that decides, and refuses what may be out of date.
   *
   * @param options.isSynced whether it shows all that any instance has acknowledged before
   */
  private async ask<T>(
    read: (store: Omit<ServiceStore, 'write' | 'refuse' | 'announce'>) => Promise<T>,
    { isSynced } = { isSynced: true },
  ): Promise<T> {
    for (;;) {
      const side = this.authority
      if (side === 'file' && isSynced) await this.requireFile().sync()
      const answer = await read(side === 'file' ? this.requireFile() : this.parts.database.store)
      const age = await this.findStaleAge(side)
      if (side !== this.authority) continue
      if (age !== null) throw makeRefusal(this.assess().refusal ?? 'lease_over')
      return answer
    }
  }

  private async submit(operation: NamedOperation): Promise<CarriedOut['result']> {
    const carried = await this.carry(operation).catch((error: unknown) => {
      // Of the side that refused it: nothing was written.
      this.answers.refused += 1
      throw error
    })
    const { result, answer } = carried
    this.answers[answer.status] += 1
    if (result?.ok === false) return result
    if (answer.status !== 'acknowledged' || result === null) throw makeAnswerError(carried)
    this.noteSeen(this.authority, result.head.seq)
    if (this.authority === 'file') this.fileSeq = Math.max(this.fileSeq, result.head.seq)
    return result
  }

  private async carry(operation: NamedOperation): Promise<CarriedOut> {
    const { runner } = this.parts
    if (this.authority === 'database') {
      const carried = await runner.run(operation)
      if (carried !== null) return carried
    }
    return this.requireFile().submit(operation)
  }

  /** @throws FfError `phase_refused` on another host than the file's, `backing_unavailable` while it is being opened */
  private requireFile(): ManagedFileStore {
    const { file, onFileHost } = this.parts
    const open = file()
    if (open === null) throw makeRefusal(onFileHost ? 'switching' : 'not_on_file_host')
    return open
  }
}

/** The file among the places where records were seen; a database is its identity. */
const FILE = 'file'

/** A follower hands its writes over: that it is not the writer itself is no reason. */
const findReason = (
  refusal: NotWritable | null,
  writer: WriterStatus | null,
): CutoverStatus['reason'] => {
  if (writer?.forked === true) return 'chains_forked'
  return refusal === 'not_writer' && writer === null ? null : refusal
}

const findLag = (
  { phase }: PhaseRecord,
  { heads, behindForMs }: WriterStatus,
): CutoverStatus['mirror'] =>
  heads === null || PHASE_RULES[phase].second === null
    ? null
    : {
        lag_seq: Math.abs(heads.file.seq - heads.database.seq),
        lag_seconds: behindForMs / 1_000,
      }

const makeName = (): WriteName => ({ op_id: randomUUID(), request_digest: null })

/** The decisions of one request: of the side that decides when they are read, and marked where the protocol says so. */
class ManagedReader implements DecisionReader {
  private readonly store: ManagedStore
  private readonly readers = new Map<CutoverSide, DecisionReader>()
  /** The side that answered last. */
  kind: DecisionReader['kind']

  constructor(store: ManagedStore) {
    this.store = store
    this.kind = store.kind
  }

  read: DecisionReader['read'] = async (query) => {
    const [rows, age] = await this.ask((reader) => reader.read(query))
    return mark(rows, age)
  }
  readMany: DecisionReader['readMany'] = async (query) => {
    const [sets, age] = await this.ask((reader) => reader.readMany(query))
    return sets.map((rows) => mark(rows, age))
  }
  page: DecisionReader['page'] = async (query) =>
    (await this.ask((reader) => reader.page(query)))[0]

  /** Reads anew where another side decides meanwhile. */
  private async ask<T>(
    read: (reader: DecisionReader) => Promise<T>,
  ): Promise<readonly [answer: T, age: number | null]> {
    for (;;) {
      const side = this.store.authority
      const reader = this.readers.get(side) ?? this.store.openSide(side)
      this.readers.set(side, reader)
      const answer = await read(reader)
      const age = await this.store.findStaleAge(side)
      if (side !== this.store.authority) continue
      this.kind = reader.kind
      return [answer, age]
    }
  }
}

const mark = (rows: RowsOfFlag, age_ms: number | null): RowsOfFlag =>
  age_ms === null || rows.stale !== undefined ? rows : { ...rows, stale: { age_ms, unread: false } }
