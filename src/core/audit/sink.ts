/** Where the delivery of a record to the audit topic stands; `failed` is parked until it is re-driven. */
export type SinkStatus = 'pending' | 'delivered' | 'failed'

/** `deferred` is what earlier services called a record that waits. */
const STATUSES: ReadonlyMap<string, SinkStatus> = new Map([
  ['pending', 'pending'],
  ['deferred', 'pending'],
  ['delivered', 'delivered'],
  ['failed', 'failed'],
])

/** The status that a text of a stored record stands for; null for any other text. */
export const parseSinkStatus = (text: string): SinkStatus | null => STATUSES.get(text) ?? null

/** Every member of an audit record that says how its delivery stands; none of them is part of its hash. */
export const SINK_MEMBERS = [
  'sink_status',
  'sink_reason',
  'sink_attempts',
  'sink_at',
  'sink_topic',
  'sink_partition',
  'sink_offset',
  'sink_next_at',
] as const
