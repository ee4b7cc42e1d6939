import { randomUUID } from 'node:crypto'
import type { ReconciledRow } from '../../core/report/cutover-documents.ts'
import { formatRowKey } from '../../core/rows/rows.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { CarriedOut, NamedOperation } from '../../ports/cutover.ts'
import type { RowDrift, DriftedRow } from './find-drift.ts'

export interface RepairTools {
  /** Searches once more, over what both sides hold now. */
  readonly find: () => Promise<RowDrift>
  /** Has a change made by the protocol of the phase: at the authority first, then at the other side. */
  readonly submit: (operation: NamedOperation) => Promise<CarriedOut>
  /** In the audit records. */
  readonly actor: string
  readonly now: () => Instant
  readonly signal: AbortSignal
  readonly repaired: (count: number) => void
}
export interface Repaired {
  readonly drift: RowDrift
  readonly rows: readonly ReconciledRow[]
}

/**
 * Writes each row that differs again as the authority has it at that moment, as a change with an audit record of its own
 * that stands in the one chain and brings the row to the other side. Repeats the search until it finds nothing that it
 * can repair. Stopped at any point, what was repaired stays so, and the next run repairs the rest.
 *
 * @throws FfError `mirror_behind`, `outcome_unknown` or `backing_unavailable` where a repair was not acknowledged
 */
export async function repairDrift(tools: RepairTools): Promise<Repaired> {
  const rows: ReconciledRow[] = []
  const known = new Set<string>()
  for (;;) {
    const drift = await tools.find()
    const left: ReconciledRow[] = []
    let repaired = 0
    for (const row of drift.rows) {
      if (tools.signal.aborted) throw stoppedError(rows.length)
      const key = `${row.table} ${formatRowKey(row.key)}`
      // What differs again was changed past both services, and would be so without end.
      const done = known.has(key)
        ? ({ ...toReconciled(row), outcome: 'left', reason: 'differs_again' } as const)
        : await repair(tools, row)
      if (done.outcome === 'left') left.push(done)
      else {
        rows.push(done)
        known.add(key)
        repaired += 1
        tools.repaired(rows.length)
      }
    }
    // The last search is the proof: it came after each repair.
    if (repaired === 0) return { drift, rows: [...rows, ...left] }
  }
}

async function repair(tools: RepairTools, row: DriftedRow): Promise<ReconciledRow> {
  const { table, key, alone } = row
  const id = randomUUID()
  const { answer, result } = await tools.submit({
    call: 'write',
    name: { op_id: id, request_digest: null },
    request: {
      table,
      key,
      action: 'repair',
      body: null,
      detail: { kind: 'repair', reason: REASONS[row.kind], alone },
      expected: null,
      actor: tools.actor,
      auth_mode: null,
      request_id: `reconcile-${id}`,
      occurred_at: tools.now(),
      approval: null,
    },
  })
  if (result?.ok === false && 'problems' in result)
    return { ...toReconciled(row), outcome: 'left', reason: result.problems[0]?.code ?? null }
  if (answer.status === 'acknowledged')
    return { ...toReconciled(row), outcome: 'repaired', seq: answer.seq }
  throw unsettledError(answer)
}

const REASONS: Readonly<Record<DriftedRow['kind'], string>> = {
  differs: 'ff cutover reconcile: the other side had another row',
  file_only: 'ff cutover reconcile: the file alone had the row',
  database_only: 'ff cutover reconcile: the database alone had the row',
}

/** A row as the document lists it, found and not repaired. */
export const toReconciled = ({ table, key, kind, fields }: DriftedRow): ReconciledRow => ({
  table,
  ...key,
  kind,
  fields,
  outcome: 'found',
  seq: null,
  reason: null,
})

const AGAIN = 'Run `ff cutover status`, then `ff cutover reconcile` again.'
const stoppedError = (count: number): FfError =>
  new FfError('step_backed_out', `Stopped after ${count} repairs, each of which is whole.`, {
    hint: AGAIN,
  })

function unsettledError(answer: CarriedOut['answer']): FfError {
  if (answer.status === 'mirror_behind')
    return new FfError(
      'mirror_behind',
      `The repair ${answer.seq} is in effect, and not on both sides yet.`,
      { hint: AGAIN },
    )
  if (answer.status === 'refused')
    return new FfError(
      'backing_unavailable',
      `The writer refused a repair (${answer.why}); nothing was written.`,
      { hint: AGAIN },
    )
  return new FfError('outcome_unknown', 'Whether the last repair was made is not known.', {
    hint: AGAIN,
  })
}
