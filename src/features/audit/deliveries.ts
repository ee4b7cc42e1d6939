import type { AuditRecord } from '../../core/audit/record.ts'
import type { SinkStatus } from '../../core/audit/sink.ts'
import type { AuditReading, SinkPlace } from '../../ports/audit.ts'

/** A record, and what its store says of its delivery. */
export interface DeliveryEntry {
  readonly record: AuditRecord
  readonly status: SinkStatus
  /** Null for a record that is not delivered, or whose place the store does not say. */
  readonly place: SinkPlace | null
}

/** The records of a reading in stored order, each with its delivery; null for an entry that is no valid record. */
export async function* listDeliveries({
  records,
  sinkStatus,
  sinkPlace,
}: Pick<
  AuditReading,
  'records' | 'sinkStatus' | 'sinkPlace'
>): AsyncGenerator<DeliveryEntry | null> {
  for await (const record of records)
    yield record === null
      ? null
      : { record, status: sinkStatus(record.seq), place: sinkPlace(record.seq) }
}
