import type { AuditChainHead } from '../audit/record.ts'
import { type ChainHeads, compareHeads } from './heads.ts'
import type { MirrorPublication } from './instance.ts'
import { type CutoverSide, PHASE_RULES } from './phases.ts'
import { chooseRecord, type PhaseRecord, type StepIntent, type WriteRecord } from './record.ts'

/** A segment of the file's log: what an older one holds past `follows` is ignored. */
export interface LogSegment {
  readonly epoch: number
  /** Grows with each writer. */
  readonly term: number
  /** The last record before it. */
  readonly follows: AuditChainHead
}

/** What the holder of the file's lock knows: the writer, or a command where there is none. */
export interface MirrorWriter {
  /** Of its own segments; null without the lock. */
  readonly term: number | null
  /** Under which epoch and on which server the heads were compared last; null where they have to be. */
  readonly compared: { readonly epoch: number; readonly server: string | null } | null
  /** The last change that the database is known to have. */
  readonly copied: number
}
export const IDLE_WRITER: MirrorWriter = { term: null, compared: null, copied: 0 }

/** What it finds when it looks, on one connection to the database; the second side's head is read first. */
export interface WriterView {
  /** `abandoned`: the holder's lease beside the file has run out, so that it is frozen. */
  readonly lock: 'mine' | 'free' | 'abandoned' | 'held'
  readonly record: PhaseRecord
  readonly intent: StepIntent | null
  readonly segment: LogSegment
  /** The last durable whole line. */
  readonly head: AuditChainHead
  /** Null where the database does not answer. */
  readonly database: {
    readonly server: string
    readonly identity: string
    readonly record: PhaseRecord | null
    readonly heads: ChainHeads
    readonly publication: MirrorPublication | null
    /** Of the registered instances. */
    readonly counters: Readonly<Record<string, number>>
  } | null
}

export type WriterEffect =
  /** Ends the holder with SIGKILL first where `end` is set. */
  | { readonly do: 'take_file_lock'; readonly end: boolean }
  /** Takes every whole line of the newest segment, fsyncs it and its folder, and makes the new one exclusively. */
  | { readonly do: 'begin_segment'; readonly segment: Pick<LogSegment, 'epoch' | 'term'> }
  | WriteRecord
  /** Closes the record of a database that was left; of no other one that is there meanwhile. */
  | { readonly do: 'close_database'; readonly identity: string }
  /** Appends to `side` what the other side has after `after`, in order, if `after` is the head there. */
  | {
      readonly do: 'copy'
      readonly side: CutoverSide
      readonly after: AuditChainHead
      readonly epoch: number
    }
  | { readonly do: 'publish'; readonly publication: MirrorPublication }
  /** `chains_forked`: everything stops until an operator names the side that is right. */
  | { readonly do: 'halt' }

type WriterStep = readonly [MirrorWriter, WriterEffect | null]

/**
 * The next thing that the writer does, by what it found: it looks again after each effect. Null where there is nothing to
 * do.
 */
export function stepWriter(state: MirrorWriter, view: WriterView): WriterStep {
  const { lock, record, segment } = view
  if (lock !== 'mine')
    return [
      IDLE_WRITER,
      lock === 'held' ? null : { do: 'take_file_lock', end: lock === 'abandoned' },
    ]
  if (state.term !== segment.term || segment.epoch !== record.epoch) {
    const term = state.term ?? segment.term + 1
    return [
      { ...state, term, compared: null },
      { do: 'begin_segment', segment: { epoch: record.epoch, term } },
    ]
  }
  if (view.database === null) return [compareAlone(state, view), null]
  return join(state, view, view.database) ?? follow(state, view, view.database)
}

type DatabaseView = NonNullable<WriterView['database']>

/** In a phase with one side there is nothing to compare. */
const compareAlone = (state: MirrorWriter, { record }: WriterView): MirrorWriter =>
  PHASE_RULES[record.phase].second === null && PHASE_RULES[record.phase].authority === 'file'
    ? { ...state, compared: { epoch: record.epoch, server: null } }
    : state

/** Brings the two copies of the record together; null where they are the same. */
function join(state: MirrorWriter, view: WriterView, database: DatabaseView): WriterStep | null {
  const { record } = view
  const other = database.record
  if (record.database !== database.identity) {
    const left = other !== null && !other.closed
    return [
      compareAlone(state, view),
      left ? { do: 'close_database', identity: database.identity } : null,
    ]
  }
  if (other?.epoch === record.epoch) return null
  const decides = chooseRecord(record, other)
  const side = decides === other ? 'file' : 'database'
  return [state, { do: 'write_record', side, record: decides, over: decides.epoch - 1 }]
}

/** Compares the chains, copies what one side lacks, and publishes. */
function follow(state: MirrorWriter, view: WriterView, database: DatabaseView): WriterStep {
  const { record } = view
  const { authority, second } = PHASE_RULES[record.phase]
  const alone = compareAlone(state, view)
  if (second === null) return [alone, null]
  const { heads, server } = database
  const order = compareHeads(heads)
  if (order === 'forked') return [{ ...state, compared: null }, { do: 'halt' }]
  const copied = Math.min(heads.file.seq, heads.database.seq)
  const side = order === 'file_continues' ? 'database' : 'file'
  const copy = { do: 'copy', side, after: heads[side], epoch: record.epoch } as const
  // What continues the authority fills it up before any write.
  if (order !== 'equal' && side === authority) return [{ ...state, copied, compared: null }, copy]
  const known: MirrorWriter = { ...state, copied, compared: { epoch: record.epoch, server } }
  const told = authority === 'database' ? publish(view, database) : null
  return [known, told ?? (order === 'equal' ? null : copy)]
}

/** The publication of the mirror's head and of new counters, before more is copied; null where it is up to date. */
function publish({ record, head }: WriterView, database: DatabaseView): WriterEffect | null {
  const { server, publication, counters } = database
  const isSame =
    publication?.epoch === record.epoch &&
    publication.server === server &&
    publication.seq === head.seq &&
    Object.entries(counters).every(([id, counter]) => publication.counters[id] === counter)
  if (isSame) return null
  return { do: 'publish', publication: { epoch: record.epoch, server, seq: head.seq, counters } }
}

/** Whether this process may write to the file under the epoch of the record. */
export const mayWriteFile = ({ compared }: MirrorWriter, { epoch }: PhaseRecord): boolean =>
  compared?.epoch === epoch
