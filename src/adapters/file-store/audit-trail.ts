import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAuditRecord } from '../../core/audit/read-record.ts'
import type { AuditChainHead, AuditRecord } from '../../core/audit/record.ts'
import { parseLosslessJson } from '../../core/json/read.ts'
import { getMember } from '../../core/row-format/row-line.ts'
import type { ByteLine } from '../../files/line-splitter.ts'
import type { AuditReading, AuditTrail } from '../../ports/audit.ts'
import { unsealLogLine, readFileLines } from './lines.ts'
import { isTorn } from './log.ts'
import { MarksReader } from './marks-reader.ts'
import { isNewest, listSegments, type Segment } from './segments.ts'
import { StoreDamage, parseNumber, readSnapshotHead, SNAPSHOT } from './snapshot.ts'
import { toStoreError } from './store-error.ts'

/** More than any header has. */
const HEADER_BYTES = 4_096

/**
 * The audit trail of a file store: its log from the first segment on, read while a service may write. Leaves out
 * a line that is being written, because its write is not acknowledged yet.
 */
export class FileTrail implements AuditTrail {
  readonly facts = { target: 'file', backing: 'file', server: null } as const
  private readonly folder: string
  private readonly marks: MarksReader
  /** The record that the last read ended with, and the offset behind its line: a later read continues there. */
  private place: Place | null = null

  private constructor(folder: string) {
    this.folder = folder
    this.marks = new MarksReader(folder)
  }

  /**
   * Opens the trail of a folder; reads the header of its snapshot only, takes no lock.
   *
   * @throws FfError `target_unreachable` for a missing folder, `store_corrupt` for a bad header, or another of
   *   `toStoreError`
   */
  static async open(folder: string): Promise<FileTrail> {
    await readChainHead(folder)
    return new FileTrail(folder)
  }

  /**
   * Runs `use` on the records after a number and returns its result. `said` is the head in the snapshot, which the
   * chain passes. A damaged line yields null, also one before `after` in the segment where the read starts.
   *
   * @throws FfError of `toStoreError`, for the snapshot at once and for the log during the iteration
   */
  async read<T>(after: number, use: (reading: AuditReading) => Promise<T>): Promise<T> {
    // Before the log: by then the log contains every record that the snapshot includes.
    const head = await readChainHead(this.folder)
    // Marks that are damaged concern a reading that asks for them alone.
    const marks = await this.marks.read().catch((error: unknown) => ({
      status: (): never => {
        throw toStoreError(error, this.folder)
      },
    }))
    return use({
      said: { head, as: 'passed' },
      records: this.readRecords(after),
      sinkStatus: (seq) => marks.status(seq),
      sinkPlace: () => null,
    })
  }

  /** Does nothing: no file stays open between reads. */
  close(): Promise<void> {
    return Promise.resolve()
  }

  private async *readRecords(after: number): AsyncGenerator<AuditRecord | null> {
    try {
      for await (const { record, name, end } of this.readLinesAfter(after)) {
        if (record !== null) this.place = { seq: record.seq, name, end }
        if (record === null || record.seq > after) yield record
      }
    } catch (error) {
      throw toStoreError(error, this.folder)
    }
  }

  /** Continues where a read ended with this record; otherwise starts with the segment that contains the next record. */
  private async *readLinesAfter(after: number): AsyncGenerator<TrailLine> {
    const segments = await listSegments(this.folder)
    const place = this.place?.seq === after ? this.place : null
    const from = segments.findLastIndex(({ name, first }) =>
      place === null ? first <= after : name === place.name,
    )
    for (const segment of segments.slice(Math.max(0, from)))
      yield* readSegment(this.folder, segment, segment.name === place?.name ? place : null)
  }
}

/** Yields the lines of a segment that are part of the log, behind a place in it; null begins at the first. */
async function* readSegment(
  folder: string,
  segment: Segment,
  place: Place | null,
): AsyncGenerator<TrailLine> {
  const { name, last } = segment
  if (place !== null && place.seq >= last) return
  for await (const line of readFileLines(join(folder, name), place?.end ?? 0)) {
    if (isNewest(segment) && isTorn(line)) return
    const record = toRecord(line)
    // What stands behind the record that the next segment follows was written late.
    if (record !== null && record.seq > last) return
    yield { record, name, end: line.offset + line.bytes.length + 1 }
    if (record?.seq === last) return
  }
}

/** A record of the log, with the file name of its segment and the byte offset behind its newline. */
interface Place {
  readonly seq: number
  readonly name: string
  readonly end: number
}
interface TrailLine {
  readonly record: AuditRecord | null
  /** The file name of its segment, and the byte offset behind its newline. */
  readonly name: string
  readonly end: number
}

/** Null if the line is not as it was written, or if its record has another number than the line. */
function toRecord({ bytes, ended }: ByteLine): AuditRecord | null {
  const json = ended ? unsealLogLine(bytes) : null
  const read = json === null ? null : parseLosslessJson(json)
  if (read?.ok !== true) return null
  const record = parseAuditRecord(getMember(read.node, 'audit') ?? null)
  return record?.seq === parseNumber(getMember(read.node, 'seq')) ? record : null
}

async function readChainHead(folder: string): Promise<AuditChainHead> {
  try {
    const file = await open(join(folder, SNAPSHOT))
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
      const end = buffer.subarray(0, bytesRead).indexOf('\n')
      if (end < 0) throw new StoreDamage(`the first line of ${SNAPSHOT} is not a header`)
      return readSnapshotHead(buffer.toString('utf8', 0, end)).head
    } finally {
      await file.close()
    }
  } catch (error) {
    throw toStoreError(error, folder)
  }
}
