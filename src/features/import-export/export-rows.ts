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

export interface ExportRequest {
  readonly root: string
  readonly database: TargetSpec
  /** Where the store will be: a new folder, or an empty one. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly adapters: Adapters
  readonly progress: (rows: number, of: number) => void
}

/**
 * `ff export`: every row of a database as a file store, which begins where the database's audit chain ends.
 * A row that no store could hold ends it with no store written.
 */
export async function exportRows(request: ExportRequest): Promise<CheckReport> {
  const { adapters, database, folder, now } = request
  if (database.kind !== 'postgres')
    throw new FfError('target_invalid', 'Only a database can be exported.', {
      hint: 'A file store is a folder: copy it while nothing writes to it.',
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
        `The tables are not as in the contract: ${faults[0]?.detail}.`,
        {
          hint: 'Run `ff migrate verify`; a store has no place for what it names.',
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

/** Ends the writing; what is wrong is with the rows. */
class RowRefusedError extends Error {}
const MOST_FINDINGS = 1_000

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

  /** The lines as they are written. @throws Refused at the end, where any of them breaks page 1 */
  async *batches(): AsyncGenerator<Buffer> {
    const { signal, progress } = this.request
    const of = Object.values(this.source.counts).reduce((all, one) => all + one, 0)
    let bytes = 0
    for await (const batch of this.source.lines()) {
      throwIfEnded(
        signal,
        (ending) =>
          new FfError(ending, 'The export was ended before it was done.', {
            hint: 'No store was written; run it again.',
          }),
      )
      this.judge(batch)
      bytes += batch.bytes.length
      progress(Math.min(of, Math.floor(bytes / ROW_BYTES)), of)
      yield batch.bytes
    }
    progress(of, of)
    if (TABLE_NAMES.some((table) => this.broken[table].length > 0)) throw new RowRefusedError()
  }

  /** @param sha256 of the store that was written; null where none was */
  items(sha256: string | null): readonly CheckResult[] {
    const rows = TABLE_NAMES.map((table): CheckResult => {
      const item = passResult(table, `${this.source.counts[table]} rows`)
      const findings = this.broken[table]
      return findings.length === 0 ? item : { ...item, state: 'fail', findings, next: NEXT }
    })
    return sha256 === null ? rows : [...rows, passResult('store', `snapshot sha256 ${sha256}`)]
  }

  private judge({ table, bytes, unsure }: RowBatch): void {
    const lines =
      unsure === null
        ? bytes.toString('utf8').split('\n').slice(0, -1)
        : unsure.map((at) => bytes.toString('utf8', at, bytes.indexOf('\n', at)))
    for (const line of lines) {
      const findings = this.sequence.findings(table, line)
      if (this.broken[table].length < MOST_FINDINGS) this.broken[table].push(...findings)
    }
  }
}

/** About what a row takes, for the progress alone. */
const ROW_BYTES = 240
const NEXT = 'Correct these rows in the database; no store was written.'
