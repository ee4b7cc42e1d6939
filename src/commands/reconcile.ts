import { reconcileDelivery } from '../features/audit/reconcile.ts'
import { resolveTrailTarget } from './audit.ts'
import type { Invocation } from './context.ts'
import type { AUDIT_RECONCILE } from './declarations/ship-options.ts'
import { readKafkaOptions } from './kafka-options.ts'
import { createProgressLine } from './progress.ts'
import { runReportCommand } from './run-report.ts'
import { loadSettings } from './settings.ts'

/**
 * `ff audit reconcile`: prints a report on a topic, compared with the audit trail of a store, and sets its exit. Changes
 * nothing; shows its progress on stderr.
 * @throws FfError `target_invalid` without FF_KAFKA_BROKERS or a store, `setting_invalid`, `secret_in_option`, the errors
 * of `reconcileDelivery`, and those of `runReportCommand`, such as `output_failed`
 */
export const runAuditReconcile = (invocation: Invocation<typeof AUDIT_RECONCILE>): Promise<void> =>
  runReportCommand(invocation, async (signal) => {
    const { context, options } = invocation
    const { root, cwd, env, adapters } = context
    const kafka = await readKafkaOptions((await loadSettings(env, cwd)).values)
    return reconcileDelivery({
      root,
      target: await resolveTrailTarget(invocation),
      kafka: { ...kafka, topic: options.topic ?? kafka.topic },
      from: options.from,
      adapters,
      signal,
      progress: createProgressLine(invocation, 'records'),
    })
  })
