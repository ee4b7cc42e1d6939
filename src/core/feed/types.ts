export const CHANGE_KINDS = [
  'flag',
  'tenant_override',
  'user_override',
  'global',
  'approval',
  'jwks',
] as const
export type ChangeKind = (typeof CHANGE_KINDS)[number]
export interface FeedEntry {
  readonly seq: number
  readonly prev: number
  readonly kind: ChangeKind
  readonly target: string
}
export interface FeedEpoch {
  readonly cutover: number
  readonly operator: number
}
