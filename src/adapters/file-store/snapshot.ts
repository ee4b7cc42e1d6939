import { createHash } from 'node:crypto'
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

export const SNAPSHOT = 'snapshot.ndjson'
const FORMAT = 1
const BATCH_ROWS = 1_000

/** What a snapshot says of itself in its first line. */
export interface SnapshotHead {
  readonly epoch: number
  readonly head: AuditChainHead
}
export interface Snapshot extends SnapshotHead {
  readonly index: RowIndex
}

/** Rows by table. */
export type RowCounts = Readonly<Record<TableName, number>>

interface SnapshotWritten extends SnapshotHead {
  readonly counts: RowCounts
  /** Whether it has to outlive a power cut; where nothing is said, it has. */
  readonly durable?: boolean
}

/** What is wrong with a store's bytes, and where; the store turns it into `store_corrupt`. */
export class StoreDamage extends Error {}

/** Writes a snapshot beside the old one, makes it durable, then puts it in its place. */
export async function writeSnapshot(
  folder: string,
  snapshot: Snapshot,
  durable = true,
): Promise<void> {
  const { index } = snapshot
  const counts = Object.fromEntries(
    TABLE_NAMES.map((table) => [table, index.size(table)]),
  ) as RowCounts
  await replaceSnapshot(folder, { ...snapshot, counts, durable }, listBatches(index))
}

function* listBatches(index: RowIndex): Generator<string> {
  for (const table of TABLE_NAMES) {
    const lines = index.sorted(table).map((held) => heldLine(table, held))
    while (lines.length > 0) yield lines.splice(0, BATCH_ROWS).join('')
  }
}

/**
 * The same of rows that come as lines, sorted.
 *
 * @returns the digest that its footer names
 * @throws what `batches` throws; then nothing was put in place
 */
export async function replaceSnapshot(
  folder: string,
  { epoch, head, counts, durable = true }: SnapshotWritten,
  batches: Iterable<string> | AsyncIterable<Buffer>,
): Promise<string> {
  const hash = createHash('sha256')
  let sha256 = ''
  async function* pieces(): AsyncGenerator<string | Buffer> {
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
  // The writer holds the lock, so one name is enough.
  const temporary = `.${SNAPSHOT}.new`
  await replaceFile(join(folder, SNAPSHOT), pieces(), { temporary, mode: 0o600, durable })
  return sha256
}

function heldLine(table: TableName, { row }: RowOrBroken<AnyRow>): string {
  if (row === undefined)
    throw new StoreDamage('a row does not fit its schema and cannot be written anew')
  return `${formatRowLine(table, serializeRow(row))}\n`
}

/** Reads a snapshot whole. @throws Damage at the first byte that is not as it was written */
export async function readSnapshot(folder: string): Promise<Snapshot> {
  const path = join(folder, SNAPSHOT)
  const hash = createHash('sha256')
  const index = new RowIndex()
  let first: SnapshotHead | undefined
  let last: string | undefined
  for await (const { bytes, ended } of readFileLines(path)) {
    if (!ended) throw new StoreDamage(`${SNAPSHOT} breaks off in its last line`)
    const text = lineText(bytes)
    // The last line is the footer, so each line is taken when the next one shows that it is not.
    if (last !== undefined) {
      hash.update(`${last}\n`)
      if (first === undefined) first = readSnapshotHead(last)
      else addRow(index, last)
    }
    last = text
  }
  if (first === undefined || last === undefined) throw new StoreDamage(`${SNAPSHOT} is empty`)
  if (last !== JSON.stringify({ sha256: hash.digest('hex') })) {
    throw new StoreDamage(`${SNAPSHOT} does not have the digest that its footer names`)
  }
  return { epoch: first.epoch, head: first.head, index }
}

const HEAD =
  /^\{"v":(\d+),"epoch":(\d+),"seq":(\d+),"head":"([0-9a-f]{64})","counts":\{"flag_registry":(\d+),"tenant_override":(\d+),"user_override":(\d+)\}\}$/

/** @throws Damage where the first line is not a snapshot's */
export function readSnapshotHead(text: string): SnapshotHead & { readonly counts: RowCounts } {
  const match = HEAD.exec(text)
  if (match === null) throw new StoreDamage(`${SNAPSHOT} has no header`)
  const [, format, epoch, seq, hash = '', ...counts] = match
  if (Number(format) !== FORMAT)
    throw new StoreDamage(`${SNAPSHOT} is of format ${format}, and ${FORMAT} is known here`)
  return {
    epoch: Number(epoch),
    head: { seq: Number(seq), hash },
    counts: Object.fromEntries(
      TABLE_NAMES.map((table, at) => [table, Number(counts[at])]),
    ) as RowCounts,
  }
}

function addRow(index: RowIndex, text: string): void {
  const read = parseLosslessJson(text)
  if (!read.ok) throw new StoreDamage(`${SNAPSHOT} has a line that is not JSON`)
  const { table, key, held } = parseStoredRow(read.node)
  index.set(table, key, held)
}

/** A row as a snapshot or a log line holds it; a row without a key cannot even be filed as broken. */
export function parseStoredRow(node: JsonNode): {
  readonly table: TableName
  readonly key: RowKey
  readonly held: RowOrBroken<AnyRow>
} {
  const line = toRowLine(node)
  if (line === null) throw new StoreDamage('a row has no table or no key')
  return { table: line.table, key: line.key, held: decodeRow(line.table, line.node, 'stored') }
}

export function parseNumber(node: JsonNode | undefined): number {
  return typeof node === 'object' && node !== null && isJsonNumber(node)
    ? Number(node.lexeme)
    : Number.NaN
}

/** The text of a line. @throws Damage where it is not UTF-8 */
function lineText(bytes: Buffer): string {
  const text = decodeUtf8OrNull(bytes)
  if (text === null) throw new StoreDamage('a line is not UTF-8')
  return text
}
