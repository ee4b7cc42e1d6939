import { nextDelayMs } from './backoff.ts'
import type { SentGroup, ShipMark, ShipRecord, SinkState } from './types.ts'

/** Most records of one send. */
export const MOST_RECORDS = 500
/** Most UTF-8 bytes of the texts of one send, unless its first record alone has more: below Kafka's default limit. */
export const MOST_BYTES = 900_000

/**
 * Yields the records of a slot that may be sent now, in their order: those that are pending and of whose target no
 * earlier record is failed or waiting. A record that is skipped holds back the later ones of its target alone.
 *
 * @param records of one slot, in order of `seq`
 * @param nowMs by the clock that `next_try_ms` is of
 */
export function* selectSendable<R extends { readonly target: string; readonly sink: SinkState }>(
  records: Iterable<R>,
  nowMs: number,
): Generator<R> {
  const held = new Set<string>()
  for (const record of records) {
    const { target, sink } = record
    if (sink.status === 'delivered' || held.has(target)) continue
    if (sink.status === 'failed' || (sink.next_try_ms ?? 0) > nowMs) held.add(target)
    else yield record
  }
}

/**
 * The records of the next send: the first ones, at most `limit`. A record that was refused before is sent alone, so that
 * no other record shares its refusal.
 *
 * @param records that may be sent, in order of `seq`
 */
export function planSend(records: readonly ShipRecord[], limit: number): readonly ShipRecord[] {
  const [first] = records
  if (first === undefined || first.attempts > 0) return records.slice(0, 1)
  const suspect = records.findIndex(({ attempts }) => attempts > 0)
  return records.slice(0, suspect < 0 ? limit : Math.min(limit, suspect))
}

/** What follows from a send. */
export interface Settlement {
  /** New sink members, at most one mark a record, in order of `seq` within each target. */
  readonly marks: readonly ShipMark[]
  /** Most records of the next send. */
  readonly limit: number
  /** Why no group had an answer, so that the slot should rest; null where one had. */
  readonly suspended: string | null
}

export interface SettleRules {
  /** The `limit` that the send was planned with. */
  readonly limit: number
  /** Refusals after which a record is failed. */
  readonly tries: number
  /** A random number from 0 up to 1 for each wait. */
  readonly random: () => number
}

/**
 * Decides what the outcomes of a send make of its records.
 *
 * An acked group is delivered. A group of several that is refused is sent again in smaller parts, until the refused
 * record is alone; alone it waits, and is failed after `tries` refusals. Of an unavailable group the first record of
 * each target waits, so that the records of other partitions are not held up.
 */
export function settleSend(groups: readonly SentGroup[], rules: SettleRules): Settlement {
  const split = groups
    .filter(({ records, outcome }) => outcome.kind === 'refused' && records.length > 1)
    .map(({ records }) => Math.floor(records.length / 2))
  const answered = groups.some(({ outcome }) => outcome.kind !== 'unavailable')
  const [first] = groups
  return {
    marks: groups.flatMap((group) => markGroup(group, rules)),
    limit: split.length > 0 ? Math.min(...split) : Math.min(MOST_RECORDS, rules.limit * 2),
    suspended:
      answered || first === undefined || first.outcome.kind === 'acked'
        ? null
        : first.outcome.reason,
  }
}

function markGroup({ records, outcome }: SentGroup, rules: SettleRules): readonly ShipMark[] {
  if (outcome.kind === 'acked')
    return records.map(({ seq }, at) => ({
      kind: 'delivered',
      seq,
      partition: outcome.partition,
      offset: outcome.offset + at,
    }))
  const { reason } = outcome
  if (outcome.kind === 'unavailable')
    return firstOfTargets(records).map((record) => wait(record, record.attempts, reason))
  const [alone] = records
  if (alone === undefined || records.length > 1) return []
  const attempts = alone.attempts + 1
  if (attempts >= rules.tries) return [{ kind: 'failed', seq: alone.seq, attempts, reason }]
  return [wait(alone, attempts, reason)]

  function wait({ seq, waited_ms }: ShipRecord, tried: number, why: string): ShipMark {
    const delay_ms = nextDelayMs(waited_ms, rules.random())
    return { kind: 'waiting', seq, attempts: tried, reason: why, delay_ms }
  }
}

function firstOfTargets(records: readonly ShipRecord[]): readonly ShipRecord[] {
  const seen = new Set<string>()
  return records.filter(({ target }) => !seen.has(target) && seen.add(target))
}
