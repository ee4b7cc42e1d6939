import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type AuditPage,
  type AuditQuery,
  judgeRecord,
  MOST_LOOKED,
} from '../../core/audit/audit-page.ts'
import { parseAuditRecord } from '../../core/audit/read-record.ts'
import { type AuditChainHead, type AuditRecord, toChainHead } from '../../core/audit/record.ts'
import { isJsonArray, type JsonNode, parseLosslessJson } from '../../core/json/read.ts'
import { getMember } from '../../core/row-format/row-line.ts'
import {
  type AnyRow,
  formatRowKey,
  type RowKey,
  type RowOrBroken,
  type TableName,
} from '../../core/rows/rows.ts'
import { MAX_STORED_LINE_BYTES, unsealLogLine } from './lines.ts'
import { listSegments } from './segments.ts'
import { parseStoredRow, StoreDamage } from './snapshot.ts'

const CHUNK_BYTES = 262_144
const NEWLINE = 0x0a
/** Most bytes of the log that one page of audit records takes, and the search for a revision: 0.1 and 0.4 s of a core. */
const PAGE_BYTES = 33_554_432
const SEARCH_BYTES = 134_217_728
/** Of records that are not about the target of a query, one in so many is parsed for its time. */
const TIME_EVERY = 256

/**
 * The newest records of the log below a number that match a query, without a lock: reads its segments backwards, at most
 * 32 MiB below that number.
 *
 * @param head the last acknowledged record; what stands behind it in the log is left out
 * @throws StoreDamage for a record that is missing or not as it was written; LineTooLong; the system's error
 */
export async function readAuditPage(
  folder: string,
  head: AuditChainHead,
  query: AuditQuery,
): Promise<Omit<AuditPage, 'sinkStatus'>> {
  const { after, limit } = query
  const isRead = selectRead(query.target)
  const records: AuditRecord[] = []
  let [looked, read] = [0, 0]
  for await (const line of readBackwards(folder, Math.min(after ?? head.seq + 1, head.seq + 1))) {
    read += line.bytes.length
    const record = isRead(line) ? requireRecord(line) : null
    const kind = record === null ? 'other' : judgeRecord(query, record)
    if (kind === 'past') break
    if (kind !== 'other') looked += 1
    if (kind === 'listed') records.push(record as AuditRecord)
    if (records.length === limit || looked === MOST_LOOKED || read > PAGE_BYTES)
      return { records, next: line.seq > 1 ? line.seq : null }
  }
  return { records, next: null }
}

/**
 * The last record of a log by its whole lines, announced or not; null for a log without one. Reads the end of the newest
 * segment alone.
 *
 * @throws as `readAuditPage`
 */
export async function readLastHead(folder: string): Promise<AuditChainHead | null> {
  for (const { name: segment, first, hash, last } of (await listSegments(folder)).toReversed()) {
    for await (const bytes of readLinesBackwards(join(folder, segment))) {
      const seq = parseNumberOf(bytes)
      if (seq === null)
        throw new StoreDamage(`the last line of ${segment} is not as it was written`)
      if (seq <= last) return toChainHead(requireRecord({ bytes, seq, segment }))
    }
    if (hash !== null) return { seq: first - 1, hash }
  }
  return null
}

/** Which lines are parsed: those that name the target, perhaps in a flag value, and some for their times. */
function selectRead(target: string | null): (line: NumberedLine) => boolean {
  if (target === null) return () => true
  const text = Buffer.from(`"target":${JSON.stringify(target)}`)
  return ({ bytes, seq }) => bytes.includes(text) || seq % TIME_EVERY === 0
}

/**
 * The row that a change of the log gave this revision; null where the newest 128 MiB of the log do not hold it. Reads
 * segments backwards, without a lock.
 *
 * @throws as `readAuditPage`
 */
export async function findRevision(
  folder: string,
  head: AuditChainHead,
  { table, key, revision }: { table: TableName; key: RowKey; revision: number },
): Promise<RowOrBroken<AnyRow> | null> {
  const { scope_id, flag_key } = key
  const changed = Buffer.from(`"key":${JSON.stringify({ scope_id, flag_key })},"row":`)
  let read = 0
  for await (const line of readBackwards(folder, head.seq + 1)) {
    read += line.bytes.length
    for (const change of line.bytes.includes(changed) ? listChanges(line) : []) {
      const { table: name, key: at, held } = parseStoredRow(change)
      if (name !== table || formatRowKey(at) !== formatRowKey(key)) continue
      if (held.row === undefined || held.row.revision === revision) return held
      if (held.row.revision < revision) return null
    }
    if (read > SEARCH_BYTES) return null
  }
  return null
}

/** A line of the log, without its newline. */
interface NumberedLine {
  readonly bytes: Buffer
  readonly seq: number
  readonly segment: string
}

/**
 * Yields the lines below a number, the newest first, each number one less than the one before. Leaves out what stands in
 * the log from that number on.
 */
async function* readBackwards(folder: string, below: number): AsyncGenerator<NumberedLine> {
  const segments = (await listSegments(folder)).filter(({ first }) => first < below)
  let expected = below - 1
  for (const { name: segment, first, last } of segments.toReversed()) {
    for await (const bytes of readLinesBackwards(join(folder, segment))) {
      const seq = parseNumberOf(bytes)
      if (seq === null || seq >= below || seq > last) continue
      if (seq !== expected) throw new StoreDamage(`${segment} has no record ${expected}`)
      expected -= 1
      yield { bytes, seq, segment }
    }
    if (expected >= first) throw new StoreDamage(`${segment} has no record ${expected}`)
  }
}

/** The number of a line stands at its end; null where none does, as in a line that is not as it was written. */
export function parseNumberOf(bytes: Buffer): number | null {
  const found = /,"seq":(\d{1,15})\}$/.exec(
    bytes.toString('latin1', Math.max(0, bytes.length - 32)),
  )
  return found === null ? null : Number(found[1])
}

/** Yields the lines of a file that a newline ends, last line first. */
async function* readLinesBackwards(path: string): AsyncGenerator<Buffer> {
  const file = await open(path)
  try {
    let rest: Buffer = Buffer.alloc(0)
    let ended = false
    for (let end = (await file.stat()).size; end > 0; end -= CHUNK_BYTES) {
      const data: Buffer = Buffer.concat([await readChunk(file, end), rest])
      const split = splitBackwards(data, ended)
      yield* split.lines
      ;({ rest, ended } = split)
      if (rest.length > MAX_STORED_LINE_BYTES + CHUNK_BYTES)
        throw new StoreDamage('the log has a line that is longer than any it writes')
    }
    if (ended) yield rest
  } finally {
    await file.close()
  }
}

/**
 * The lines that begin in a part of a file, last line first, without the rest before the first newline.
 *
 * @param ended whether a newline follows the part
 */
function splitBackwards(
  data: Buffer,
  ended: boolean,
): { readonly lines: readonly Buffer[]; readonly rest: Buffer; readonly ended: boolean } {
  const lines: Buffer[] = []
  let stop = data.length
  for (let at = data.lastIndexOf(NEWLINE); at >= 0;) {
    if (ended || stop < data.length) lines.push(data.subarray(at + 1, stop))
    stop = at
    at = at === 0 ? -1 : data.lastIndexOf(NEWLINE, at - 1)
  }
  return { lines, rest: data.subarray(0, stop), ended: ended || stop < data.length }
}

/** The bytes of a file before an offset, at most a chunk. */
async function readChunk(file: FileHandle, end: number): Promise<Buffer> {
  const from = Math.max(0, end - CHUNK_BYTES)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(end - from), 0, end - from, from)
  return buffer.subarray(0, bytesRead)
}

function requireEntry({ bytes, seq, segment }: NumberedLine): JsonNode {
  const json = unsealLogLine(bytes)
  const read = json === null ? null : parseLosslessJson(json)
  if (read?.ok !== true)
    throw new StoreDamage(`record ${seq} of ${segment} does not match its checksum`)
  return read.node
}

function requireRecord(line: NumberedLine): AuditRecord {
  const record = parseAuditRecord(getMember(requireEntry(line), 'audit') ?? null)
  if (record?.seq !== line.seq)
    throw new StoreDamage(`the line ${line.seq} of ${line.segment} has no audit record`)
  return record
}

function listChanges(line: NumberedLine): readonly JsonNode[] {
  const changes = getMember(requireEntry(line), 'changes') ?? null
  return typeof changes === 'object' && changes !== null && isJsonArray(changes) ? changes : []
}
