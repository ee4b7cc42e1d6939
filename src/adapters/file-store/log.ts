import { constants } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type AuditChainHead, type AuditRecord, serializeRecord } from '../../core/audit/record.ts'
import { type JsonNode, parseLosslessJson } from '../../core/json/read.ts'
import { getMember } from '../../core/row-format/row-line.ts'
import { type AnyRow, getRowKey, serializeRow, type TableName } from '../../core/rows/rows.ts'
import {
  lacksNewline,
  MAX_STORED_LINE_BYTES,
  readFileLines,
  sealLogLine,
  unsealLogLine,
} from './lines.ts'
import { syncFolder } from '../../files/replace-file.ts'
import type { ByteLine } from '../../files/line-splitter.ts'
import { parseNumber, SNAPSHOT, StoreDamage } from './snapshot.ts'

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
  /** Length of all whole lines since the snapshot, in bytes. */
  readonly bytes: number
  /** A torn last line, which a writer cuts off before anything else; null if there is none. */
  readonly torn: TornLine | null
}
/** A segment that ends in a torn line, and its length without that line in bytes. */
export interface TornLine {
  readonly segment: string
  readonly size: number
}

/** The rows that one log line changes (none at the start of a segment), and the end of the log behind it. */
export interface ReplayedLine {
  readonly changes: readonly JsonNode[]
  readonly tail: LogTail
}

/**
 * Yields the lines of every segment that starts after the record `from`, each with its changed rows and the end of the
 * log behind it; before each segment, and behind a torn line, an entry without changes. Leaves out a torn last line:
 * its write was never acknowledged. Checks first that the segment before, which a snapshot includes, ends with `from`.
 *
 * @throws StoreDamage at a line that is not as it was written, a gap in the numbers, or a break of the audit chain;
 * LineTooLong; the system's error
 */
export async function* replayLog(
  folder: string,
  from: AuditChainHead,
): AsyncGenerator<ReplayedLine> {
  const all = await listSegments(folder)
  const segments = all.filter(({ first }) => first > from.seq).map(({ name }) => name)
  const included = all[all.length - segments.length - 1]
  let torn = included === undefined ? null : await checkEnd(folder, included.name, from)
  let [head, before] = [from, 0]
  yield { changes: [], tail: { head, segment: null, size: 0, bytes: 0, torn } }
  for (const [at, segment] of segments.entries()) {
    let size = 0
    yield { changes: [], tail: { head, segment, size, bytes: before, torn } }
    for await (const line of readFileLines(join(folder, segment))) {
      if (at === segments.length - 1 && isTorn(line)) {
        torn = { segment, size }
        yield { changes: [], tail: { head, segment, size, bytes: before + size, torn } }
        break
      }
      const where = `the line of ${segment} at byte ${line.offset}`
      const read = readEntry(unsealOrThrow(line, where), head, where)
      head = read.head
      size = line.offset + line.bytes.length + 1
      yield { changes: read.changes, tail: { head, segment, size, bytes: before + size, torn } }
    }
    before += size
  }
}

/** @throws StoreDamage */
function unsealOrThrow({ bytes, ended }: ByteLine, where: string): string {
  const json = ended ? unsealLogLine(bytes) : null
  if (json === null) throw new StoreDamage(`${where} does not match its checksum`)
  return json
}

/** Room for the last whole line of a segment and for a torn line behind it. */
const END_BYTES = 2 * MAX_STORED_LINE_BYTES + 2

/**
 * Checks the end of a segment whose records a snapshot includes: the checksum of each line, and that the last line has
 * the record that the snapshot names. Reads 2 MiB at most, whatever the length of the segment. Returns a torn line
 * behind that record, else null.
 *
 * @throws StoreDamage
 */
async function checkEnd(
  folder: string,
  segment: string,
  head: AuditChainHead,
): Promise<TornLine | null> {
  const path = join(folder, segment)
  const start = Math.max(0, (await stat(path)).size - END_BYTES)
  let last: { readonly json: string; readonly size: number } | null = null
  let torn = false
  for await (const line of readFileLines(path, start)) {
    // The read may start within a line.
    if (start > 0 && line.offset === start) continue
    torn = isTorn(line)
    if (torn) break
    const json = unsealOrThrow(line, `the line of ${segment} at byte ${line.offset}`)
    last = { json, size: line.offset + line.bytes.length + 1 }
  }
  if (last === null || !isRecord(last.json, head))
    throw new StoreDamage(`${segment} does not end with record ${head.seq}, as ${SNAPSHOT} says`)
  return torn ? { segment, size: last.size } : null
}

function isRecord(json: string, { seq, hash }: AuditChainHead): boolean {
  const read = parseLosslessJson(json)
  return (
    read.ok &&
    parseNumber(getMember(read.node, 'seq')) === seq &&
    getMember(getMember(read.node, 'audit') ?? null, 'hash') === hash
  )
}

/**
 * Whether the last line of a segment was torn, so that its write was never acknowledged. If it begins with a whole line
 * and goes on, that line was acknowledged, and its newline changed afterwards: that is damage.
 */
export const isTorn = ({ bytes, ended }: ByteLine): boolean => !ended && !lacksNewline(bytes)

/**
 * Cuts a torn line off its segment, and waits for the disk if `durable`.
 *
 * @throws the system's error
 */
export async function cutTornLine(
  folder: string,
  { segment, size }: TornLine,
  durable: boolean,
): Promise<void> {
  const file = await open(join(folder, segment), O_RDWR)
  try {
    await file.truncate(size)
    if (durable) await file.datasync()
  } finally {
    await file.close()
  }
}

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

/**
 * Makes, without throwing it, the error of a full disk (`code` ENOSPC) for where the system has not reported it yet:
 * it does so only after a short write. `toStoreError` maps it to `disk_full`.
 */
export const diskFullError = (): Error =>
  Object.assign(new Error('no space is left'), { code: 'ENOSPC', syscall: 'write' })

const goneError = (): Error =>
  Object.assign(new Error('the segment is gone'), { code: 'ENOENT', syscall: 'stat' })

/** Appends batches of lines to a segment; with `durable`, each batch is on the disk before `append` resolves. */
export class LogWriter {
  private readonly folder: string
  private readonly durable: boolean
  private file: FileHandle | null = null
  private segment: string | null
  private size: number
  /** Whether a failed write may have left bytes behind the last acknowledged line. */
  private torn = false

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
   * @returns length of the lines in bytes
   * @throws the system's error (`ENOSPC` for a short write, `ENOENT` for a segment that is gone), after cutting the
   *   segment back to the acknowledged lines; if that fails too, that error, and the next call cuts first
   */
  async append(text: string, firstSeq: number): Promise<number> {
    const file = (this.file ??= await this.openSegment(firstSeq))
    const bytes = Buffer.from(text, 'utf8')
    if (this.torn) await this.cut(file)
    try {
      await file.write(bytes, 0, bytes.length, this.size).then(({ bytesWritten }) => {
        if (bytesWritten < bytes.length) throw diskFullError()
      })
      if (this.durable) await Promise.all([file.datasync(), this.requirePlace(file)])
    } catch (error) {
      this.torn = true
      await this.cut(file)
      throw error
    }
    this.size += bytes.length
    return bytes.length
  }

  /**
   * Closes the segment, which then ends with its last acknowledged line; the next `append` starts a new one.
   *
   * @throws the system's error
   */
  async rotate(): Promise<void> {
    if (this.torn && this.file !== null) await this.cut(this.file)
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

  /**
   * A segment that was deleted or moved while it is open still takes lines, which no start would find.
   *
   * @throws the system's error, `ENOENT` also where another file is in its place
   */
  private async requirePlace(file: FileHandle): Promise<void> {
    const { segment } = this
    if (segment === null) throw goneError()
    const [open, found] = await Promise.all([file.stat(), stat(join(this.folder, segment))])
    if (open.ino !== found.ino || open.dev !== found.dev) throw goneError()
  }

  private async cut(file: FileHandle): Promise<void> {
    await file.truncate(this.size)
    if (this.durable) await file.datasync()
    this.torn = false
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
