import { closeAfter } from '../../concurrency/open-all.ts'
import { compareJson } from '../../core/parity/compare.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import type { TableName } from '../../core/rows/rows.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { RowSource } from '../../ports/rows.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { importInto } from '../import-export/import-rows.ts'
import { migrateUp } from '../migrate/migrate.ts'
import { loadPersistence, type DdlContract } from '../migrate/load-persistence.ts'
import { runDiffControls } from '../import-export/diff-controls.ts'
import {
  type DiffResult,
  diffSources,
  SETTLE_MS,
  type TableDiff,
} from '../import-export/diff-sources.ts'
import { openBoth } from '../import-export/open-both.ts'
import type { SideName } from '../import-export/merge-rows.ts'
import { countFields, formatRowPointer } from '../import-export/row-report.ts'
import { makeSameSidesError } from './resolve-target.ts'

/** Input of `ff parity diff`. */
export interface DiffRequest {
  readonly root: string
  readonly baseline: TargetSpec
  readonly candidate: TargetSpec
  readonly maxDiffs: number
  /** Share of the baseline's rows that is compared, 0 to 1; null for all. A run with a share never exits 0. */
  readonly sample: number | null
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly adapters: Adapters
  readonly progress: (rows: number, of: number) => void
}

/**
 * `ff parity diff`: compares every field of every stored row of two live stores, and writes to neither. For an
 * `embedded` candidate, starts a private server and imports the baseline into it first; an import that fails is the
 * report. Returns one item for each table, for each side and for each control. Inconclusive for a sample, for rows
 * that change at each reread, for an early end at `maxDiffs` without a finding in that table, and if neither side
 * holds a row.
 *
 * @throws FfError `target_invalid` if a side is not a store, or both sides are the same store; `artefact_invalid` for
 *   a bad contract; also errors of the stores
 */
export async function parityDiff(request: DiffRequest): Promise<CheckReport> {
  const { baseline, candidate, adapters, root } = request
  if (JSON.stringify(baseline) === JSON.stringify(candidate)) throw makeSameSidesError('store')
  const inputs = await loadPersistence(root)
  if (candidate.kind !== 'embedded') return diffStores(request, inputs)
  return adapters.withPrivateDatabase(async (database) => {
    const place = { environment: 'prod', adopt: false }
    await migrateUp({ ...request, database, to: null, dryRun: false, ...place })
    const report = await importInto(
      { ...request, ...place, source: baseline, database, dryRun: false },
      inputs,
    )
    // A failed import is the result: rows that cannot be imported cannot be equal.
    return report.exitName === 'ok'
      ? diffStores({ ...request, candidate: database }, inputs)
      : report
  })
}

function diffStores(request: DiffRequest, inputs: DdlContract): Promise<CheckReport> {
  const { baseline, candidate, adapters } = request
  return closeAfter(async (keep) => {
    const [left, right] = await openBoth(keep, [baseline, candidate], { adapters, needs: inputs })
    return diffSides(request, { baseline: left, candidate: right })
  })
}

async function diffSides(
  { maxDiffs, sample, signal, now, progress }: DiffRequest,
  sides: Readonly<Record<SideName, RowSource>>,
): Promise<CheckReport> {
  if (sides.baseline.identity === sides.candidate.identity) throw makeSameSidesError('store')
  const started = now()
  const controls = await runDiffControls(compareJson)
  const of = Math.max(countRows(sides.baseline), countRows(sides.candidate))
  const result = await diffSources(sides, {
    maxDiffs,
    progress: (rows) => progress(Math.min(rows, of), of),
    stopped: () => signal.aborted,
    compare: compareJson,
    pauseMs: SETTLE_MS,
    sample,
  })
  const items = [
    ...result.tables.map((table) => buildTableItem(table, result)),
    buildSideItem('baseline', sides.baseline),
    buildSideItem('candidate', sides.candidate),
    ...controls,
  ]
  const rows = result.tables.reduce((all, table) => all + table.rows, 0)
  if (sample !== null) items.push(buildSampleItem(rows, countRows(sides.baseline)))
  const duration_ms = now().getTime() - started.getTime()
  return buildCheckReport('parity_diff', rows === 0 ? [...items, NO_ROWS] : items, {
    timing: { started_at: started.toISOString(), duration_ms, ms: {} },
  })
}

const countRows = ({ counts }: RowSource): number =>
  Object.values(counts).reduce((all, one) => all + one, 0)

const NO_ROWS: CheckResult = {
  id: 'rows',
  title: 'neither side holds a row',
  state: 'inconclusive',
  findings: [],
  next: 'Name the stores that hold the rows.',
}

const buildSampleItem = (rows: number, of: number): CheckResult => ({
  id: 'sample',
  title: `${rows} of about ${of} rows of the baseline; rows that only the candidate has are not compared`,
  state: 'inconclusive',
  findings: [],
  next: 'Run ff parity diff again without --sample.',
})

function buildTableItem(diff: TableDiff, { complete }: DiffResult): CheckResult {
  const { table, rows, findings, settled, inFlight } = diff
  const differing = new Set(findings.map(({ pointer }) => getRowPointer(pointer ?? '', table))).size
  const title = [
    `${rows} rows, ${rows * countFields(table)} fields compared`,
    `${differing} rows differ`,
    ...(settled === 0 ? [] : [`${settled} were in replication`]),
    ...(complete ? [] : ['ended before all rows were compared']),
  ].join(', ')
  const moving = inFlight.map((key) => ({
    code: 'in_flight',
    pointer: formatRowPointer(key),
    detail: 'changed at each reread',
  }))
  const item = { ...passResult(table, title), findings: [...findings, ...moving] }
  if (findings.length > 0) return { ...item, state: 'fail', next: NEXT }
  if (complete && moving.length === 0) return item
  return {
    ...item,
    state: 'inconclusive',
    next: complete ? NEXT_CALM : NEXT_WHOLE,
  }
}
const NEXT_CALM = 'Run ff parity diff again while fewer writes run.'
const NEXT_WHOLE =
  'Correct the rows that differ, or allow more with --max-diffs; then run ff parity diff again.'
const NEXT =
  'Where the file is right, run `ff import`; where the database is, `ff export` makes a store of its rows. Of two rows ' +
  'with one revision, PUT the right one again through `ff serve` on its side first. Then run `ff parity diff` again.'

/** The pointer of the row of a finding: the first parts of the finding's pointer. */
const getRowPointer = (pointer: string, table: TableName): string =>
  pointer
    .split('/')
    .slice(0, table === 'flag_registry' ? 2 : 3)
    .join('/')

function buildSideItem(id: SideName, source: RowSource): CheckResult {
  const { target, server } = source.facts
  const item = passResult(id, server === null ? target : `${target} PostgreSQL ${server}`)
  const faults = source.faults()
  if (faults.length === 0) return item
  const findings = faults.map(({ code, detail }) => ({ code, pointer: null, detail }))
  return {
    ...item,
    state: 'fail',
    findings,
    next: 'Find the change that was made past ff, and restore the store from its last good copy.',
  }
}
