import { closeAfter } from '../../concurrency/open-all.ts'
import { ChainWalk } from '../../core/audit/walk.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import { buildCheckReport, type CheckResult, passResult } from '../../core/report/check-report.ts'
import type { CheckReport } from '../../core/report/types.ts'
import {
  type DeliveryDue,
  type TopicFault,
  DeliveryLedger,
  type Reconciliation,
} from '../../core/shipping/reconcile.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { AuditTrail } from '../../ports/audit.ts'
import type { KafkaOptions } from '../../ports/shipping.ts'
import type { PartitionSpan, TopicReader } from '../../ports/topic.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import { type DeliveryEntry, listDeliveries } from './deliveries.ts'
import { endIfAborted } from './signed-heads.ts'
import { findChainFault, hashAuditText } from './verify.ts'

export interface ReconcileRequest {
  readonly root: string
  readonly target: TargetSpec
  readonly kafka: KafkaOptions
  /** The offset from which each partition is read, 0 for its start; `earliest` for its first message that is kept. */
  readonly from: number | 'earliest'
  readonly adapters: Adapters
  readonly signal: AbortSignal
  readonly progress: (done: number, of: number) => void
}

/** What the store says of the delivery of its records, when they were first read. */
interface TableCounts {
  pending: number
  failed: number
  /** Delivered in front of the messages that are read: to another topic, before `from`, or deleted since. */
  elsewhere: number
  before: number
  deleted: number
  /** Delivered to a place that the store does not say, of a topic that is not read whole. */
  unplaced: number
}

/**
 * `ff audit reconcile`: compares the audit records of a store with the messages of a topic, record by record. Changes
 * nothing.
 *
 * Every record that the store calls delivered must be in the topic, unaltered, and first appear behind the earlier
 * records of its target; every message must be a record of the store. A record may be there more than once. The hash
 * chain of the store is verified on the way, up to the head that it keeps.
 *
 * @returns items `table`, `topic`, `records` and `undelivered`. `topic` is inconclusive where it holds no message, or
 *   where records were delivered to another topic, or as messages that were deleted, unless `from` is `earliest`;
 *   `records` is inconclusive where there was nothing to compare
 * @throws FfError `audit_altered` where the chain is broken or does not reach its head, `proof_inconclusive` where
 *   messages are deleted while they are read, `artefact_invalid`, `timeout`, `interrupted`, `terminated`, and the errors
 *   of the store and the topic
 */
export async function reconcileDelivery(request: ReconcileRequest): Promise<CheckReport> {
  const { root, adapters, target, kafka, signal } = request
  const needs = await loadPersistence(root)
  return closeAfter(async (keep) => {
    const trail = await keep(adapters.openTrail(target, needs))
    const topic = await keep(adapters.openTopicReader(kafka))
    const run = new Reconciling(request)
    const kept = await topic.spans()
    await run.readTable(trail, kept)
    // By now the topic has each message of a record that was delivered when the table was read. Those of newer records
    // are there too, so the newer records are read once more.
    const spans = await run.planSpans(topic, kept)
    await run.readNewRecords(trail)
    await topic.read(spans, (message) => run.ledger.take(message), signal)
    requireUncut(spans, await topic.spans())
    return run.report(spans)
  })
}

class Reconciling {
  readonly ledger = new DeliveryLedger(hashAuditText)
  private readonly walk = new ChainWalk(hashAuditText)
  private readonly request: ReconcileRequest
  private readonly counts: TableCounts = {
    pending: 0,
    failed: 0,
    elsewhere: 0,
    before: 0,
    deleted: 0,
    unplaced: 0,
  }

  constructor(request: ReconcileRequest) {
    this.request = request
  }

  /** The first offset of a partition that is read. */
  private startOf({ first }: PartitionSpan): number {
    const { from } = this.request
    return from === 'earliest' ? first : Math.max(from, first)
  }

  async readTable(trail: AuditTrail, kept: readonly PartitionSpan[]): Promise<void> {
    const byPartition = new Map(kept.map((one) => [one.partition, one]))
    await this.addRecords(trail, (entry) => this.judgeEntry(entry, byPartition))
  }

  readNewRecords(trail: AuditTrail): Promise<void> {
    return this.addRecords(trail, () => 'open')
  }

  async planSpans(
    topic: TopicReader,
    kept: readonly PartitionSpan[],
  ): Promise<readonly PartitionSpan[]> {
    const starts = new Map(kept.map((one) => [one.partition, this.startOf(one)]))
    return (await topic.spans()).map(({ partition, first, end }) => {
      const start = starts.get(partition) ?? first
      return { partition, first: Math.min(start, end), end }
    })
  }

  private addRecords(
    trail: AuditTrail,
    getDue: (entry: DeliveryEntry) => DeliveryDue,
  ): Promise<void> {
    const { ledger, walk } = this
    const { signal, progress } = this.request
    return trail.read(ledger.last, async (reading) => {
      for await (const entry of listDeliveries(reading)) {
        endIfAborted(signal, 'Run the same command again: a part of the records proves nothing.')
        if (!walk.take(entry?.record ?? null) || entry === null) break
        ledger.add(entry.record, getDue(entry))
        progress(ledger.last, Math.max(ledger.last, reading.said.head.seq))
      }
      const fault = findChainFault(walk, reading.said)
      if (fault !== null) throw makeAlteredError(fault)
    })
  }

  private judgeEntry(
    { status, place }: DeliveryEntry,
    kept: ReadonlyMap<number, PartitionSpan>,
  ): DeliveryDue {
    const { counts, request } = this
    if (status !== 'delivered') {
      counts[status] += 1
      return 'open'
    }
    if (place === null) {
      if (request.from === 0 && [...kept.values()].every(({ first }) => first === 0)) return 'due'
      counts.unplaced += 1
      return 'open'
    }
    const span = kept.get(place.partition)
    if (place.topic !== request.kafka.topic) counts.elsewhere += 1
    else if (request.from !== 'earliest' && place.offset < request.from) counts.before += 1
    else if (span !== undefined && place.offset < span.first) counts.deleted += 1
    else return 'due'
    return 'outside'
  }

  report(spans: readonly PartitionSpan[]): CheckReport {
    const found = this.ledger.judge()
    return buildCheckReport('audit_reconcile', [
      this.tableItem(),
      this.topicItem(found, spans),
      recordsItem(found),
      this.undeliveredItem(),
    ])
  }

  private tableItem(): CheckResult {
    const { last } = this.ledger
    if (last > 0) return passResult('table', `${last} records`)
    return inconclusive('table', 'nothing to compare', {
      code: 'audit_empty',
      detail: 'there are no records',
      next: 'Name the store that the service writes to with --store or --database.',
    })
  }

  private topicItem({ messages }: Reconciliation, spans: readonly PartitionSpan[]): CheckResult {
    const { from, kafka } = this.request
    const { deleted, before, elsewhere, unplaced } = this.counts
    const outside = [
      ...(elsewhere > 0 ? [`${elsewhere} records were delivered to another topic`] : []),
      ...(before > 0 ? [`${before} records stand before --from`] : []),
      ...(deleted > 0 ? [`${deleted} records stand before the first message that is kept`] : []),
    ]
    const cut = spans.filter(({ first }) => first > (from === 'earliest' ? 0 : from))
    const starts = cut
      .slice(0, 3)
      .map(({ partition, first }) => `partition ${partition} begins at ${first}`)
    const title = [
      `${kafka.topic}: ${messages} messages in ${spans.length} partitions`,
      ...starts,
      ...outside,
    ].join(', ')
    if (deleted > 0 && from !== 'earliest')
      return inconclusive('topic', title, {
        code: 'topic_start_deleted',
        detail: `${deleted} delivered records cannot be compared, for their messages were deleted`,
        next: 'Compare what is kept with --from earliest, and the rest with an export of the topic.',
      })
    if (unplaced > 0)
      return inconclusive('topic', title, {
        code: 'place_unknown',
        detail: `${unplaced} records are delivered, and the store does not say before which offset`,
        next: 'Read the topic whole, without --from; what was deleted of it cannot be compared.',
      })
    if (messages === 0)
      return inconclusive('topic', title, {
        code: 'topic_empty',
        detail: 'there is no message to compare',
        next: 'Name the topic that ff audit ship sends to with --topic, and read it from its start.',
      })
    if (elsewhere > 0 && from !== 'earliest')
      return inconclusive('topic', title, {
        code: 'topic_changed',
        detail: `${elsewhere} records were delivered to another topic, and are not compared`,
        next: 'Compare each topic by itself: --from earliest with --topic leaves out the records of others.',
      })
    return passResult('topic', title)
  }

  private undeliveredItem(): CheckResult {
    const { pending, failed } = this.counts
    if (pending + failed === 0) return passResult('undelivered', 'no records wait')
    const wait = (code: string, count: number) =>
      count === 0 ? [] : [{ code, pointer: null, detail: `${count} records` }]
    return {
      id: 'undelivered',
      title: `${pending + failed} records wait for their delivery`,
      state: 'pending',
      findings: [...wait('records_pending', pending), ...wait('records_failed', failed)],
      next:
        failed > 0
          ? 'Correct the reason of the failed records, then run: ff audit redrive'
          : 'Run: ff audit ship --once',
    }
  }
}

const FAULT_WORDS: Readonly<Record<TopicFault, string>> = {
  record_missing: 'delivered, and not in the topic',
  record_altered: 'not as in the table',
  record_reordered: 'before an earlier record of their target',
  record_unknown: 'not in the table',
  message_unreadable: 'no audit records',
}

function recordsItem({ records, faults, distinct, repeated }: Reconciliation): CheckResult {
  const findings = (Object.keys(FAULT_WORDS) as TopicFault[]).flatMap((code) => {
    const { count, examples } = faults[code]
    if (count === 0) return []
    const more = count > examples.length ? ', ...' : ''
    const detail = `${count} ${FAULT_WORDS[code]}: ${examples.join('; ')}${more}`
    return [{ code, pointer: null, detail }]
  })
  const title = `${records.due} delivered records, ${distinct} records read, ${repeated} repeated messages`
  if (findings.length > 0)
    return {
      id: 'records',
      title,
      state: 'fail',
      findings,
      next: 'Keep topic and store unchanged for the investigation, and run ff audit verify on the store.',
    }
  if (records.due > 0 && distinct > 0) return passResult('records', title)
  return inconclusive('records', title, {
    code: 'nothing_compared',
    detail: 'no record is delivered to what was read of this topic',
    next: 'Run ff audit ship --once, then compare again.',
  })
}

const inconclusive = (
  id: string,
  title: string,
  { code, detail, next }: { readonly code: string; readonly detail: string; readonly next: string },
): CheckResult => ({
  id,
  title,
  state: 'inconclusive',
  findings: [{ code, pointer: null, detail }],
  next,
})

/** @throws FfError `proof_inconclusive` where messages of the spans are no longer kept */
function requireUncut(spans: readonly PartitionSpan[], kept: readonly PartitionSpan[]): void {
  const cut = spans.find(({ partition, first, end }) => {
    const now = kept.find((one) => one.partition === partition)
    return first < end && (now === undefined || now.first > first)
  })
  if (cut === undefined) return
  throw new FfError(
    'proof_inconclusive',
    `Messages of partition ${cut.partition} were deleted while they were read.`,
    { hint: 'Run the same command again, with --from behind the start of the topic.' },
  )
}

const makeAlteredError = (fault: string): FfError =>
  new FfError('audit_altered', `The audit trail is not whole: ${fault}.`, {
    hint: 'Run `ff audit verify` with the same store: it names the first altered entry.',
  })
