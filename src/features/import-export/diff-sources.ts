import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonComparer } from '../../core/parity/compare.ts'
import { readLineKey } from '../../core/row-format/row-line.ts'
import { formatRowKey, type RowKey, type TableName, TABLE_NAMES } from '../../core/rows/rows.ts'
import type { RowSource } from '../../ports/rows.ts'
import { type MergedLine, mergeRows, type MergeVisitor, type SideName } from './merge-rows.ts'
import { mergeSample } from './merge-sample.ts'
import {
  findLineProblems,
  LineSequence,
  findPairDifferences,
  makeRepeatedFinding,
  type RowFinding,
  formatRowPointer,
} from './row-report.ts'

/** Rereads of a differing row at most, while it keeps changing. */
const MAX_REREADS = 3
/** Time within which a replicated row arrives on the other side, in milliseconds. */
export const SETTLE_MS = 250

export interface DiffOptions {
  /** The comparison ends after this many differences. */
  readonly maxDiffs: number
  /** Receives the number of rows compared so far. */
  readonly progress: (rows: number) => void
  readonly stopped: () => boolean
  readonly compare: JsonComparer
  /** Wait before each reread of the differing rows. */
  readonly pauseMs: number
  /** Share of the baseline's rows that is compared, 0 to 1; null for all rows of both sides. */
  readonly sample: number | null
}
/** Result of one table. */
export interface TableDiff {
  readonly table: TableName
  /** Keys that exist on at least one side. */
  readonly rows: number
  readonly findings: readonly RowFinding[]
  /** Rows that differed at first and were equal when read again. */
  readonly settled: number
  /** Rows that changed at each reread, so they count neither as equal nor as different. */
  readonly inFlight: readonly RowKey[]
}
/** Result of a comparison, one entry for each table. */
export interface DiffResult {
  readonly tables: readonly TableDiff[]
  /** False if the comparison ended at `maxDiffs`. */
  readonly complete: boolean
}

/**
 * Compares the rows of two sides, or a share of them. Each row is validated where the source did not do so, and an
 * invalid row is a finding at once. Each key that differs is read again up to three times, after a wait of `pauseMs`
 * each: equal by then counts as `settled`, unchanged is a finding, always changing is `inFlight`. Returns one entry
 * for each table. Ends at `maxDiffs` differences (`complete` is false) or when stopped (`complete` stays true).
 *
 * @throws FfError `store_corrupt` for a row out of order or without a key; not with `sample`. Also errors of the
 *   sources
 */
export async function diffSources(
  sides: Readonly<Record<SideName, RowSource>>,
  options: DiffOptions,
): Promise<DiffResult> {
  const visitor = new DiffVisitor(options)
  if (options.sample === null) await mergeRows(sides.baseline, sides.candidate, visitor)
  else await mergeSample(sides, visitor, options.sample)
  const tables: TableDiff[] = []
  for (const table of TABLE_NAMES) {
    const { rows, broken, suspects } = visitor.found[table]
    const result = await settle(sides, suspects, { ...options, table })
    tables.push({ ...result, table, rows, findings: [...broken, ...result.findings] })
  }
  return { tables, complete: !visitor.full }
}

/** A key whose rows are not the same bytes; the list of a side is empty if the side has no row. */
export interface Suspect {
  readonly key: RowKey
  readonly lines: Readonly<Record<SideName, readonly string[]>>
}
interface TableFindings {
  rows: number
  readonly broken: RowFinding[]
  readonly suspects: Suspect[]
}

class DiffVisitor implements MergeVisitor {
  readonly found: Readonly<Record<TableName, TableFindings>> = {
    flag_registry: { rows: 0, broken: [], suspects: [] },
    tenant_override: { rows: 0, broken: [], suspects: [] },
    user_override: { rows: 0, broken: [], suspects: [] },
  }
  full = false
  private rows = 0
  private differing = 0
  private readonly sequence = new LineSequence()
  private readonly options: DiffOptions

  constructor(options: DiffOptions) {
    this.options = options
  }

  same(table: TableName, count: number, uncertain: readonly string[]): boolean {
    for (const line of uncertain) {
      if (!this.shouldContinue()) break
      this.addFindings(table, this.sequence.findings(table, line))
    }
    this.count(table, count)
    return this.shouldContinue()
  }

  pair(baseline: MergedLine, candidate: MergedLine): boolean {
    const { table, key } = baseline
    this.count(table, 1)
    this.addFindings(table, findLineProblems(table, baseline.line, 'baseline'))
    this.addFindings(table, findLineProblems(table, candidate.line, 'candidate'))
    if (findPairDifferences(key, [baseline.line, candidate.line], this.options.compare).length > 0)
      this.suspect(table, {
        key,
        lines: { baseline: [baseline.line], candidate: [candidate.line] },
      })
    return this.shouldContinue()
  }

  only(side: SideName, { table, key, line }: MergedLine): boolean {
    this.count(table, 1)
    this.addFindings(table, findLineProblems(table, line, side))
    this.suspect(table, { key, lines: { baseline: [], candidate: [], [side]: [line] } })
    return this.shouldContinue()
  }

  private shouldContinue(): boolean {
    this.full ||= this.differing >= this.options.maxDiffs
    return !this.full && !this.options.stopped()
  }

  private count(table: TableName, rows: number): void {
    this.found[table].rows += rows
    this.rows += rows
    this.options.progress(this.rows)
  }

  private suspect(table: TableName, suspect: Suspect): void {
    this.found[table].suspects.push(suspect)
    this.differing += 1
  }

  /** An invalid row is a finding even if both sides hold the same bytes. */
  private addFindings(table: TableName, findings: readonly RowFinding[]): void {
    if (findings.length === 0) return
    this.found[table].broken.push(...findings)
    this.differing += 1
  }
}

interface SettleOptions extends Pick<DiffOptions, 'compare' | 'pauseMs'> {
  readonly table: TableName
}

/** Rereads the differing rows: a row in replication is equal by then; a row that stays different is a finding. */
async function settle(
  sides: Readonly<Record<SideName, RowSource>>,
  suspects: readonly Suspect[],
  { table, compare, pauseMs }: SettleOptions,
): Promise<Pick<TableDiff, 'findings' | 'settled' | 'inFlight'>> {
  const findings: RowFinding[] = []
  let settled = 0
  let waiting = suspects
  for (let reread = 0; reread < MAX_REREADS && waiting.length > 0; reread += 1) {
    await sleep(pauseMs)
    const now = await readSuspects(sides, waiting, table)
    const moving: Suspect[] = []
    for (const [index, suspect] of now.entries()) {
      const differences = findSuspectDifferences(suspect, compare)
      if (differences.length === 0) settled += 1
      else if (hasSameLines(suspect, waiting[index] as Suspect)) findings.push(...differences)
      else moving.push(suspect)
    }
    waiting = moving
  }
  return { findings, settled, inFlight: waiting.map(({ key }) => key) }
}

async function readSuspects(
  sides: Readonly<Record<SideName, RowSource>>,
  suspects: readonly Suspect[],
  table: TableName,
): Promise<readonly Suspect[]> {
  const keys = suspects.map(({ key }) => key)
  const [baseline, candidate] = (
    await Promise.all([sides.baseline.lookup(table, keys), sides.candidate.lookup(table, keys)])
  ).map((lines) => groupByKey(lines, table)) as [Lines, Lines]
  return suspects.map(({ key }) => ({
    key,
    lines: {
      baseline: baseline.get(formatRowKey(key)) ?? [],
      candidate: candidate.get(formatRowKey(key)) ?? [],
    },
  }))
}

type Lines = ReadonlyMap<string, readonly string[]>

function groupByKey(lines: readonly string[], table: TableName): Lines {
  const found = new Map<string, string[]>()
  for (const line of lines) {
    const read = readLineKey(table, line)
    if (read === null) continue
    const text = formatRowKey(read.key)
    found.set(text, [...(found.get(text) ?? []), line])
  }
  return found
}

const hasSameLines = (a: Suspect, b: Suspect): boolean =>
  a.lines.baseline.join('\n') === b.lines.baseline.join('\n') &&
  a.lines.candidate.join('\n') === b.lines.candidate.join('\n')

/** The differences of one key as last read. */
function findSuspectDifferences(
  { key, lines }: Suspect,
  compare: JsonComparer,
): readonly RowFinding[] {
  const { baseline, candidate } = lines
  const row = formatRowPointer(key)
  if (baseline.length > 1 || candidate.length > 1) return [makeRepeatedFinding(key)]
  const [left, right] = [baseline[0], candidate[0]]
  if (left !== undefined && right !== undefined)
    return findPairDifferences(key, [left, right], compare)
  if (left === undefined && right === undefined) return []
  return left === undefined
    ? [{ code: 'row_extra', pointer: row, detail: 'only in the candidate' }]
    : [{ code: 'row_missing', pointer: row, detail: 'not in the candidate' }]
}
