import { createHash, randomUUID } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { isJsonNumber, type JsonNode, parseLosslessJson } from '../../core/json/read.ts'
import { formatRowLine, toRowLine } from '../../core/row-format/row-line.ts'
import { decodeRow } from '../../core/rows/decode-row.ts'
import {
  type AnyRow,
  type RowKey,
  type RowOrBroken,
  serializeRow,
  TABLE_NAMES,
  type TableName,
} from '../../core/rows/rows.ts'
import { decodeUtf8OrNull } from '../../core/text/utf8.ts'
import { replaceFile } from '../../files/replace-file.ts'
import { readFileLines } from './lines.ts'
import { RowIndex } from './row-index.ts'

/** The file name of the snapshot in a store's folder. */
export const SNAPSHOT = 'snapshot.ndjson'
/** Of what is written. A version that knows format 1 alone does not read the segments of this one, and refuses this. */
const FORMAT = 2
/** The formats that are read; they differ in the number alone. */
const READABLE: readonly number[] = [1, FORMAT]
const BATCH_ROWS = 1_000
/** What a killed compaction leaves, also one of an earlier version. */
const LEFTOVER = /^\.snapshot\.ndjson(\..+)?\.new$/

/** The first line of a snapshot: its epoch, and the end of the audit chain that its rows include. */
export interface SnapshotHead {
  readonly epoch: number
  readonly head: AuditChainHead
}
export interface Snapshot extends SnapshotHead {
  readonly index: RowIndex
}

/** Number of rows by table. */
export type RowCounts = Readonly<Record<TableName, number>>

/** What a new snapshot says of itself. */
export interface SnapshotWritten extends SnapshotHead {
  readonly counts: RowCounts
  /** Whether the snapshot must survive a power cut; default true. */
  readonly durable?: boolean
}

/** A snapshot as its file has it. */
interface StoredSnapshot extends Snapshot {
  /** Whether an earlier version reads it. */
  readonly isOld: boolean
  /** What its header says. */
  readonly counts: RowCounts
}

/** Damage in the files of a store; the message is a clause that says where. `toStoreError` maps it to `store_corrupt`. */
export class StoreDamage extends Error {}

/**
 * Writes a new snapshot to a temporary file, flushes it to the disk unless `durable` is false, and renames it over the
 * old one. The caller holds the store's lock.
 * @throws StoreDamage if a row breaks its schema, or the system's error; the old snapshot then stays
 */
export async function writeSnapshot(
  folder: string,
  snapshot: Snapshot,
  durable = true,
): Promise<void> {
  const { index } = snapshot
  const counts = countIndexRows(index)
  await replaceSnapshot(folder, { ...snapshot, counts, durable }, listBatches(index))
}

/** The number of rows of each table, tombstones included. */
export const countIndexRows = (index: RowIndex): RowCounts =>
  Object.fromEntries(TABLE_NAMES.map((table) => [table, index.size(table)])) as RowCounts

function* listBatches(index: RowIndex): Generator<string> {
  for (const table of TABLE_NAMES) {
    const lines = index.sorted(table).map((held) => formatStoredRow(table, held))
    while (lines.length > 0) yield lines.splice(0, BATCH_ROWS).join('')
  }
}

/**
 * Writes a new snapshot (mode 0600) from sorted row lines: header, rows, footer; syncs it unless `durable` is false,
 * and renames it over the old one. Checks neither order nor counts. The caller holds the store's lock.
 * @returns SHA-256 of header and rows in hexadecimal, as in the footer
 * @throws the error of `batches` or of the system; the old snapshot then stays
 */
export async function replaceSnapshot(
  folder: string,
  { epoch, head, counts, durable = true }: SnapshotWritten,
  batches: Iterable<string> | AsyncIterable<Buffer>,
): Promise<string> {
  const hash = createHash('sha256')
  let sha256 = ''
  async function* generateContent(): AsyncGenerator<string | Buffer> {
    const first = `${JSON.stringify({ v: FORMAT, epoch, seq: head.seq, head: head.hash, counts })}\n`
    hash.update(first)
    yield first
    for await (const batch of batches) {
      hash.update(batch)
      yield batch
    }
    sha256 = hash.digest('hex')
    yield `${JSON.stringify({ sha256 })}\n`
  }
  for (const name of await readdir(folder))
    if (LEFTOVER.test(name)) await rm(join(folder, name), { force: true })
  // A name of its own: a writer that was replaced and goes on renames no file of its successor.
  const temporary = `.${SNAPSHOT}.${randomUUID()}.new`
  await replaceFile(join(folder, SNAPSHOT), generateContent(), { temporary, mode: 0o600, durable })
  return sha256
}

function formatStoredRow(table: TableName, { row }: RowOrBroken<AnyRow>): string {
  if (row === undefined)
    throw new StoreDamage(`a row of ${table} breaks its schema and cannot be written again`)
  return `${formatRowLine(table, serializeRow(row))}\n`
}

/**
 * Reads a whole snapshot into memory (header and rows) and verifies its digest; compares neither counts nor order. A
 * row that breaks its schema is kept as `broken`.
 * @throws StoreDamage if it is empty, cut off, not in the format or not as the digest says; LineTooLong; the system's
 * error
 */
export async function readSnapshot(folder: string): Promise<StoredSnapshot> {
  const path = join(folder, SNAPSHOT)
  const hash = createHash('sha256')
  const index = new RowIndex()
  let first: ReturnType<typeof readSnapshotHead> | undefined
  let last: string | undefined
  for await (const { bytes, ended } of readFileLines(path)) {
    if (!ended) throw new StoreDamage(`the last line of ${SNAPSHOT} is cut off`)
    const text = decodeLine(bytes)
    // The last line is the footer: process each line once the next one has arrived.
    if (last !== undefined) {
      hash.update(`${last}\n`)
      if (first === undefined) first = readSnapshotHead(last)
      else addRow(index, last)
    }
    last = text
  }
  if (first === undefined || last === undefined) throw new StoreDamage(`${SNAPSHOT} is empty`)
  if (last !== JSON.stringify({ sha256: hash.digest('hex') })) {
    throw new StoreDamage(`the SHA-256 in the footer of ${SNAPSHOT} does not match its content`)
  }
  return { ...first, index }
}

const HEAD =
  /^\{"v":(\d+),"epoch":(\d+),"seq":(\d+),"head":"([0-9a-f]{64})","counts":\{"flag_registry":(\d+),"tenant_override":(\d+),"user_override":(\d+)\}\}$/

/**
 * Parses the first line of a snapshot, without its newline: its format, epoch, the audit head that its rows include, and
 * the number of rows by table.
 *
 * @throws StoreDamage if it is not a header, or has an unknown format number
 */
export function readSnapshotHead(text: string): Omit<StoredSnapshot, 'index'> {
  const match = HEAD.exec(text)
  if (match === null) throw new StoreDamage(`the first line of ${SNAPSHOT} is not a header`)
  const [, format, epoch, seq, hash = '', ...counts] = match
  if (!READABLE.includes(Number(format)))
    throw new StoreDamage(
      `${SNAPSHOT} has format ${format}, this version reads formats ${READABLE.join(' and ')}`,
    )
  return {
    isOld: Number(format) < FORMAT,
    epoch: Number(epoch),
    head: { seq: Number(seq), hash },
    counts: Object.fromEntries(
      TABLE_NAMES.map((table, at) => [table, Number(counts[at])]),
    ) as RowCounts,
  }
}

/** Reads the first line of the snapshot of a folder alone. @throws StoreDamage, LineTooLong; the system's error */
export async function readSnapshotHeader(folder: string): Promise<SnapshotHead> {
  for await (const { bytes, ended } of readFileLines(join(folder, SNAPSHOT)))
    if (ended) return readSnapshotHead(decodeLine(bytes))
  throw new StoreDamage(`${SNAPSHOT} is empty`)
}

function addRow(index: RowIndex, text: string): void {
  const read = parseLosslessJson(text)
  if (!read.ok) throw new StoreDamage(`${SNAPSHOT} has a line that is not JSON`)
  const { table, key, held } = parseStoredRow(read.node)
  index.set(table, key, held)
}

/**
 * Parses a row of a snapshot or log line into table, key and row; a row that breaks its schema is `broken`.
 *
 * @throws StoreDamage without a table or key
 */
export function parseStoredRow(node: JsonNode): {
  readonly table: TableName
  readonly key: RowKey
  readonly held: RowOrBroken<AnyRow>
} {
  const line = toRowLine(node)
  if (line === null) throw new StoreDamage('a row has no table or no key')
  return { table: line.table, key: line.key, held: decodeRow(line.table, line.node, 'stored') }
}

/** The number of a JSON node; NaN for any other node and for undefined. */
export function parseNumber(node: JsonNode | undefined): number {
  return typeof node === 'object' && node !== null && isJsonNumber(node)
    ? Number(node.lexeme)
    : Number.NaN
}

/** @throws StoreDamage if the line is not UTF-8 */
function decodeLine(bytes: Buffer): string {
  const text = decodeUtf8OrNull(bytes)
  if (text === null) throw new StoreDamage(`${SNAPSHOT} has a line that is not UTF-8`)
  return text
}
