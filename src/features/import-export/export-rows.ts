import { throwIfEnded } from '../../concurrency/ended.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { type TableName, TABLE_NAMES } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'
import type { RowBatch, RowSource } from '../../ports/rows.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { LineSequence, type RowFinding } from './row-report.ts'

/** Input of `ff export`. */
export interface ExportRequest {
  readonly root: string
  readonly database: TargetSpec
  /** Target of the store: a folder that is empty or does not exist yet. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly adapters: Adapters
  readonly progress: (rows: number, of: number) => void
}

/**
 * `ff export`: writes every row of a database into a new file store, whose audit chain continues the chain of the
 * database. Returns one item for each table with its number of rows, and `store` with the SHA-256 of the snapshot. If
 * a row is invalid, writes no store, and the item of its table fails with about 1,000 findings at most; if other rows
 * were read than the server counts, writes no store, and the item `source` fails.
 *
 * @throws FfError `target_invalid` for a source that is no database, `row_refused` if its tables differ from the
 *   contract, `artefact_invalid` for a bad contract, the code of the ending if the run is aborted; also errors of the
 *   database and of the new store
 */
export async function exportRows(request: ExportRequest): Promise<CheckReport> {
  const { adapters, database, folder, now } = request
  if (database.kind !== 'postgres')
    throw new FfError('target_invalid', 'Only a database can be exported.', {
      hint: 'A file store is a folder: stop all writers and copy it.',
    })
  const started = now()
  const source = await adapters.openRows(database, await loadPersistence(request.root))
  const lines = new ExportedRows(request, source)
  let sha256: string | null = null
  try {
    const faults = source.faults()
    if (faults.length > 0)
      throw new FfError(
        'row_refused',
        `The tables differ from contracts/persistence_schema.json: ${faults[0]?.detail}.`,
        {
          hint: 'Run `ff migrate verify` and correct what it lists; a file store cannot hold it.',
        },
      )
    sha256 = await adapters.writeNewStore(folder, source, lines.batches())
  } catch (error) {
    if (!(error instanceof RowRefusedError)) throw error
  } finally {
    await source.close()
  }
  const duration_ms = now().getTime() - started.getTime()
  return buildCheckReport('export', lines.items(sha256), {
    timing: { started_at: started.toISOString(), duration_ms, ms: {} },
  })
}

/** Stops the writer of the store; the findings of the rows say why. */
class RowRefusedError extends Error {}
const MAX_FINDINGS = 1_000

class ExportedRows {
  private readonly request: ExportRequest
  private readonly source: RowSource
  private readonly sequence = new LineSequence()
  private readonly broken: Readonly<Record<TableName, RowFinding[]>> = {
    flag_registry: [],
    tenant_override: [],
    user_override: [],
  }

  constructor(request: ExportRequest, source: RowSource) {
    this.request = request
    this.source = source
  }

  /** The lines of the store. @throws RowRefusedError at the end if a row is invalid, or the source miscounts its rows */
  async *batches(): AsyncGenerator<Buffer> {
    const { signal, progress } = this.request
    const of = Object.values(this.source.counts).reduce((all, one) => all + one, 0)
    let bytes = 0
    for await (const batch of this.source.lines()) {
      throwIfEnded(
        signal,
        (ending) =>
          new FfError(ending, 'The export was stopped before it was complete.', {
            hint: 'No store was written; run the same command again.',
          }),
      )
      this.judge(batch)
      bytes += batch.bytes.length
      progress(Math.min(of, Math.floor(bytes / ROW_BYTES)), of)
      yield batch.bytes
    }
    progress(of, of)
    const broken = TABLE_NAMES.some((table) => this.broken[table].length > 0)
    if (broken || this.source.faults().length > 0) throw new RowRefusedError()
  }

  /** @param sha256 digest of the snapshot that was written; null if none was */
  items(sha256: string | null): readonly CheckResult[] {
    const rows = TABLE_NAMES.map((table): CheckResult => {
      const item = passResult(table, `${this.source.counts[table]} rows`)
      const findings = this.broken[table]
      return findings.length === 0 ? item : { ...item, state: 'fail', findings, next: NEXT }
    })
    if (sha256 !== null) return [...rows, passResult('store', `snapshot sha256 ${sha256}`)]
    const { facts } = this.source
    const findings = this.source
      .faults()
      .map(({ code, detail }) => ({ code, pointer: null, detail }))
    const source = passResult('source', facts.target)
    return findings.length === 0
      ? rows
      : [...rows, { ...source, state: 'fail', findings, next: MISCOUNTED }]
  }

  private judge({ table, bytes, unsure }: RowBatch): void {
    const lines =
      unsure === null
        ? bytes.toString('utf8').split('\n').slice(0, -1)
        : unsure.map((at) => bytes.toString('utf8', at, bytes.indexOf('\n', at)))
    for (const line of lines) {
      const findings = this.sequence.findings(table, line)
      if (this.broken[table].length < MAX_FINDINGS) this.broken[table].push(...findings)
    }
  }
}

/** Approximate size of a row; only the progress display uses it. */
const ROW_BYTES = 240
const MISCOUNTED =
  'Find the damaged index with `pg_amcheck --heapallindexed`, repair the table and REINDEX; no store was written.'
const NEXT = 'Correct these rows in the database and run the export again; no store was written.'
