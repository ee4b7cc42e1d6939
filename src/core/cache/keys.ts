import { parseAuditTarget } from '../audit/record.ts'
import type { ChangeKind } from '../feed/types.ts'
import type { RowKey, TableName } from '../rows/rows.ts'

/** Every key of ff begins with it. */
export const KEY_PREFIX = 'ptt:ff:'

/** The part of a key between prefix and hash tag. */
const NAMESPACES = {
  flag: 'flag',
  tenant_override: 'ovr:t',
  user_override: 'ovr:u',
  eval: 'eval',
  lock: 'lock',
  control: 'ctl',
} as const
export type Namespace = keyof typeof NAMESPACES
/** The namespaces, in the order in which `ff cache stats` lists them. */
export const NAMESPACE_NAMES = Object.keys(NAMESPACES) as readonly Namespace[]

/** The namespace of the rows of each table. */
export const ROW_NAMESPACE = {
  flag_registry: 'flag',
  tenant_override: 'tenant_override',
  user_override: 'user_override',
} as const satisfies Record<TableName, Namespace>

/** The caller and flag of a decision; null where there is no tenant or user. */
export interface DecisionKey {
  readonly tenant_id: string | null
  readonly user_id: string | null
  readonly flag_key: string
}

/** Stands for a missing tenant or user; the id `-` itself is written `%2D`. */
const NONE = '-'

/** An id as a part of a key: every character but letters, digits and `._@-` as `%` and two hex digits. */
export const encodeKeyPart = (id: string): string =>
  id === NONE
    ? '%2D'
    : id.replace(
        /[^A-Za-z0-9._@-]/g,
        (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
      )

/**
 * The hash tag holds all parts, so that on a cluster a value and its lease share a slot. Parts are encoded or a `*` of a
 * pattern.
 */
const formatKey = (namespace: Namespace, ...parts: readonly string[]): string =>
  `${KEY_PREFIX}${NAMESPACES[namespace]}:{${parts.join(':')}}`

/** The Redis key of a row, or of the fact that there is none. */
export const formatRowCacheKey = (table: TableName, { scope_id, flag_key }: RowKey): string =>
  formatKey(
    ROW_NAMESPACE[table],
    ...(scope_id === null ? [] : [encodeKeyPart(scope_id)]),
    encodeKeyPart(flag_key),
  )

/** The Redis key of a decision. */
export const formatDecisionKey = ({ tenant_id, user_id, flag_key }: DecisionKey): string =>
  formatKey(
    'eval',
    tenant_id === null ? NONE : encodeKeyPart(tenant_id),
    user_id === null ? NONE : encodeKeyPart(user_id),
    encodeKeyPart(flag_key),
  )

/** The keys of one cached value: itself, its lease, and the mark that its last change leaves. */
export interface ValueKeys {
  readonly value: string
  readonly lease: string
  readonly tombstone: string
}
/** The keys that go with a value, with the same hash tag in the namespaces `lock` and `control`. */
export function listValueKeys(value: string): ValueKeys {
  const tag = value.slice(value.indexOf('{'))
  return {
    value,
    lease: `${KEY_PREFIX}${NAMESPACES.lock}:${tag}`,
    tombstone: `${KEY_PREFIX}${NAMESPACES.control}:${tag}`,
  }
}

/** The glob pattern of all keys of a namespace. */
export const formatNamespacePattern = (namespace: Namespace): string => formatKey(namespace, '*')

/** The key of a control value, such as the rate limit of an operator. */
export const formatControlKey = (...parts: readonly string[]): string =>
  formatKey('control', ...parts.map(encodeKeyPart))

/** What a change touched, as the cache sees it. `everything` is every row and decision. */
export type ChangeScope =
  | { readonly kind: 'row'; readonly table: TableName; readonly key: RowKey }
  | { readonly kind: 'everything' }
  | { readonly kind: 'nothing' }

const EVERYTHING: ChangeScope = { kind: 'everything' }
const NOTHING: ChangeScope = { kind: 'nothing' }
const FIXED_SCOPES: Readonly<Partial<Record<ChangeKind, ChangeScope>>> = {
  global: EVERYTHING,
  approval: NOTHING,
  jwks: NOTHING,
}

/** The scope of an entry of the feed; `everything` where its target names no row, such as that of an import. */
export function readChangeScope(entry: {
  readonly kind: ChangeKind
  readonly target: string
}): ChangeScope {
  const fixed = FIXED_SCOPES[entry.kind]
  if (fixed !== undefined) return fixed
  const row = parseAuditTarget(entry.target)
  return row === null ? EVERYTHING : { kind: 'row', ...row }
}

/** Keys that a change makes invalid: to delete by name, and patterns to scan for and delete. */
export interface InvalidKeys {
  readonly names: readonly string[]
  readonly patterns: readonly string[]
}

/**
 * The keys that a publisher and every subscriber delete after a change (docs/reference/cache.md): the row, and the
 * decisions that it went into. Never a lease or a control value.
 */
export function listInvalidKeys(scope: ChangeScope): InvalidKeys {
  if (scope.kind === 'nothing') return { names: [], patterns: [] }
  if (scope.kind === 'everything') return { names: [], patterns: ALL_PATTERNS }
  const { table, key } = scope
  return { names: [formatRowCacheKey(table, key)], patterns: [formatDecisionPattern(table, key)] }
}

const ALL_PATTERNS: readonly string[] = (
  ['flag', 'tenant_override', 'user_override', 'eval'] as const
).map((namespace) => formatKey(namespace, '*'))

/** A change of a user's override names the user's decisions of all flags; the other two name those of the flag. */
function formatDecisionPattern(table: TableName, { scope_id, flag_key }: RowKey): string {
  const flag = encodeKeyPart(flag_key)
  const scope = encodeKeyPart(scope_id ?? '')
  if (table === 'user_override') return formatKey('eval', '*', scope, '*')
  return formatKey('eval', table === 'tenant_override' ? scope : '*', '*', flag)
}
