import type { FeedEpoch } from '../feed/types.ts'
import type { CacheMac } from './seal.ts'

/** An entry as Redis holds it, without its key. */
export interface CacheEntry {
  /** The newest change that was in the snapshot which the entry was read from. */
  readonly seq: number
  /** Milliseconds that the load took, for the early refresh. */
  readonly cost_ms: number
  /** When it ends, in milliseconds since 1970 by the clock of the process that wrote it: a hint, for clocks differ. */
  readonly ends_ms: number
  /** The value as JSON text, with its revisions. */
  readonly body: string
}
/** Why a key of Redis is a miss: `absent` is the common one, the others name an entry that was not taken. */
export const MISS_REASONS = [
  'absent',
  'wrong_type',
  'unreadable',
  'epoch',
  'forged',
  'outdated',
] as const
export type MissReason = (typeof MISS_REASONS)[number]
/** The entry of a text; or why it is not taken. */
export type OpenedEntry =
  | { readonly ok: true; readonly entry: CacheEntry }
  | { readonly ok: false; readonly reason: MissReason }

/** The form of an entry; another form takes another number. */
const FORM = '1'
const ENTRY =
  /^1 (0|[1-9]\d{0,15}) (\d{1,10}\.\d{1,10}(?:\.[0-9a-f]{1,64})?) (\d{1,9}) (\d{1,16}) ([A-Za-z0-9_-]{43}) (.+)$/s

/** An epoch as text. */
export const formatEpoch = ({ cutover, operator }: FeedEpoch): string => `${cutover}.${operator}`

/** What entries of one service are sealed with. */
export interface EntrySeal {
  readonly epoch: FeedEpoch
  /** Name of the running database, hexadecimal: after a restore the same seq names other changes. */
  readonly database?: string | undefined
  readonly mac: CacheMac
}

const formatOrigin = ({ epoch, database }: EntrySeal): string =>
  database === undefined ? formatEpoch(epoch) : `${formatEpoch(epoch)}.${database}`

/** No part of the head and no key holds a line feed. */
const toSignedText = (key: string, head: string, body: string): string =>
  `entry\n${key}\n${head}\n${body}`
const formatHead = ({ seq, cost_ms, ends_ms }: Omit<CacheEntry, 'body'>, epoch: string): string =>
  `${FORM} ${seq} ${epoch} ${cost_ms} ${ends_ms}`

/** The text that is stored under a key: form, seq, epoch and database, cost, end, HMAC over all of them and the key, and the body. */
export function sealEntry(key: string, entry: CacheEntry, seal: EntrySeal): string {
  const head = formatHead(entry, formatOrigin(seal))
  return `${head} ${seal.mac.sign(toSignedText(key, head, entry.body))} ${entry.body}`
}

/**
 * Opens the text of a key. An entry counts only with the HMAC of this key, text, epoch and database: one that was forged,
 * moved from another key, or made in another epoch or from another database is a miss (`forged`, `epoch`), and so is a text
 * of another form (`unreadable`).
 */
export function openEntry(key: string, text: string, seal: EntrySeal): OpenedEntry {
  const found = ENTRY.exec(text)
  if (found === null) return { ok: false, reason: 'unreadable' }
  const [, seq, written = '', cost, ends, signature = '', body = ''] = found
  const entry = { seq: Number(seq), cost_ms: Number(cost), ends_ms: Number(ends), body }
  const signed = toSignedText(key, formatHead(entry, written), body)
  if (!seal.mac.verify(signed, signature)) return { ok: false, reason: 'forged' }
  return written === formatOrigin(seal) ? { ok: true, entry } : { ok: false, reason: 'epoch' }
}
