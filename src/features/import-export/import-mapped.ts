import { throwIfEnded } from '../../concurrency/ended.ts'
import { EMPTY_HEAD } from '../../core/audit/record.ts'
import type { RowRuns } from '../../core/import-mapping/row-runs.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { TABLE_NAMES, type TableName } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { RowBatch } from '../../ports/rows.ts'
import { buildCheckReport, type CheckResult, passResult } from '../../core/report/check-report.ts'
import { importInto, type ImportRequest, type ImportSource } from './import-rows.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { type MappedFile, judgeMapping } from './judge-mapping.ts'

/** Input of `ff import FILE --mapping MAPPING`. */
export interface MappedRequest
  extends Omit<ImportRequest, 'source' | 'database'>, Omit<MappedFile, 'adapters' | 'signal'> {
  /** A database, or the folder of a new store. */
  readonly into: TargetSpec
}

/**
 * `ff import FILE --mapping MAPPING`: imports the flags and overrides of another service into a database, as
 * `importRows` does, or into a new file store. Reports each refused value with its place in the file (item `mapping`
 * fails) and then writes nothing; `changes` lists values that change on the way. A dry run writes nothing.
 *
 * @throws FfError the errors of `judgeMapping`; `artefact_invalid` for a bad contract; `target_invalid` for a file
 *   store without a folder; the code of the ending if the run is aborted; also those of `importInto`, such as
 *   `import_locked`, and of the new store
 */
export async function importMapped(request: MappedRequest): Promise<CheckReport> {
  const started = request.now()
  const { items, rows } = await judgeMapping(request)
  if (rows === null) return buildCheckReport('import', items)
  const source = toSource(rows)
  const { into } = request
  if (into.kind !== 'file')
    return importInto(
      { ...request, source, database: into },
      await loadPersistence(request.root),
      items,
    )
  const written = await writeStore(request, into.folder, source)
  const duration_ms = request.now().getTime() - started.getTime()
  return buildCheckReport('import', [...items, ...written], {
    timing: { started_at: started.toISOString(), duration_ms, ms: {} },
  })
}

/** @param folder null is refused: a temporary store would be removed at the end of the run */
async function writeStore(
  { adapters, dryRun, signal }: MappedRequest,
  folder: string | null,
  source: ImportSource,
): Promise<readonly CheckResult[]> {
  if (folder === null)
    throw new FfError('target_invalid', 'No folder was named for the store.', {
      hint: 'Add --into file:DIR with a folder that is empty or does not exist yet.',
    })
  const words = dryRun ? 'to write' : 'written'
  const rows = TABLE_NAMES.map((table) =>
    passResult(table, `${source.counts[table]} rows ${words}`),
  )
  if (dryRun) return rows
  const about = { counts: source.counts, head: EMPTY_HEAD, epoch: 0 }
  const sha256 = await adapters.writeNewStore(folder, about, streamBytes(source, signal))
  return [...rows, passResult('store', `snapshot sha256 ${sha256}`)]
}

async function* streamBytes(source: ImportSource, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const { bytes } of source.lines()) {
    throwIfEnded(
      signal,
      (ending) =>
        new FfError(ending, 'The import was stopped before it was complete.', {
          hint: 'No store was written; run the same command again.',
        }),
    )
    yield bytes
  }
}

const BATCH_ROWS = 200

function toSource(rows: RowRuns): ImportSource {
  return {
    counts: rows.counts,
    lines: async function* () {
      yield* toBatches(rows)
    },
    faults: () => [],
    close: () => Promise.resolve(),
  }
}

function* toBatches(rows: RowRuns): Generator<RowBatch> {
  let [table, lines]: [TableName, string[]] = ['flag_registry', []]
  for (const row of rows) {
    if (row.table !== table || lines.length === BATCH_ROWS) {
      yield toBatch(table, lines)
      ;[table, lines] = [row.table, []]
    }
    lines.push(row.line)
  }
  yield toBatch(table, lines)
}
const toBatch = (table: TableName, lines: readonly string[]): RowBatch => ({
  table,
  bytes: Buffer.from(lines.map((line) => `${line}\n`).join('')),
  unsure: [],
})
