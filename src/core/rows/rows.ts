import type { CanonicalJson } from '../json/canonical.ts'
import type { Problem } from '../problem.ts'
import type { Instant } from './instant.ts'

export const VALUE_TYPES = ['boolean', 'string', 'number', 'object'] as const
export const REQUIRED_AUTH = ['none', 'any', 'verified'] as const
export const FLAG_STATES = ['active', 'killed', 'archived'] as const
export type ValueType = (typeof VALUE_TYPES)[number]
export type RequiredAuth = (typeof REQUIRED_AUTH)[number]
export type FlagState = (typeof FLAG_STATES)[number]

/** A row of `ff.flag_registry`. */
export interface FlagRow {
  readonly flag_key: string
  readonly value_type: ValueType
  readonly default_value: CanonicalJson
  readonly safe_value: CanonicalJson
  readonly sensitive: boolean
  readonly required_auth: RequiredAuth
  readonly state: FlagState
  readonly description: string
  readonly owner: string
  readonly revision: number
  readonly created_at: Instant
  readonly updated_at: Instant
}

interface OverrideRow {
  readonly flag_key: string
  /** Absent on a tombstone, as are the next three members. */
  readonly value?: CanonicalJson
  readonly approval_ref?: string
  readonly note?: string
  readonly expires_at?: Instant
  readonly created_by: string
  readonly updated_by: string
  readonly revision: number
  readonly created_at: Instant
  readonly updated_at: Instant
  readonly deleted_at?: Instant
}
/** A row of `ff.tenant_override`. */
export interface TenantOverrideRow extends OverrideRow {
  readonly tenant_id: string
}
/** A row of `ff.user_override`. */
export interface UserOverrideRow extends OverrideRow {
  readonly user_id: string
}
export type AnyOverrideRow = TenantOverrideRow | UserOverrideRow

/** In the order of files, dumps and reports. */
export const TABLE_NAMES = ['flag_registry', 'tenant_override', 'user_override'] as const
export type TableName = (typeof TABLE_NAMES)[number]
export interface RowOf {
  readonly flag_registry: FlagRow
  readonly tenant_override: TenantOverrideRow
  readonly user_override: UserOverrideRow
}
export type AnyRow = RowOf[TableName]

/** A stored row: valid, or with its faults. */
export type RowOrBroken<Row> =
  | { readonly row: Row; readonly broken?: never }
  | { readonly broken: readonly Problem[]; readonly row?: never }

/** The rows of one evaluation, read in one snapshot; null where there is no row. */
export interface RowsOfFlag {
  readonly flag: RowOrBroken<FlagRow> | null
  readonly tenant: RowOrBroken<TenantOverrideRow> | null
  readonly user: RowOrBroken<UserOverrideRow> | null
  /** Present where the rows are the last known ones, because the store does not answer. */
  readonly stale?: Staleness
}
/** The state of rows that come from a copy in memory. */
export interface Staleness {
  /** Milliseconds since the copy was last known to equal the store. */
  readonly age_ms: number
  /** Whether a row of the flag is known to have changed and could not be read again. */
  readonly unread: boolean
}

/** The key of a row: its scope id where the table has one, and its flag key. */
export interface RowKey {
  /** Tenant or user id; null in the registry. */
  readonly scope_id: string | null
  readonly flag_key: string
}
export interface RowsByTable {
  readonly flag_registry: readonly FlagRow[]
  readonly tenant_override: readonly TenantOverrideRow[]
  readonly user_override: readonly UserOverrideRow[]
}

/** The member of each table that holds the scope id; null for the registry. */
export const SCOPE_MEMBER = {
  flag_registry: null,
  tenant_override: 'tenant_id',
  user_override: 'user_id',
} as const satisfies Record<TableName, string | null>

/** The key of a row: its flag key, and as scope id the tenant or user of an override, null for a flag. */
export function getRowKey(row: AnyRow): RowKey {
  const scope_id = 'tenant_id' in row ? row.tenant_id : 'user_id' in row ? row.user_id : null
  return { scope_id, flag_key: row.flag_key }
}

/**
 * A key as text, for maps: scope id, space, flag key; nothing before the space for a flag. Ids and flag keys contain no
 * space, so the text is unambiguous.
 */
export const formatRowKey = (key: RowKey): string => `${key.scope_id ?? ''} ${key.flag_key}`

/** The JSON type of a canonical text, by its first character; null for null and lists, which no flag may hold. */
export function detectValueType(value: CanonicalJson): ValueType | null {
  const first = value.charAt(0)
  if (first === 't' || first === 'f') return 'boolean'
  if (first === '"') return 'string'
  if (first === '{') return 'object'
  return first === 'n' || first === '[' ? null : 'number'
}

const VALUE_MEMBERS: ReadonlySet<string> = new Set(['value', 'default_value', 'safe_value'])

/**
 * A row as canonical JSON (RFC 8785), its flag values inserted as they are stored.
 *
 * @param seal replaces each flag value by another JSON text
 */
export function serializeRow(
  row: AnyRow,
  seal: (value: CanonicalJson) => string = (value) => value,
): CanonicalJson {
  const held = row as unknown as Readonly<Record<string, CanonicalJson>>
  const members = Object.keys(row)
    .sort()
    .map((name) => {
      const member = held[name] as CanonicalJson
      return `"${name}":${VALUE_MEMBERS.has(name) ? seal(member) : JSON.stringify(member)}`
    })
  return `{${members.join(',')}}` as CanonicalJson
}
