import { createHash } from 'node:crypto'
import { throwIfEnded } from '../../concurrency/ended.ts'
import { closeAfter } from '../../concurrency/open-all.ts'
import type { CanonicalJson } from '../../core/json/canonical.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { TABLE_NAMES } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { RowSource } from '../../ports/rows.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { loadPersistence, type DdlContract } from '../migrate/load-persistence.ts'
import { ImportVisitor, type TableImport } from './import-visitor.ts'
import { mergeRows } from './merge-rows.ts'

/** The rows to import, in the order of a store; `lines` may be read more than once. */
export type ImportSource = Pick<RowSource, 'counts' | 'lines' | 'faults' | 'close'>

/** Input of `ff import`. */
export interface ImportRequest {
  readonly root: string
  readonly source: TargetSpec | ImportSource
  readonly database: TargetSpec
  /** FF_ENV, which the database has to be made for. */
  readonly environment: string
  /** Judge only; nothing is written. */
  readonly dryRun: boolean
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly adapters: Adapters
  readonly progress: (rows: number, of: number) => void
}

/**
 * `ff import`: validates every row of a source store, then writes those that are absent or older in a database, with
 * the persistence contract of the package. Returns counts for each table; a refused row fails its table, and nothing
 * is written then.
 *
 * @throws FfError `artefact_invalid` for a bad contract or migration, `place_refused` for a database of another
 *   environment, `backing_unavailable` for a source that
 *   changed, `store_corrupt` for a side that is not sorted, `import_locked`, the code of the ending if the run is
 *   aborted; also errors of both stores
 */
export async function importRows(request: ImportRequest): Promise<CheckReport> {
  return importInto(request, await loadPersistence(request.root))
}

/**
 * Reads the source twice: first validates all rows and writes nothing; then, unless a row is refused or it is a dry
 * run, writes those that are absent or older in the database, and records the import in the audit trail. Equal and
 * newer rows of the database stay, so an import can stop anywhere and run again. Returns `source` with its SHA-256 and
 * one item of counts for each table; a refused row, such as one of the same revision with other fields, fails its
 * table. A source without rows is inconclusive, and nothing is written or recorded.
 *
 * @param before items for the start of the report
 * @throws FfError `place_refused` for a database of another environment, `backing_unavailable` if the source changed
 *   between the two reads (rows may be written by then), `store_corrupt` for a side that is not sorted, the code of
 *   the ending if the run is aborted; also errors of both stores
 */
export async function importInto(
  request: ImportRequest,
  inputs: DdlContract,
  before: readonly CheckResult[] = [],
): Promise<CheckReport> {
  const started = request.now()
  const judged = await walk(request, inputs, null)
  const refused = judged.visitor.refused > 0 || judged.faults.length > 0
  // A record of an import without rows would make `ff serve` refuse a new database as one that lost them.
  if (refused || request.dryRun || judged.visitor.rows === 0)
    return toReport(request, started, { ...judged, written: false, before })
  const { adapters, database } = request
  const done = await adapters.withRowSink(database, inputs, async (sink) => {
    const merged = await walk(request, inputs, sink)
    if (merged.visitor.refused > 0 || merged.digest !== judged.digest)
      throw makeSourceChangedError()
    await sink.record({
      target: `import/${merged.digest}`,
      after: serializeBoundary(merged),
      request_id: `import-${merged.digest.slice(0, 16)}`,
    })
    return merged
  })
  return toReport(request, started, { ...done, written: true, before })
}

const makeSourceChangedError = (): FfError =>
  new FfError('backing_unavailable', 'The source changed during the import.', {
    hint: 'The rows written so far are correct; run the same command again for the rest.',
  })

interface WalkResult {
  readonly visitor: ImportVisitor
  readonly faults: readonly { readonly code: string; readonly detail: string }[]
  /** SHA-256 of the source's lines. */
  readonly digest: string
}

/** Merges the source with the rows of the database. @param sink null validates and writes nothing */
async function walk(
  { source, database, adapters, signal, progress, environment }: ImportRequest,
  inputs: DdlContract,
  sink: Parameters<Parameters<Adapters['withRowSink']>[2]>[0] | null,
): Promise<WalkResult> {
  return closeAfter(async (keep) => {
    // The source first: reading a long log takes a minute, and the server ends a transaction that idles.
    const opening = 'lines' in source ? Promise.resolve(source) : adapters.openRows(source, inputs)
    const rows = await keep<ImportSource>(opening)
    const held = await keep(adapters.openRows(database, { ...inputs, environment }))
    const of = Object.values(rows.counts).reduce((all, one) => all + one, 0)
    const visitor = new ImportVisitor(sink, {
      stopped: () => signal.aborted,
      progress: (done) => progress(Math.min(done, of), of),
    })
    const hash = createHash('sha256')
    await mergeRows(withHash(rows, hash), visitor.seeFlags(held), visitor)
    await visitor.finish()
    throwIfEnded(
      signal,
      (ending) =>
        new FfError(ending, 'The import was stopped before it was complete.', {
          hint: 'Run the same command again: the import continues where it stopped.',
        }),
    )
    return { visitor, faults: rows.faults(), digest: hash.digest('hex') }
  })
}

const withHash = (
  source: ImportSource,
  hash: ReturnType<typeof createHash>,
): Pick<RowSource, 'lines'> => ({
  lines: async function* () {
    for await (const batch of source.lines()) {
      hash.update(batch.bytes)
      yield batch
    }
  },
})

function serializeBoundary({ visitor, digest }: WalkResult): CanonicalJson {
  const counts = TABLE_NAMES.map((table) => `"${table}":${visitor.tables[table].rows}`).join(',')
  return `{"rows":{${counts}},"sha256":"${digest}"}` as CanonicalJson
}

interface ImportResult extends WalkResult {
  readonly written: boolean
  readonly before: readonly CheckResult[]
}
function toReport(
  { now }: Pick<ImportRequest, 'now'>,
  started: Date,
  { visitor, faults, digest, written, before }: ImportResult,
): CheckReport {
  const items = TABLE_NAMES.map((table): CheckResult => {
    const { findings, ...counts } = visitor.tables[table]
    const item = { ...passResult(table, describeCounts(counts, written)), findings }
    return findings.length === 0 ? item : { ...item, state: 'fail', next: NEXT }
  })
  const source = passResult('source', `sha256 ${digest} over ${visitor.rows} rows`)
  const broken: CheckResult = {
    ...source,
    state: 'fail',
    findings: faults.map(({ code, detail }) => ({ code, pointer: null, detail })),
    next: 'Restore the store from its last good copy and run the import again; nothing was written.',
  }
  const empty: CheckResult = {
    ...source,
    state: 'inconclusive',
    title: 'holds no row',
    next: 'Name the store that holds the rows.',
  }
  const duration_ms = now().getTime() - started.getTime()
  return buildCheckReport(
    'import',
    [...before, faults.length > 0 ? broken : visitor.rows === 0 ? empty : source, ...items],
    {
      timing: { started_at: started.toISOString(), duration_ms, ms: {} },
    },
  )
}
const NEXT =
  'Nothing was written. Correct invalid rows in the source. Of two rows with one revision, PUT the right one again ' +
  'through `ff serve` on its side: its revision rises, and the import keeps the higher one.'

function describeCounts(counts: Omit<TableImport, 'findings'>, written: boolean): string {
  const { rows, inserted, updated, same, newer, extra, writes } = counts
  const done = written ? `${inserted} inserted, ${updated} updated` : `${writes} to write`
  const more = [
    ...(newer === 0 ? [] : [`${newer} newer in the database`]),
    ...(extra === 0 ? [] : [`${extra} only in the database`]),
  ]
  return [`${rows} rows`, done, `${same} as they were`, ...more].join(', ')
}
