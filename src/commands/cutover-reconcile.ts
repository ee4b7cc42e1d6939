import type { CutoverReconciliation } from '../core/report/cutover-documents.ts'
import { instantFromMs } from '../core/rows/instant.ts'
import { listDrift, repairRows } from '../features/cutover/reconcile-rows.ts'
import { formatCutoverReconciliation } from '../reports/cutover-text.ts'
import type { Invocation } from './context.ts'
import { nameOperator, runCutoverCommand } from './cutover-context.ts'
import type { CUTOVER_RECONCILE } from './declarations/cutover-options.ts'
import { printDocument } from './document.ts'

/**
 * `ff cutover reconcile`: prints what each side has alone and the rows that differ, and without `--dry-run` sets those of
 * the other side to the authority's. Ends `no_go` where the sides are not one chain or a row differs in the end, and
 * `inconclusive` where not every row could be compared.
 * @throws FfError `chains_forked`, `database_left` and `phase_refused` where there is nothing to repair by; `mirror_behind`,
 * `outcome_unknown`, `cutover_locked`; `interrupted`, `terminated`; as `runCutoverPlan`, and the errors of the database
 */
export const runCutoverReconcile = (
  invocation: Invocation<typeof CUTOVER_RECONCILE>,
): Promise<void> =>
  runCutoverCommand(invocation, async ({ both, clock, signal, leaseMs }) => {
    const { context, options } = invocation
    const { adapters, io } = context
    const boundMs = options.bound * 1_000
    const request = { ...(await both()), adapters, clock, signal, boundMs, leaseMs }
    const found = options.dryRun
      ? await listDrift(request)
      : await repairRows({
          ...request,
          actor: nameOperator(),
          now: () => instantFromMs(context.now().getTime()),
          repaired: (count) => io.stderr(`repaired ${count} rows\n`),
        })
    await printDocument(invocation, {
      json: { schemaVersion: 1, ...found },
      text: () => formatCutoverReconciliation(found),
    })
    context.exit = findExit(found)
  })

function findExit(found: CutoverReconciliation): 'ok' | 'no_go' | 'inconclusive' {
  const { file_only, database_only, rows, next } = found
  const isForked = file_only.count > 0 && database_only.count > 0
  const isLeft = next.standing === 'database_left' && database_only.count > 0
  if (isForked || isLeft) return 'no_go'
  if (rows === null) return 'inconclusive'
  if (rows.found + rows.left > 0) return 'no_go'
  return rows.complete && rows.in_flight === 0 && rows.compared > 0 ? 'ok' : 'inconclusive'
}
