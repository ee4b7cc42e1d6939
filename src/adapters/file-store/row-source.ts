import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { serializeNode } from '../../core/parity/node-text.ts'
import {
  compareRowLines,
  readLineKey,
  toRowLine,
  parseRowLine,
  type RowLine,
  formatRowLine,
} from '../../core/row-format/row-line.ts'
import { formatRowKey, type RowKey, type TableName, TABLE_NAMES } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { RowBatch, RowSource, SourceFault } from '../../ports/rows.ts'
import { identifyFolder } from './folder-identity.ts'
import { LineTooLong, MAX_STORED_LINE_BYTES } from './lines.ts'
import { replayLog } from './log.ts'
import { StoreDamage, readSnapshotHead, SNAPSHOT, type SnapshotHead } from './snapshot.ts'
import { toStoreError } from './store-error.ts'

const READ_BYTES = 1_048_576
const NEWLINE = 0x0a

/** A row of the log; it replaces the row of the snapshot with the same key. */
interface LaterRow extends RowLine {
  readonly line: string
}

/**
 * Opens the rows of a file store as bytes: the current snapshot, with the rows of the log in memory, until `close`.
 * Takes no lock and writes nothing; a service may write meanwhile. `counts` are those of the snapshot's header, `head`
 * is the end of the log.
 *
 * @param until number of the last record to include; default all. No segment contains it and a later record
 * @throws FfError `target_unreachable` for a missing folder, `store_corrupt`, or another of `toStoreError`
 */
export async function openFileRows(
  folder: string,
  until = Number.POSITIVE_INFINITY,
): Promise<RowSource> {
  try {
    const file = await open(join(folder, SNAPSHOT))
    try {
      const first = await readFirstLine(file)
      const { rows: later, head } = await readLogRows(folder, first.head, until)
      const identity = await identifyFolder(folder)
      return new FileRows(folder, file, { ...first, later, head, identity })
    } catch (error) {
      await file.close()
      throw error
    }
  } catch (error) {
    throw toStoreError(error, folder)
  }
}

type FirstLine = ReturnType<typeof readSnapshotHead> & { readonly header: Buffer }

async function readFirstLine(file: FileHandle): Promise<FirstLine> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4_096), 0, 4_096, 0)
  const end = buffer.subarray(0, bytesRead).indexOf(NEWLINE)
  if (end < 0) throw new StoreDamage(`the first line of ${SNAPSHOT} is not a header`)
  return {
    ...readSnapshotHead(buffer.toString('utf8', 0, end)),
    header: buffer.subarray(0, end + 1),
  }
}

async function readLogRows(
  folder: string,
  from: SnapshotHead['head'],
  until: number,
): Promise<{ readonly rows: readonly LaterRow[]; readonly head: SnapshotHead['head'] }> {
  const rows = new Map<string, LaterRow>()
  let head = from
  for await (const { changes, tail } of replayLog(folder, from)) {
    if (tail.head.seq > until) break
    for (const change of changes) {
      const read = toRowLine(change)
      if (read === null) throw new StoreDamage('the log has a row without a table or without a key')
      const { table, key, node } = read
      rows.set(`${table} ${formatRowKey(key)}`, {
        table,
        key,
        line: formatRowLine(table, serializeNode(node)),
      })
    }
    head = tail.head
  }
  return { rows: [...rows.values()].sort(compareRowLines), head }
}

interface SnapshotFacts extends FirstLine {
  readonly identity: string
  readonly later: readonly LaterRow[]
}

class FileRows implements RowSource {
  readonly facts = { target: 'file', backing: 'file', server: null } as const
  readonly identity: string
  readonly counts: RowSource['counts']
  readonly head: RowSource['head']
  readonly epoch: number
  private readonly folder: string
  private readonly file: FileHandle
  private readonly about: SnapshotFacts
  private found: readonly SourceFault[] = []

  constructor(folder: string, file: FileHandle, about: SnapshotFacts) {
    this.folder = folder
    this.file = file
    this.about = about
    this.identity = about.identity
    this.head = about.head
    this.epoch = about.epoch
    this.counts = about.counts
  }

  async *lines(): AsyncGenerator<RowBatch> {
    try {
      const { later } = this.about
      if (later.length === 0) yield* this.snapshot()
      else yield* mergeLogRows(this.snapshot(), later)
    } catch (error) {
      throw toStoreError(error, this.folder)
    }
  }

  faults(): readonly SourceFault[] {
    return this.found
  }

  async lookup(table: TableName, keys: readonly RowKey[]): Promise<readonly string[]> {
    const wanted = new Set(keys.map(formatRowKey))
    const current = await openFileRows(this.folder)
    const isWanted = (line: string): boolean => {
      const read = readLineKey(table, line)
      return read !== null && wanted.has(formatRowKey(read.key))
    }
    const found: string[] = []
    try {
      for await (const batch of current.lines()) {
        if (batch.table === table) found.push(...toTextLines(batch).filter(isWanted))
      }
    } finally {
      await current.close()
    }
    return found
  }

  async close(): Promise<void> {
    await this.file.close()
  }

  /** Yields the rows of the snapshot, then compares their digest and counts with its footer and header. */
  private async *snapshot(): AsyncGenerator<RowBatch> {
    const { header, counts: expected } = this.about
    const before = await this.file.stat()
    const hash = createHash('sha256').update(header)
    const counts = { flag_registry: 0, tenant_override: 0, user_override: 0 }
    let rest: Buffer = Buffer.alloc(0)
    for await (const chunk of this.chunks(header.length)) {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      // The last line may be the footer: keep it back until the next line ends.
      const end = findLastLine(data)
      if (data.length - end > 2 * MAX_STORED_LINE_BYTES)
        throw new LineTooLong(`a line of ${SNAPSHOT} is longer than ${MAX_STORED_LINE_BYTES} bytes`)
      const whole = data.subarray(0, end)
      if (!isUtf8(whole)) throw new StoreDamage(`${SNAPSHOT} has a line that is not UTF-8`)
      hash.update(whole)
      for (const batch of splitByTable(whole)) {
        counts[batch.table] += countLineFeeds(batch.bytes)
        yield batch
      }
      rest = data.subarray(end)
    }
    if (rest.indexOf(NEWLINE) !== rest.length - 1)
      throw new StoreDamage(`the last line of ${SNAPSHOT} is cut off`)
    const footer = FOOTER.exec(rest.toString('latin1'))
    if (footer === null) throw new StoreDamage(`the last line of ${SNAPSHOT} is not a footer`)
    const after = await this.file.stat()
    if (after.size !== before.size || after.mtimeMs !== before.mtimeMs)
      throw changedError(this.folder)
    this.found = [
      ...(footer[1] === hash.digest('hex')
        ? []
        : [makeFault('digest_wrong', 'the SHA-256 in the footer does not match the rows')]),
      ...TABLE_NAMES.filter((table) => counts[table] !== expected[table]).map((table) =>
        makeFault(
          'count_wrong',
          `${counts[table]} rows of ${table}, but the header says ${expected[table]}`,
        ),
      ),
    ]
  }

  private async *chunks(from: number): AsyncGenerator<Buffer> {
    for (let at = from; ;) {
      const { buffer, bytesRead } = await this.file.read(
        Buffer.allocUnsafe(READ_BYTES),
        0,
        READ_BYTES,
        at,
      )
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }
}

const FOOTER = /^\{"sha256":"([0-9a-f]{64})"\}\n$/
const makeFault = (code: SourceFault['code'], detail: string): SourceFault => ({ code, detail })
const changedError = (folder: string): FfError =>
  new FfError(
    'backing_unavailable',
    `The snapshot of the file store ${folder} changed during the read.`,
    {
      hint: 'ff replaces a snapshot and never edits it: find the program that edits snapshot.ndjson, stop it and run again.',
    },
  )

/** Offset of the last line; 0 if it is the only one. */
function findLastLine(data: Buffer): number {
  const last = data.lastIndexOf(NEWLINE)
  return last <= 0 ? 0 : data.lastIndexOf(NEWLINE, last - 1) + 1
}

/** Number of lines that end in these bytes. */
export function countLineFeeds(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count += 1
  return count
}

/** Splits whole lines into batches of one table each. */
function* splitByTable(bytes: Buffer): Generator<RowBatch> {
  let from = 0
  while (from < bytes.length) {
    const table = findTableAt(bytes, from)
    let end = bytes.length
    // Rows are sorted by table: if the last line has the same table, all lines between have it too.
    if (findTableAt(bytes, findLastLine(bytes)) !== table) {
      end = from
      while (end < bytes.length && findTableAt(bytes, end) === table)
        end = bytes.indexOf(NEWLINE, end) + 1
    }
    yield { table, bytes: bytes.subarray(from, end), unsure: null }
    from = end
  }
}

/** Finds the table of the line that starts at `from`. @throws StoreDamage if the line is not a row */
function findTableAt(bytes: Buffer, from: number): TableName {
  const end = bytes.indexOf(NEWLINE, from)
  const named = FRAME.exec(bytes.toString('latin1', Math.max(from, end - FRAME_BYTES), end))?.[1]
  const table =
    TABLE_NAMES.find((one) => one === named) ??
    parseRowLine(bytes.toString('utf8', from, end))?.table
  if (table === undefined) throw new StoreDamage(`${SNAPSHOT} has a line that is not a row`)
  return table
}
const FRAME = /\},"table":"([a-z_]+)"\}$/
const FRAME_BYTES = 40

const toTextLines = ({ bytes }: RowBatch): readonly string[] =>
  bytes.toString('utf8').split('\n').slice(0, -1)

/** Merges the sorted rows of the log into those of the snapshot; a row of the log replaces one with the same key. */
async function* mergeLogRows(
  snapshot: AsyncIterable<RowBatch>,
  later: readonly LaterRow[],
): AsyncGenerator<RowBatch> {
  let next = 0
  let before: RowLine | null = null
  for await (const batch of snapshot) {
    const merged: LaterRow[] = []
    for (const line of toTextLines(batch)) {
      const here = readLineKey(batch.table, line)
      if (here === null) throw new StoreDamage(`${SNAPSHOT} has a line that is not a row`)
      if (before !== null && compareRowLines(before, here) >= 0)
        throw new StoreDamage(`the rows of ${SNAPSHOT} are not sorted by table and key`)
      before = here
      while (next < later.length && compareRowLines(later[next] as LaterRow, here) < 0)
        merged.push(later[next++] as LaterRow)
      const newer = later[next]
      const replaced = newer !== undefined && compareRowLines(newer, here) === 0
      merged.push(replaced ? newer : { ...here, line })
      if (replaced) next += 1
    }
    yield* toBatches(merged)
  }
  yield* toBatches(later.slice(next))
}

function* toBatches(rows: readonly LaterRow[]): Generator<RowBatch> {
  for (const table of TABLE_NAMES) {
    const lines = rows.filter((row) => row.table === table).map(({ line }) => `${line}\n`)
    if (lines.length > 0) yield { table, bytes: Buffer.from(lines.join('')), unsure: null }
  }
}
