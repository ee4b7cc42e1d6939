import type { AuthMode } from '../evaluate/types.ts'
import type { CanonicalJson } from '../json/canonical.ts'
import { isFlagKey, isScopeId } from '../rows/grammar.ts'
import type { Instant } from '../rows/instant.ts'
import type { ChangeAction, RowChange } from '../rows/plan-write.ts'
import type { SinkStatus } from './sink.ts'
import type { WriteRequest } from '../rows/write-request.ts'
import {
  type AnyOverrideRow,
  type AnyRow,
  type FlagRow,
  type RowKey,
  serializeRow,
  TABLE_NAMES,
  type TableName,
} from '../rows/rows.ts'

/** The last record of a chain: its number, which is the number of records, and its hash. */
export interface AuditChainHead {
  readonly seq: number
  /** SHA-256, 64 lower-case hexadecimal digits. */
  readonly hash: string
}
export const EMPTY_HEAD: AuditChainHead = { seq: 0, hash: '0'.repeat(64) }
/** The head of the chain that ends with a record. */
export const toChainHead = ({ seq, hash }: AuditChainHead): AuditChainHead => ({ seq, hash })

/** The `admin.audit` envelope without its place in the chain and its sink members. */
export interface AuditEvent {
  readonly audit_id: string
  readonly occurred_at: Instant
  readonly actor: string
  /** Null where no caller was authenticated: a migration, an import. */
  readonly auth_mode: AuthMode | null
  readonly action: string
  readonly outcome: 'applied' | 'refused'
  readonly target: string
  readonly before: CanonicalJson | null
  readonly after: CanonicalJson | null
  readonly request_id: string
  readonly approval_ref: string | null
  readonly phase: string
}
export interface AuditRecord extends AuditEvent {
  readonly seq: number
  readonly prev_hash: string
  readonly hash: string
}

/** Hex SHA-256 of a text in UTF-8. */
export type Sha256 = (text: string) => string

/**
 * The record that links an event to the end of a chain: the next number, the head's hash as `prev_hash`, and its own
 * hash. Stores nothing.
 */
export function appendToChain(
  event: AuditEvent,
  head: AuditChainHead,
  sha256: Sha256,
): AuditRecord {
  const link = { ...event, seq: head.seq + 1, prev_hash: head.hash }
  return { ...link, hash: hashRecord(link, sha256) }
}

/**
 * The hash of a record, as `sha256` returns it, over `prev_hash` followed by the RFC 8785 form of the other members
 * without `hash`. `prev_hash` has a fixed length, so the two parts stay separate.
 *
 * @param record without sink members, which would be hashed too
 */
export function hashRecord(record: Omit<AuditRecord, 'hash'>, sha256: Sha256): string {
  const { prev_hash, ...hashed } = record
  return sha256(prev_hash + serializeMembers(hashed))
}

/**
 * The record as one canonical JSON object, as in a log line, or with its sink status, as in a list; `before` and `after`
 * are nested JSON or null.
 */
export const serializeRecord = (record: AuditRecord, sink_status?: SinkStatus): CanonicalJson =>
  serializeMembers(sink_status === undefined ? record : { ...record, sink_status })

const RAW: ReadonlySet<string> = new Set(['before', 'after'])
type Members = Partial<AuditRecord> & { readonly sink_status?: SinkStatus }
function serializeMembers(members: Members): CanonicalJson {
  const names = Object.keys(members).sort() as (keyof Members)[]
  const written = names.map(
    (name) => `"${name}":${RAW.has(name) ? members[name] : JSON.stringify(members[name])}`,
  )
  return `{${written.join(',')}}` as CanonicalJson
}

/** Inputs of an audit event besides the change. */
export interface AuditContext {
  readonly audit_id: string
  readonly phase: string
  /** Keyed digest of a sensitive value, which never appears in clear in an audit record. */
  readonly digest: (value: CanonicalJson) => string
}

/**
 * The event of an accepted change, outcome `applied`, with the row before and after. For a sensitive change the flag
 * values appear only as `{"hmac_sha256": …}`. The approval ref is the request's, else that of the row afterwards,
 * else null. After a transition, a rollback or a repair `after` also has its `reason`, and the `to_revision` of a rollback.
 *
 * @param change.sensitive whether the flag is or was sensitive
 */
export function buildChangeEvent(
  request: WriteRequest,
  change: RowChange & { readonly sensitive: boolean },
  context: AuditContext,
): AuditEvent {
  const seal = change.sensitive
    ? (value: CanonicalJson) => JSON.stringify({ hmac_sha256: context.digest(value) })
    : undefined
  const text = (row: AnyRow | null): CanonicalJson | null =>
    row === null ? null : serializeRow(row, seal)
  return {
    audit_id: context.audit_id,
    occurred_at: request.occurred_at,
    actor: request.actor,
    auth_mode: request.auth_mode,
    action: change.action,
    outcome: 'applied',
    target: formatAuditTarget(request.table, request.key),
    before: text(change.before),
    after: text({ ...change.after, ...describeDetail(request.detail) }),
    request_id: request.request_id,
    approval_ref: request.approval?.approval_ref ?? findApprovalRef(change.after),
    phase: context.phase,
  }
}

/** What an audit record says of a change beside its row. */
const describeDetail = (
  detail: WriteRequest['detail'],
): Readonly<Record<string, string | number>> =>
  detail === undefined
    ? {}
    : {
        reason: detail.reason,
        ...(detail.kind === 'rollback' ? { to_revision: detail.earlier.revision } : {}),
      }

type RequestedActions = Readonly<Record<WriteRequest['action'], ChangeAction>>
const OVERRIDE_ACTIONS: RequestedActions = {
  put: 'override.put',
  delete: 'override.delete',
  transition: 'override.put', // An override has no state: nothing requests this.
  rollback: 'override.rollback',
  repair: 'override.repair',
}
const REQUESTED_ACTIONS: Readonly<Record<TableName, RequestedActions>> = {
  flag_registry: {
    put: 'flag.put',
    delete: 'flag.archive',
    transition: 'flag.transition',
    rollback: 'flag.rollback',
    repair: 'flag.repair',
  },
  tenant_override: OVERRIDE_ACTIONS,
  user_override: OVERRIDE_ACTIONS,
}

/** An announcement as the record of its refusal shows it. */
export interface AnnouncementRequest extends Pick<
  WriteRequest,
  'actor' | 'auth_mode' | 'request_id' | 'occurred_at'
> {
  /** As the feed names it, such as `flag/ff.x` or `global`; `*` where the request names none. */
  readonly target: string
}

/**
 * The event of a refused change or announcement, outcome `refused`: target, action, caller and approval ref of the
 * request, with `before` null and `after` `{"refused": code}`, and `count` where it stands for more than one. A part of
 * the target that breaks its grammar is `*`. Nothing else of the request's content appears.
 */
export function buildRefusalEvent(
  {
    request,
    code,
    count = 1,
  }: {
    readonly request: WriteRequest | AnnouncementRequest
    readonly code: string
    readonly count?: number
  },
  context: Omit<AuditContext, 'digest'>,
): AuditEvent {
  const { occurred_at, actor, auth_mode, request_id } = request
  return {
    ...context,
    occurred_at,
    actor,
    auth_mode,
    outcome: 'refused',
    before: null,
    after: JSON.stringify(
      count === 1 ? { refused: code } : { count, refused: code },
    ) as CanonicalJson,
    request_id,
    ...describeRequest(request),
  }
}

function describeRequest(
  request: WriteRequest | AnnouncementRequest,
): Pick<AuditEvent, 'action' | 'target' | 'approval_ref'> {
  if (!('table' in request))
    return { action: 'audit.boundary', target: request.target, approval_ref: null }
  const { table, key, action, approval } = request
  const scope =
    key.scope_id === null ? null : isScopeId(key.scope_id) ? encodeSegment(key.scope_id) : '*'
  return {
    action: REQUESTED_ACTIONS[table][action],
    target: formatTarget(table, scope, isFlagKey(key.flag_key) ? key.flag_key : '*'),
    approval_ref: approval?.approval_ref ?? null,
  }
}

const TARGETS: Readonly<Record<TableName, string>> = {
  flag_registry: 'flag',
  tenant_override: 'tenant',
  user_override: 'user',
}
/** Also the record's Kafka key, so that the records of one target keep their order. */
const formatTarget = (table: TableName, segment: string | null, flagKey: string): string =>
  [TARGETS[table], ...(segment === null ? [] : [segment]), flagKey].join('/')

/** The target of an applied change of a row: `flag/ff.x`, `tenant/T1/ff.x`, `user/u/ff.x`. */
export const formatAuditTarget = (table: TableName, { scope_id, flag_key }: RowKey): string =>
  formatTarget(table, scope_id === null ? null : encodeSegment(scope_id), flag_key)

/** The row that the target of an applied change names; null for any other target, such as that of an import. */
export function parseAuditTarget(
  target: string,
): { readonly table: TableName; readonly key: RowKey } | null {
  const [name, ...segments] = target.split('/')
  const table = TABLE_NAMES.find((one) => TARGETS[one] === name)
  const flag_key = segments.at(-1)
  if (table === undefined || flag_key === undefined) return null
  if (segments.length !== (table === 'flag_registry' ? 1 : 2)) return null
  const scope_id = table === 'flag_registry' ? null : decodeSegment(segments[0] as string)
  return { table, key: { scope_id, flag_key } }
}
const decodeSegment = (segment: string): string =>
  segment.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))

/** An id as one segment of a target: every character but letters, digits and `._@-` as `%` and two hex digits. */
const encodeSegment = (id: string): string =>
  id.replace(
    /[^A-Za-z0-9._@-]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )

/**
 * Whether a change involves values that must not appear in clear: the changed row was or becomes a sensitive flag, or
 * its flag is sensitive.
 *
 * @param flag the flag of a changed override; null without one
 */
export function isSensitiveChange(change: RowChange, flag: FlagRow | null): boolean {
  const was = change.before !== null && 'sensitive' in change.before && change.before.sensitive
  const is = 'sensitive' in change.after && change.after.sensitive
  return was || is || (flag?.sensitive ?? false)
}

/** The approval ref of an override; null without one. */
const findApprovalRef = (row: AnyRow): string | null =>
  (row as Pick<AnyOverrideRow, 'approval_ref'>).approval_ref ?? null
