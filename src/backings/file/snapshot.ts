import { createHash } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AuditHead } from '../../core/audit/record.ts'
import { isNumber, isObject, type JsonNode, readJson } from '../../core/json/read.ts'
import { decodeRow } from '../../core/state/decode-row.ts'
import { rowText } from '../../core/state/row-text.ts'
import {
  type AnyRow,
  type RowKey,
  SCOPE_MEMBER,
  type Stored,
  type Table,
  TABLES,
} from '../../core/state/rows.ts'
import { readLines } from './lines.ts'
import { RowIndex } from './row-index.ts'

export const SNAPSHOT = 'snapshot.ndjson'
const FORMAT = 1
const BATCH_ROWS = 1_000

/** What a snapshot says of itself in its first line. */
export interface SnapshotHead {
  readonly epoch: number
  readonly head: AuditHead
}
export interface Snapshot extends SnapshotHead {
  readonly index: RowIndex
}

/** What is wrong with a store's bytes, and where; the store turns it into `store_corrupt`. */
export class Damage extends Error {}

/** Writes a snapshot beside the old one, makes it durable, then puts it in its place. */
export async function writeSnapshot(
  folder: string,
  { index, epoch, head }: Snapshot,
): Promise<void> {
  // The writer holds the lock, so one name is enough, and what a kill left there goes.
  const temporary = join(folder, `.${SNAPSHOT}.new`)
  await rm(temporary, { force: true })
  const file = await open(temporary, 'wx', 0o600)
  try {
    const hash = createHash('sha256')
    const put = async (text: string): Promise<void> => {
      hash.update(text)
      await file.writeFile(text)
    }
    const counts = Object.fromEntries(TABLES.map((table) => [table, index.size(table)]))
    await put(`${JSON.stringify({ v: FORMAT, epoch, seq: head.seq, head: head.hash, counts })}\n`)
    for (const table of TABLES) {
      const lines = index.sorted(table).map((held) => rowLine(table, held))
      while (lines.length > 0) await put(lines.splice(0, BATCH_ROWS).join(''))
    }
    await file.writeFile(`${JSON.stringify({ sha256: hash.digest('hex') })}\n`)
    await file.sync()
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    await file.close()
  }
  await rename(temporary, join(folder, SNAPSHOT))
  await syncFolder(folder)
}

function rowLine(table: Table, { row }: Stored<AnyRow>): string {
  if (row === undefined)
    throw new Damage('a row does not fit its schema and cannot be written anew')
  return `{"row":${rowText(row)},"table":"${table}"}\n`
}

/** Without this a rename or a new file may be gone after a power cut, though its bytes are not. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Reads a snapshot whole. @throws Damage at the first byte that is not as it was written */
export async function readSnapshot(folder: string): Promise<Snapshot> {
  const path = join(folder, SNAPSHOT)
  const hash = createHash('sha256')
  const index = new RowIndex()
  let first: SnapshotHead | undefined
  let last: string | undefined
  for await (const { bytes, ended } of readLines(path)) {
    if (!ended) throw new Damage(`${SNAPSHOT} breaks off in its last line`)
    const text = decodeUtf8(bytes)
    // The last line is the footer, so each line is taken when the next one shows that it is not.
    if (last !== undefined) {
      hash.update(`${last}\n`)
      if (first === undefined) first = readHead(last)
      else addRow(index, last)
    }
    last = text
  }
  if (first === undefined || last === undefined) throw new Damage(`${SNAPSHOT} is empty`)
  if (last !== JSON.stringify({ sha256: hash.digest('hex') })) {
    throw new Damage(`${SNAPSHOT} does not have the digest that its footer names`)
  }
  return { ...first, index }
}

function readHead(text: string): SnapshotHead {
  const match =
    /^\{"v":(\d+),"epoch":(\d+),"seq":(\d+),"head":"([0-9a-f]{64})","counts":\{.*\}\}$/.exec(text)
  if (match === null) throw new Damage(`${SNAPSHOT} has no header`)
  const [, format, epoch, seq, hash = ''] = match
  if (Number(format) !== FORMAT)
    throw new Damage(`${SNAPSHOT} is of format ${format}, and ${FORMAT} is known here`)
  return { epoch: Number(epoch), head: { seq: Number(seq), hash } }
}

function addRow(index: RowIndex, text: string): void {
  const read = readJson(text)
  if (!read.ok) throw new Damage(`${SNAPSHOT} has a line that is not JSON`)
  const { table, key, held } = rowOf(read.node)
  index.set(table, key, held)
}

/** A row as a snapshot or a log line holds it; a row without a key cannot even be filed as broken. */
export function rowOf(node: JsonNode): {
  readonly table: Table
  readonly key: RowKey
  readonly held: Stored<AnyRow>
} {
  const table = memberOf(node, 'table')
  const row = memberOf(node, 'row')
  const known = TABLES.find((name) => name === table)
  if (known === undefined || row === undefined) throw new Damage('a row names no table')
  const member = SCOPE_MEMBER[known]
  const scope = member === null ? null : memberOf(row, member)
  const flag = memberOf(row, 'flag_key')
  if (typeof flag !== 'string' || (scope !== null && typeof scope !== 'string'))
    throw new Damage('a row has no key')
  return {
    table: known,
    key: { scope_id: scope, flag_key: flag },
    held: decodeRow(known, row, 'stored'),
  }
}

/** The first member of that name; undefined where there is none. */
export function memberOf(node: JsonNode, name: string): JsonNode | undefined {
  if (node === null || typeof node !== 'object' || !isObject(node)) return undefined
  return node.members.find(([held]) => held === name)?.[1]
}

export function numberOf(node: JsonNode | undefined): number {
  return typeof node === 'object' && node !== null && isNumber(node)
    ? Number(node.lexeme)
    : Number.NaN
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
export function decodeUtf8(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    // The decoder says only that it could not; the line is what matters.
    throw new Damage('a line is not UTF-8')
  }
}
