import { readLineKey } from '../../core/row-format/row-line.ts'
import { formatRowKey, type TableName } from '../../core/rows/rows.ts'
import type { RowBatch, RowSource } from '../../ports/rows.ts'
import type { MergedLine, MergeVisitor, SideName } from './merge-rows.ts'

/** Rows of one lookup. */
const CHUNK_ROWS = 100_000
const WHOLE = 2 ** 32

/**
 * Takes a share (0 to 1) of the baseline's rows, looks up only those in the candidate, and reports each to the visitor
 * as `same`, `pair` or `only` of the baseline. A hash of the key selects a row, so each run takes the same rows. Ends
 * when a visitor method returns false. Does not see rows that only the candidate has, skips lines without a key, and
 * never awaits `pending`.
 *
 * @throws errors of the sources
 */
export async function mergeSample(
  sides: Readonly<Record<SideName, RowSource>>,
  visitor: MergeVisitor,
  share: number,
): Promise<void> {
  let chosen: MergedLine[] = []
  for await (const batch of sides.baseline.lines()) {
    if (
      chosen[0] !== undefined &&
      (chosen[0].table !== batch.table || chosen.length >= CHUNK_ROWS)
    ) {
      if (!(await visit(sides.candidate, chosen, visitor))) return
      chosen = []
    }
    chosen.push(...selectSample(batch, share))
  }
  await visit(sides.candidate, chosen, visitor)
}

function selectSample({ table, bytes }: RowBatch, share: number): readonly MergedLine[] {
  const lines = bytes.toString('utf8').split('\n').slice(0, -1)
  return lines.flatMap((line): MergedLine[] => {
    const read = readLineKey(table, line)
    return read !== null && hashKey(formatRowKey(read.key)) < share * WHOLE
      ? [{ ...read, line, repeated: false }]
      : []
  })
}

/** FNV-1a with the first mixing step of MurmurHash3 at the end; 0 to 2^32 - 1, spread evenly over the keys. */
function hashKey(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}

async function visit(
  candidate: RowSource,
  chosen: readonly MergedLine[],
  visitor: MergeVisitor,
): Promise<boolean> {
  const [first] = chosen
  if (first === undefined) return true
  const { table } = first
  const lines = await candidate.lookup(
    table,
    chosen.map(({ key }) => key),
  )
  const candidateRows = indexByKey(table, lines)
  return chosen.every((row) => {
    const other = candidateRows.get(formatRowKey(row.key))
    if (other === undefined) return visitor.only('baseline', row)
    if (other.line !== row.line) return visitor.pair(row, other)
    return visitor.same(table, 1, [row.line])
  })
}

function indexByKey(table: TableName, lines: readonly string[]): ReadonlyMap<string, MergedLine> {
  const found = new Map<string, MergedLine>()
  for (const line of lines) {
    const read = readLineKey(table, line)
    if (read !== null)
      found.set(formatRowKey(read.key), {
        ...read,
        line,
        repeated: found.has(formatRowKey(read.key)),
      })
  }
  return found
}
