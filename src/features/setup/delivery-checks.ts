import { nameEnvironment } from '../../core/auth/environment.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { type CheckResult, passResult } from '../../core/report/check-report.ts'
import type { SettingValues } from '../../core/settings/settings.ts'
import { sumSlots } from '../../core/shipping/backlog.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { KafkaOptions, ShipBacklog } from '../../ports/shipping.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'

export interface DeliveryRequest {
  readonly root: string
  readonly settings: SettingValues
  /** Reads the settings and files of the brokers. @throws FfError `setting_invalid` */
  readonly readKafka: () => Promise<KafkaOptions>
  readonly adapters: Adapters
}

/** As the alert rule `audit_undelivered`. */
const LONGEST_PENDING_S = 900

/**
 * Asks the brokers for the topic of the audit records. Sends nothing.
 *
 * @throws FfError `target_unreachable` where no broker answers or none knows the topic, `rights_missing`,
 *   `setting_invalid`
 */
export async function checkDelivery(request: DeliveryRequest): Promise<string> {
  const { settings, readKafka, adapters } = request
  if (settings.FF_KAFKA_BROKERS === null)
    return 'FF_KAFKA_BROKERS is not set: audit records stay pending, and none is lost'
  const topic = await adapters.openAuditTopic(await readKafka())
  try {
    const partitions = await topic.countPartitions()
    return `topic ${topic.name} with ${partitions} partitions`
  } finally {
    await topic.close()
  }
}

/**
 * Counts what is not delivered of the store that is served: inconclusive with the codes `audit_undelivered` for a record
 * that is pending for 15 minutes, and `audit_failed`. Changes nothing.
 *
 * @throws FfError of the store
 */
export async function checkBacklog(request: DeliveryRequest): Promise<CheckResult | string> {
  const target = findServed(request.settings)
  if (target === null) return 'no store is set'
  const { failed, slots } = await readBacklog(request, target)
  const { pending, oldest_seconds } = sumSlots(slots)
  const age = Math.round(oldest_seconds ?? 0)
  const title = `${pending} pending${pending > 0 ? `, the oldest for ${age} s` : ''}; ${failed} failed`
  const codes = [
    ...(age > LONGEST_PENDING_S ? ['audit_undelivered'] : []),
    ...(failed > 0 ? ['audit_failed'] : []),
  ]
  if (codes.length === 0) return title
  return {
    ...passResult('audit backlog', title),
    state: 'inconclusive',
    findings: codes.map((code) => ({ code, pointer: null, detail: title })),
    next: 'Read the log of `ff audit ship --follow`, which has to run; `ff audit redrive --all` sends failed records again.',
  }
}

const findServed = ({
  FF_BACKING,
  FF_DATABASE_URL,
  FF_STORE_DIR,
}: SettingValues): TargetSpec | null => {
  if (FF_BACKING === 'db') return FF_DATABASE_URL
  return FF_STORE_DIR === null ? null : { kind: 'file', folder: FF_STORE_DIR }
}

async function readBacklog(
  { root, adapters, settings }: DeliveryRequest,
  target: TargetSpec,
): Promise<ShipBacklog> {
  const { migrations, versions } = await loadPersistence(root)
  const store = await adapters.openShipStore(target, {
    migrations,
    versions,
    environment: nameEnvironment(settings),
    lease_ms: settings.FF_SHIP_LEASE * 1_000,
    send_ms: settings.FF_KAFKA_TIMEOUT * 1_000,
  })
  try {
    return await store.backlog()
  } finally {
    await store.close()
  }
}
