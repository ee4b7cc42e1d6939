import { constants } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditChainHead, type AuditRecord, serializeRecord } from '../../core/audit/record.ts'
import { type JsonNode, parseLosslessJson } from '../../core/json/read.ts'
import { getMember } from '../../core/row-format/row-line.ts'
import { type AnyRow, getRowKey, serializeRow, type TableName } from '../../core/rows/rows.ts'
import { readFileLines, sealLogLine, unsealLogLine } from './lines.ts'
import { syncFolder } from '../../files/replace-file.ts'
import { parseNumber, StoreDamage } from './snapshot.ts'

const { O_CREAT, O_RDWR } = constants
const SEGMENT = /^log-(\d{20})\.ndjson$/
/** The file name of the segment that starts with this record: `log-`, 20 digits, `.ndjson`. */
export const formatSegmentName = (firstSeq: number): string =>
  `log-${String(firstSeq).padStart(20, '0')}.ndjson`

/** One log line: a change together with its audit record, so that neither exists without the other. */
export interface LogEntry {
  readonly epoch: number
  readonly op_id: string
  readonly changes: readonly { readonly table: TableName; readonly row: AnyRow }[]
  readonly record: AuditRecord
}

/** Formats a change and its audit record as a sealed line with newline; the line has the number of the record. */
export function formatLogLine({ epoch, op_id, changes, record }: LogEntry): string {
  const rows = changes.map(
    ({ table, row }) =>
      `{"key":${JSON.stringify(getRowKey(row))},"row":${serializeRow(row)},"table":"${table}"}`,
  )
  const { seq } = record
  return sealLogLine(
    `{"audit":${serializeRecord(record)},"changes":[${rows.join(',')}],"epoch":${epoch},"op_id":${JSON.stringify(op_id)},"seq":${seq}}`,
  )
}

/** The end of the log after a replay; a writer continues there. */
export interface LogTail {
  readonly head: AuditChainHead
  /** File name of the last segment; null if nothing was written since the snapshot. */
  readonly segment: string | null
  /** Length of that segment up to its last whole line, in bytes. */
  readonly size: number
}

/** The rows that one log line changes (none at the start of a segment), and the end of the log behind it. */
export interface ReplayedLine {
  readonly changes: readonly JsonNode[]
  readonly tail: LogTail
}

/**
 * Yields the lines of every segment that starts after the record `from`, each with its changed rows and the end of the
 * log behind it; before each segment an entry without changes. Leaves out a torn last line: its write was never
 * acknowledged.
 *
 * @throws StoreDamage at a line that is not as it was written, a gap in the numbers, or a break of the audit chain;
 *   LineTooLong; the system's error
 */
export async function* replayLog(
  folder: string,
  from: AuditChainHead,
): AsyncGenerator<ReplayedLine> {
  let head = from
  const segments = await listSegmentsAfter(folder, from.seq)
  for (const [at, segment] of segments.entries()) {
    const last = at === segments.length - 1
    yield { changes: [], tail: { head, segment, size: 0 } }
    for await (const line of readFileLines(join(folder, segment))) {
      const json = line.ended ? unsealLogLine(line.bytes) : null
      if (json === null && !line.ended && last && !isWholeExceptNewline(line.bytes)) break
      if (json === null)
        throw new StoreDamage(
          `the line of ${segment} at byte ${line.offset} does not match its checksum`,
        )
      const read = readEntry(json, head, `the line of ${segment} at byte ${line.offset}`)
      head = read.head
      const size = line.offset + line.bytes.length + 1
      yield { changes: read.changes, tail: { head, segment, size } }
    }
  }
}

/** True if the checksum of a line matches without its last byte: the line was acknowledged, then its newline changed. */
export const isWholeExceptNewline = (bytes: Buffer): boolean =>
  unsealLogLine(bytes.subarray(0, -1)) !== null

/**
 * Lists the segments of the log, oldest first, each with the number of its first line; empty if there is none.
 *
 * @throws the system's error for the folder
 */
export async function listSegments(
  folder: string,
): Promise<readonly { readonly name: string; readonly first: number }[]> {
  const names = (await readdir(folder)).filter((name) => SEGMENT.test(name)).sort()
  return names.map((name) => ({ name, first: Number(SEGMENT.exec(name)?.[1]) }))
}

async function listSegmentsAfter(folder: string, seq: number): Promise<readonly string[]> {
  const all = await listSegments(folder)
  return all.filter(({ first }) => first > seq).map(({ name }) => name)
}

function readEntry(
  json: string,
  head: AuditChainHead,
  where: string,
): { readonly changes: readonly JsonNode[]; readonly head: AuditChainHead } {
  const read = parseLosslessJson(json)
  if (!read.ok) throw new StoreDamage(`${where} is not JSON`)
  const seq = parseNumber(getMember(read.node, 'seq'))
  const audit = getMember(read.node, 'audit') ?? null
  const [prev, hash] = [getMember(audit, 'prev_hash'), getMember(audit, 'hash')]
  if (seq !== head.seq + 1)
    throw new StoreDamage(`${where} has number ${seq}, expected ${head.seq + 1}`)
  if (prev !== head.hash || typeof hash !== 'string')
    throw new StoreDamage(`${where} does not continue the audit chain`)
  const changes = getMember(read.node, 'changes')
  if (!Array.isArray(changes)) throw new StoreDamage(`${where} has no changes`)
  return { changes: changes as readonly JsonNode[], head: { seq, hash } }
}

/** The error of a full disk, where the system has not reported it yet: it does so only after a short write. */
export const diskFullError = (): Error =>
  Object.assign(new Error('no space is left'), { code: 'ENOSPC', syscall: 'write' })

/** Appends batches of lines to a segment; with `durable`, each batch is on the disk before `append` resolves. */
export class LogWriter {
  private readonly folder: string
  private readonly durable: boolean
  private file: FileHandle | null = null
  private segment: string | null
  private size: number

  constructor(folder: string, tail: LogTail, durable: boolean) {
    this.folder = folder
    this.durable = durable
    this.segment = tail.segment
    this.size = tail.size
  }

  /**
   * Writes lines behind the last acknowledged one, and creates the segment if there is none.
   *
   * @param firstSeq number of the first line, which names a new segment
   * @throws the system's error (`ENOSPC` for a short write), after cutting the segment back to the acknowledged lines;
   *   if that fails too, that error, and the next replay finds a torn last line
   */
  async append(text: string, firstSeq: number): Promise<void> {
    const file = (this.file ??= await this.openSegment(firstSeq))
    const bytes = Buffer.from(text, 'utf8')
    try {
      await file.write(bytes, 0, bytes.length, this.size).then(({ bytesWritten }) => {
        if (bytesWritten < bytes.length) throw diskFullError()
      })
      if (this.durable) await file.datasync()
    } catch (error) {
      await file.truncate(this.size)
      throw error
    }
    this.size += bytes.length
  }

  /** Closes the segment, after a compaction; the next `append` starts a new one. @throws the system's error */
  async rotate(): Promise<void> {
    await this.close()
    this.segment = null
    this.size = 0
  }

  /** Closes the segment if it is open; a later `append` opens it again. @throws the system's error */
  async close(): Promise<void> {
    const { file } = this
    this.file = null
    await file?.close()
  }

  private async openSegment(firstSeq: number): Promise<FileHandle> {
    const segment = this.segment ?? formatSegmentName(firstSeq)
    // Without O_EXCL: a failed write or a torn first line may have left a file without a whole line.
    const file = await open(join(this.folder, segment), O_RDWR | O_CREAT, 0o600)
    try {
      await file.truncate(this.size)
      if (this.durable) await syncFolder(this.folder)
    } catch (error) {
      await file.close()
      throw error
    }
    this.segment = segment
    return file
  }
}
