import type { AuditPage, AuditQuery } from '../../core/audit/audit-page.ts'
import type { AuditChainHead, AuditRecord } from '../../core/audit/record.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { SinkBacklog } from '../../ports/store.ts'
import type { DeliveryMarks } from './delivery-marks.ts'
import { readAuditPage } from './log-history.ts'
import { listSegments } from './segments.ts'
import { MarksReader } from './marks-reader.ts'
import { toStoreError } from './store-error.ts'

/** Reads the audit records of a store's log together with their marks, without a lock. */
export class SinkReader {
  private readonly folder: string
  private readonly marks: MarksReader
  /** The oldest pending record of the last count, so that its time is read once. */
  private oldest: Pick<AuditRecord, 'seq' | 'occurred_at'> | null = null

  constructor(folder: string) {
    this.folder = folder
    this.marks = new MarksReader(folder)
  }

  /** As `readAuditPage`, with the status of each record. @throws FfError of `toStoreError` */
  page(head: AuditChainHead, query: AuditQuery): Promise<AuditPage> {
    return this.withMappedErrors(async () => {
      const page = await readAuditPage(this.folder, head, query)
      const marks = await this.marks.read()
      return { ...page, sinkStatus: (seq) => marks.status(seq) }
    })
  }

  /**
   * Counts what is not delivered.
   *
   * @param getHead the last acknowledged record
   * @throws FfError of `toStoreError`
   */
  count(getHead: () => AuditChainHead): Promise<SinkBacklog> {
    return this.withMappedErrors(async () => {
      const marks = await this.marks.read()
      // After the marks, so that it is not behind them.
      const head = getHead()
      const [segment] = await listSegments(this.folder)
      // A store that was made from another one begins with a later record.
      const first = segment?.first ?? head.seq + 1
      const open = head.seq - first + 1 - marks.delivered.size
      const oldest = findPending(marks, first)
      return {
        // The shipper may have sent a record that is not acknowledged yet.
        pending: Math.max(0, open - marks.failed),
        failed: marks.failed,
        oldest_at: oldest > head.seq ? null : await this.readTime(oldest, head),
      }
    })
  }

  private async readTime(seq: number, head: AuditChainHead): Promise<Instant | null> {
    if (this.oldest?.seq !== seq) {
      const { records } = await readAuditPage(this.folder, head, { ...ONE, after: seq + 1 })
      this.oldest = records[0] ?? null
    }
    return this.oldest?.occurred_at ?? null
  }

  private withMappedErrors<T>(work: () => Promise<T>): Promise<T> {
    return work().catch((error: unknown) => {
      throw toStoreError(error, this.folder)
    })
  }
}

const ONE = { target: null, since: null, until: null, limit: 1 } as const

/** The first number from `first` on that is neither delivered nor failed. */
function findPending({ delivered, tried }: DeliveryMarks, first: number): number {
  let seq = delivered.findMissing(first)
  while (tried.get(seq)?.status === 'failed') seq = delivered.findMissing(seq + 1)
  return seq
}
