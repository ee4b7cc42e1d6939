/** What can be out of date after a change: one row, everything (`global`), an approval, or the key set (`jwks`). */
export const CHANGE_KINDS = [
  'flag',
  'tenant_override',
  'user_override',
  'global',
  'approval',
  'jwks',
] as const
export type ChangeKind = (typeof CHANGE_KINDS)[number]
/** A row of `ff.feed`: what is out of date after a change. */
export interface FeedEntry {
  /** Number of its audit record. */
  readonly seq: number
  /** The `seq` of the row before, 0 for none: a reader that has not seen it has missed a change. */
  readonly prev: number
  readonly kind: ChangeKind
  /** As in the audit record, such as `flag/ff.a`. */
  readonly target: string
}
/** Differs once all that was cached is out of date. */
export interface FeedEpoch {
  /** 0: no cutover is counted yet. */
  readonly cutover: number
  /** The `seq` of the last `global` row, 0 for none. */
  readonly operator: number
}
