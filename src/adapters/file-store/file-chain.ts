import { join } from 'node:path'
import { parseAuditRecord } from '../../core/audit/read-record.ts'
import { type AuditChainHead, EMPTY_HEAD } from '../../core/audit/record.ts'
import { isJsonArray, type JsonNode, parseLosslessJson } from '../../core/json/read.ts'
import { getMember, parseRowLine } from '../../core/row-format/row-line.ts'
import { decodeRow } from '../../core/rows/decode-row.ts'
import type { AnyRow, RowOrBroken, TableName } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { ChainReader, CopiedChange, SideContent, WriteName } from '../../ports/cutover.ts'
import type { RowBatch, RowSource } from '../../ports/rows.ts'
import { continuesChain } from '../store-files/seal-audit.ts'
import { refuseUnfitRow } from '../store-files/unfit-rows.ts'
import { readFileLines, unsealLogLine } from './lines.ts'
import { parseNumberOf } from './log-history.ts'
import { RecentChanges } from './recent-changes.ts'
import { openFileRows } from './row-source.ts'
import { listSegments, type Segment } from './segments.ts'
import { parseStoredRow, StoreDamage } from './snapshot.ts'
import { toStoreError } from './store-error.ts'

/** Most of one answer of `changes`, in bytes of lines. */
const MOST_BYTES = 4_194_304
/** Of a batch of `content`. */
const BATCH = { changes: 500, bytes: 1_048_576 } as const

type StoredRow = CopiedChange['rows'][number]
/** A record that was read, and where the next line begins. */
interface Place {
  readonly head: AuditChainHead
  readonly segment: string
  readonly end: number
}
interface ReadChange {
  readonly change: CopiedChange
  readonly bytes: number
  readonly place: Place
}

/** The chain of a file store: its last changes from memory where the writer keeps them, earlier ones from its log. */
export class FileChain implements ChainReader {
  private readonly folder: string
  private readonly findHead: () => AuditChainHead | Promise<AuditChainHead>
  private readonly recent: RecentChanges
  /** Where the last read ended: the next one mostly continues there. */
  private place: Place | null = null
  /** A record that was looked up: mostly the same one is asked for again. */
  private known: AuditChainHead = EMPTY_HEAD

  /** @param findHead the last durable record; what the log holds behind it is left out */
  constructor(
    folder: string,
    findHead: () => AuditChainHead | Promise<AuditChainHead>,
    recent = new RecentChanges(),
  ) {
    this.folder = folder
    this.findHead = findHead
    this.recent = recent
  }

  head = async (): Promise<AuditChainHead> => this.findHead()

  /** As the port says. @throws FfError of `toStoreError` */
  async hashAt(seq: number): Promise<string | null> {
    const head = await this.findHead()
    if (seq === 0) return EMPTY_HEAD.hash
    if (seq > head.seq) return null
    const near = [head, this.known, this.place?.head].find((one) => one?.seq === seq)
    const hash =
      near?.hash ??
      this.recent.list(seq, 1, MOST_BYTES)[0]?.record.hash ??
      (await this.readHash(seq))
    if (hash !== null) this.known = { seq, hash }
    return hash
  }

  /**
   * As the port says.
   *
   * @throws FfError `chains_forked` where `after` is not in the chain, `store_corrupt` where a record behind it is not kept
   *   or was changed, `row_refused` for a row that breaks its schema, or another of `toStoreError`
   */
  async changes(after: AuditChainHead, limit: number): Promise<readonly CopiedChange[]> {
    const head = await this.findHead()
    if ((await this.hashAt(after.seq)) !== after.hash) throw forkedError(this.folder, after)
    if (after.seq === head.seq) return []
    const recent = this.recent.list(after.seq + 1, limit, MOST_BYTES)
    return recent.length > 0 ? recent : this.readSome({ from: after.seq + 1, to: head.seq }, limit)
  }

  /** The change of record `seq`, which has to be in the chain. @throws FfError as `changes` */
  async readChange(seq: number): Promise<CopiedChange> {
    const [read] = this.recent.list(seq, 1, MOST_BYTES)
    return read ?? ((await this.readSome({ from: seq, to: seq }, 1))[0] as CopiedChange)
  }

  /**
   * As the port says; records come from the log and rows from the snapshot, both as they are read. `rows` holds a file open
   * until it is read or returned.
   *
   * @throws FfError `store_corrupt` where the log lacks the first records, as that of a store made from another one does;
   *   `row_refused`, or another of `toStoreError`
   */
  async content(): Promise<SideContent> {
    const { seq } = await this.findHead()
    const source = await openFileRows(this.folder, seq)
    const { head } = source
    const rows = streamRows(source)
    // It has begun, so that its end closes the file whether any row is read or not.
    await rows.next()
    return { head, rows, records: this.stream(head.seq) }
  }

  private async readSome(
    range: { readonly from: number; readonly to: number },
    limit: number,
  ): Promise<readonly CopiedChange[]> {
    const found: CopiedChange[] = []
    let bytes = 0
    for await (const read of this.read(range)) {
      bytes += read.bytes
      if (found.length > 0 && bytes > MOST_BYTES) break
      found.push(read.change)
      this.place = read.place
      if (found.length === limit) break
    }
    return found
  }

  private async *stream(to: number): AsyncGenerator<readonly CopiedChange[]> {
    let [batch, bytes]: [CopiedChange[], number] = [[], 0]
    for await (const read of this.read({ from: 1, to })) {
      batch.push(read.change)
      bytes += read.bytes
      if (batch.length < BATCH.changes && bytes < BATCH.bytes) continue
      yield batch
      ;[batch, bytes] = [[], 0]
    }
    if (batch.length > 0) yield batch
  }

  /** Null for a record before the first one that is kept. */
  private async readHash(seq: number): Promise<string | null> {
    const segments = await listSegments(this.folder)
    if ((segments[0]?.first ?? seq + 1) > seq)
      return segments[0]?.first === seq + 1 ? segments[0].hash : null
    return (
      segments.find(({ first }) => first === seq + 1)?.hash ??
      (await this.readChange(seq)).record.hash
    )
  }

  /** Yields each record of a range, which has to be in the chain, in order. */
  private async *read(range: {
    readonly from: number
    readonly to: number
  }): AsyncGenerator<ReadChange> {
    try {
      let before: AuditChainHead | null = null
      let expected = range.from
      for await (const read of this.readLines(range)) {
        const { seq, prev_hash, hash } = read.change.record
        if (seq !== expected) break
        if (before !== null && prev_hash !== before.hash)
          throw new StoreDamage(`record ${seq} does not continue the audit chain`)
        before = { seq, hash }
        yield read
        expected += 1
      }
      if (expected <= range.to) throw new StoreDamage(`the log has no record ${expected}`)
    } catch (error) {
      throw toStoreError(error, this.folder)
    }
  }

  private async *readLines({
    from,
    to,
  }: {
    readonly from: number
    readonly to: number
  }): AsyncGenerator<ReadChange> {
    const place = this.place?.head.seq === from - 1 ? this.place : null
    const segments = await listSegments(this.folder)
    const start = segments.findLastIndex(({ name, first }) =>
      place === null ? first <= from : name === place.segment,
    )
    for (const segment of segments.slice(Math.max(0, start))) {
      const offset = segment.name === place?.segment ? place.end : 0
      const last = Math.min(segment.last, to)
      if (offset > 0 && from > last) continue
      yield* readSegmentLines(this.folder, { ...segment, last }, { from, offset })
      if (to <= last) return
    }
  }
}

async function* readSegmentLines(
  folder: string,
  { name, last }: Segment,
  { from, offset }: { readonly from: number; readonly offset: number },
): AsyncGenerator<ReadChange> {
  for await (const line of readFileLines(join(folder, name), offset)) {
    const seq = parseNumberOf(line.bytes)
    if (seq !== null && seq < from) continue
    if (seq === null || !line.ended)
      throw new StoreDamage(`${name} is damaged at byte ${line.offset}`)
    const change = parseChange(line.bytes, `the line of ${name} at byte ${line.offset}`)
    const end = line.offset + line.bytes.length + 1
    const { hash } = change.record
    yield { change, bytes: line.bytes.length, place: { head: { seq, hash }, segment: name, end } }
    if (seq >= last) return
  }
}

/** @throws StoreDamage for a line that is not as it was written; FfError `row_refused` for a row that breaks its schema */
function parseChange(bytes: Buffer, where: string): CopiedChange {
  const json = unsealLogLine(bytes)
  const read = json === null ? null : parseLosslessJson(json)
  if (read?.ok !== true) throw new StoreDamage(`${where} does not match its checksum`)
  const record = parseAuditRecord(getMember(read.node, 'audit') ?? null)
  const changes = getMember(read.node, 'changes') ?? null
  if (record === null || typeof changes !== 'object' || changes === null || !isJsonArray(changes))
    throw new StoreDamage(`${where} has no audit record`)
  return { record, name: parseName(read.node), rows: changes.map(parseChangedRow) }
}

function parseName(entry: JsonNode): WriteName | null {
  const op_id = getMember(entry, 'op_id')
  const digest = getMember(entry, 'request_digest')
  return typeof op_id === 'string'
    ? { op_id, request_digest: typeof digest === 'string' ? digest : null }
    : null
}

function parseChangedRow(node: JsonNode): StoredRow {
  const { table, held } = parseStoredRow(node)
  return toRow(table, held)
}

const toRow = (table: TableName, { row }: RowOrBroken<AnyRow>): StoredRow => ({
  table,
  row: row ?? refuseUnfitRow(table),
})

/** Yields the rows of a source, and closes it. @throws FfError `store_corrupt` where it is not as its digest says */
async function* streamRows(source: RowSource): AsyncGenerator<readonly StoredRow[]> {
  try {
    yield []
    for await (const batch of source.lines()) yield parseBatch(batch)
    const [fault] = source.faults()
    if (fault !== undefined)
      throw new FfError(
        'store_corrupt',
        `The snapshot of a file store is damaged: ${fault.detail}.`,
        {
          hint: 'Restore the folder from its last good copy; ff does not repair a store.',
        },
      )
  } finally {
    await source.close()
  }
}

const parseBatch = ({ table, bytes }: RowBatch): readonly StoredRow[] =>
  bytes
    .toString('utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const read = parseRowLine(line)
      return read === null
        ? refuseUnfitRow(table)
        : toRow(table, decodeRow(table, read.node, 'stored'))
    })

/** Makes the error of a record that does not fit a chain. */
export const forkedError = (folder: string, { seq }: AuditChainHead): FfError =>
  new FfError(
    'chains_forked',
    `The record ${seq} of the other side does not fit the chain of the file store ${folder}.`,
    { hint: 'Compare both sides: `ff cutover reconcile --dry-run`.' },
  )

/**
 * Checks that changes continue a chain one after the other.
 *
 * @throws FfError `chains_forked` where one does not, or has another hash than its content
 */
export function requireContinued(
  folder: string,
  after: AuditChainHead,
  changes: readonly CopiedChange[],
): void {
  let head = after
  for (const { record } of changes) {
    if (!continuesChain(head, record)) throw forkedError(folder, record)
    head = record
  }
}
