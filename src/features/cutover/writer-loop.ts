import { Bell } from '../../concurrency/bell.ts'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type { ChainHeads } from '../../core/cutover/heads.ts'
import { type DrillWatch, isDrillOver, watchDrill } from '../../core/cutover/drill.ts'
import { PHASE_RULES } from '../../core/cutover/phases.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import {
  IDLE_WRITER,
  mayWriteFile,
  type MirrorWriter,
  stepWriter,
  type WriterEffect,
  type WriterView,
} from '../../core/cutover/writer.ts'
import type { CutoverDatabase, CutoverFile, DatabaseLook, FileWriter } from '../../ports/cutover.ts'

/** Between two looks where nothing wakes the loop. */
const LOOK_MS = 100
/** As that, at a database that is not needed yet. */
const LOOK_ALONE_MS = 1_000
/** Changes in one copy, of at most 4 MiB. */
const BATCH = 500

export interface WriterLoopParts {
  readonly writer: FileWriter
  readonly file: CutoverFile
  readonly database: CutoverDatabase
  /** A monotonic clock in milliseconds. */
  readonly now: () => number
  /** Told of each look or effect that failed; the loop goes on. */
  readonly failed: (place: 'file' | 'database', error: unknown) => void
  /** Told once when the two chains turn out to be forked, and nothing is copied any more. */
  readonly halted: (heads: ChainHeads) => void
  /** Told at each look while the way back of a drill is due. */
  readonly drillOver: () => void
}

/** What a writer knows of the two sides. */
export interface WriterStatus {
  /** Both chains go on differently: nothing is written until an operator names the side that is right. */
  readonly forked: boolean
  /** Heads when it looked last; null before it has reached the database. */
  readonly heads: ChainHeads | null
  /** How long the two heads have differed; 0 where they do not. */
  readonly behindForMs: number
  /** The head at which it has first compared the file with its second side; null before. */
  readonly vouched: number | null
}

/**
 * The work of the process that holds the file's lock, an instance or a command: begins segments, compares the two chains,
 * copies changes, brings the two copies of the record together, and publishes. One effect at a time, then it looks again.
 */
export class WriterLoop {
  /** Rings after each look: something may have been copied or published. */
  readonly looked = new Bell()
  private readonly parts: WriterLoopParts
  private readonly awake = new Bell()
  private state: MirrorWriter
  private known: Omit<WriterStatus, 'behindForMs'> = { forked: false, heads: null, vouched: null }
  private behindSince: number | null = null
  private lookedAt = -Infinity
  private drill: DrillWatch | null = null
  private closed = false
  private running: Promise<void> = Promise.resolve()

  constructor(parts: WriterLoopParts) {
    this.parts = parts
    this.state = { ...IDLE_WRITER, term: parts.writer.term }
  }

  start(): void {
    this.running = this.run()
  }

  /** Has it look at once: something was written. */
  wake(): void {
    this.awake.ring()
  }

  /** Whether the database is known to have record `seq`. */
  hasCopied(seq: number): boolean {
    return this.state.copied >= seq
  }

  /** Has it look at once, and resolves after a look, or when it takes long. */
  async lookAgain(): Promise<void> {
    this.wake()
    await this.looked.wait(LOOK_MS)
  }

  /** Whether this process may write to the file under the record. */
  mayWrite(record: PhaseRecord): boolean {
    return !this.closed && mayWriteFile(this.state, record)
  }

  status(): WriterStatus {
    const { behindSince } = this
    return { ...this.known, behindForMs: behindSince === null ? 0 : this.parts.now() - behindSince }
  }

  /** Ends after the effect that is under way. */
  async close(): Promise<void> {
    this.closed = true
    this.awake.ring()
    await this.running
    this.looked.ring()
  }

  private async run(): Promise<void> {
    while (!this.closed) {
      const isDone = await this.turn()
      if (!isDone) await this.awake.wait(LOOK_MS)
    }
  }

  /** Looks, and carries out one effect. @returns whether to look again at once */
  private async turn(): Promise<boolean> {
    let view: WriterView | null
    try {
      view = await this.look()
    } catch (error) {
      this.parts.failed('file', error)
      return false
    }
    if (view === null) return true
    const [state, effect] = stepWriter(this.state, view)
    this.state = state
    this.looked.ring()
    this.note(view, effect)
    if (isDrillOver(this.drill, this.parts.now())) this.parts.drillOver()
    if (effect === null) return false
    try {
      return await this.carryOut(effect)
    } catch (error) {
      this.parts.failed(DATABASE_EFFECTS.has(toPlace(effect)) ? 'database' : 'file', error)
      return false
    }
  }

  /**
   * Null where a command has published a record meanwhile: the file's would be from before it, and the database's from after,
   * as in a database that this file does not know.
   */
  private async look(): Promise<WriterView | null> {
    const { file, writer } = this.parts
    const { record, intent } = await file.read()
    const before = await writer.head()
    const look = this.needsDatabase(record) ? await this.lookAtDatabase(before.seq) : null
    const clocks = { databaseMs: look?.now ?? null, at: this.parts.now() }
    this.drill = watchDrill(this.drill, record, clocks)
    if (look !== null && (await file.read()).record.epoch !== record.epoch) return null
    const heads = look === null ? null : await this.pairHeads(before, look)
    const head = heads?.file ?? before
    const { epoch, term } = writer
    return {
      lock: 'mine',
      record,
      intent,
      segment: { epoch, term, follows: head },
      head,
      database: look === null || heads === null ? null : toDatabaseView(look, heads),
    }
  }

  /** The database is asked rarely where the file is alone, so that one which hangs does not keep the file from being written. */
  private needsDatabase(record: PhaseRecord): boolean {
    const { authority, second } = PHASE_RULES[record.phase]
    if (authority === 'database' || second !== null) return true
    const at = this.parts.now()
    if (!mayWriteFile(this.state, record) || at - this.lookedAt < LOOK_ALONE_MS) return false
    this.lookedAt = at
    return true
  }

  private async lookAtDatabase(seq: number): Promise<DatabaseLook | null> {
    try {
      return await this.parts.database.look(seq)
    } catch (error) {
      this.parts.failed('database', error)
      return null
    }
  }

  /** The file is read again where it may have grown since: the head of the second side is read first. */
  private async pairHeads(before: AuditChainHead, look: DatabaseLook): Promise<ChainHeads> {
    const { writer } = this.parts
    const { head: database, hash } = look
    if (database.seq > before.seq) return { file: before, database, common: hash }
    const common = await writer.hashAt(database.seq)
    return { file: await writer.head(), database, common }
  }

  private note({ database, head }: WriterView, effect: WriterEffect | null): void {
    if (database === null) return
    const { heads } = database
    const isForked = effect?.do === 'halt'
    if (isForked && !this.known.forked) this.parts.halted(heads)
    const isEven = heads.file.seq === heads.database.seq
    const lacksNothing = this.state.compared !== null && heads.file.seq >= heads.database.seq
    this.behindSince = isEven ? null : (this.behindSince ?? this.parts.now())
    this.known = {
      forked: isForked,
      heads,
      vouched: this.known.vouched ?? (lacksNothing ? head.seq : null),
    }
  }

  /** @returns whether it took place */
  private async carryOut(effect: WriterEffect): Promise<boolean> {
    const { writer, file, database } = this.parts
    switch (effect.do) {
      case 'take_file_lock':
        throw new Error('the writer holds the lock of the file')
      case 'begin_segment':
        await writer.startEpoch(effect.segment.epoch)
        this.state = { ...this.state, term: writer.term }
        return true
      case 'write_record': {
        const side = effect.side === 'file' ? file : database
        return side.writeRecord(effect.record, effect.over)
      }
      case 'close_database':
        return database.close(effect.identity)
      case 'copy': {
        const { after, epoch } = effect
        if (effect.side === 'file')
          return writer.append(after, await database.changes(after, BATCH))
        return database.append(after, await writer.changes(after, BATCH), epoch)
      }
      case 'publish':
        return database.publish(effect.publication)
      case 'halt':
        return false
    }
  }
}

/** What an effect needs: an error of it is one of that place. */
const toPlace = (effect: WriterEffect): string =>
  'side' in effect ? `${effect.do}/${effect.side}` : effect.do
const DATABASE_EFFECTS: ReadonlySet<string> = new Set([
  'write_record/database',
  'copy/database',
  'copy/file',
  'close_database',
  'publish',
])

const toDatabaseView = (look: DatabaseLook, heads: ChainHeads): WriterView['database'] => {
  const { server, identity, record, publication, instances } = look
  const counters = Object.fromEntries(
    instances.filter(({ place }) => place === 'database').map(({ id, counter }) => [id, counter]),
  )
  return { server, identity, record, heads, publication, counters }
}
