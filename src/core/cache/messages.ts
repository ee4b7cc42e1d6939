import { formatAuditTarget, parseAuditTarget } from '../audit/record.ts'
import type { ChangeKind, FeedEntry, FeedEpoch } from '../feed/types.ts'
import { isApprovalRef, isFlagKey, isScopeId, MAX_REVISION } from '../rows/grammar.ts'
import { type Instant, parseInstant } from '../rows/instant.ts'
import type { CacheMac } from './seal.ts'

/** The channels of Redis. */
export const CHANNELS = {
  invalidate: 'ptt:ff:invalidate',
  heartbeat: 'ptt:ff:heartbeat',
} as const
export type ChannelName = keyof typeof CHANNELS

/** The id of each kind of message. */
export const MESSAGE_IDS = {
  tenant_override: 'PUB-01',
  user_override: 'PUB-02',
  flag: 'PUB-03',
  global: 'PUB-04',
  approval: 'PUB-05',
  jwks: 'PUB-06',
} as const satisfies Record<ChangeKind, string>

/** What every message says: where the feed stands. `seq` is the number of the change, in a heartbeat of the last one. */
export interface MessageFrame {
  readonly epoch: FeedEpoch
  readonly seq: number
  /** When it was sent, by the sender's clock; only to show. */
  readonly published_at: Instant
  /** The instance that sent it, as a valid id. */
  readonly origin: string
}
/** A message of `ptt:ff:invalidate`. `prev` is the feed's number before it: one that was not seen is a gap. */
export interface ChangeMessage extends MessageFrame, FeedEntry {}
/** A message of either channel. */
export type CacheMessage = ChangeMessage | (MessageFrame & { readonly kind: 'heartbeat' })

/** Why a message is dropped. */
export const DROP_REASONS = [
  'too_long',
  'unreadable',
  'forged',
  'kind_unknown',
  'form_wrong',
] as const
export type DropReason = (typeof DROP_REASONS)[number]
/** A message whose HMAC and form hold; or why it is dropped. */
export type ParsedMessage =
  | { readonly ok: true; readonly message: CacheMessage }
  | { readonly ok: false; readonly reason: DropReason }

/** Longer than any message: two ids of 255 characters, a flag key and the frame. */
const MAX_LENGTH = 4_096
/** Ends a message; the HMAC covers the channel and all before it. */
const SIGNED = /^(\{.*),"mac":"([A-Za-z0-9_-]{43})"\}$/s

/** The members that name the target of each kind. */
type Target = Readonly<Record<string, string>>
interface TargetForm {
  /** Undefined for a target of another form. */
  readonly split: (target: string) => Target | undefined
  /** Undefined for members of another form. */
  readonly join: (members: Readonly<Record<string, unknown>>) => string | undefined
}
const isText =
  (holds: (text: string) => boolean) =>
  (value: unknown): value is string =>
    typeof value === 'string' && holds(value)
const isFlag = isText(isFlagKey)
const isId = isText(isScopeId)
const isRef = isText(isApprovalRef)

const overrideForm = (
  table: 'tenant_override' | 'user_override',
  member: 'tenant_id' | 'user_id',
): TargetForm => ({
  split: (target) => {
    const row = parseAuditTarget(target)
    return row?.table === table && row.key.scope_id !== null
      ? { [member]: row.key.scope_id, flag_key: row.key.flag_key }
      : undefined
  },
  join: ({ [member]: scope_id, flag_key }) =>
    isId(scope_id) && isFlag(flag_key)
      ? formatAuditTarget(table, { scope_id, flag_key })
      : undefined,
})
const fixedForm = (fixed: string): TargetForm => ({ split: () => ({}), join: () => fixed })
const APPROVAL = 'approval/'
const TARGETS: Readonly<Record<ChangeKind, TargetForm>> = {
  tenant_override: overrideForm('tenant_override', 'tenant_id'),
  user_override: overrideForm('user_override', 'user_id'),
  flag: {
    split: (target) => {
      const row = parseAuditTarget(target)
      return row?.table === 'flag_registry' ? { flag_key: row.key.flag_key } : undefined
    },
    join: ({ flag_key }) =>
      isFlag(flag_key)
        ? formatAuditTarget('flag_registry', { scope_id: null, flag_key })
        : undefined,
  },
  global: fixedForm('global'),
  approval: {
    split: (target) =>
      target.startsWith(APPROVAL) ? { approval_ref: target.slice(APPROVAL.length) } : undefined,
    join: ({ approval_ref }) => (isRef(approval_ref) ? `${APPROVAL}${approval_ref}` : undefined),
  },
  jwks: fixedForm('jwks'),
}

/** The ref that an approval's target names; null for another target. */
export const readApprovalRef = (target: string): string | null =>
  TARGETS.approval.split(target)?.['approval_ref'] ?? null

/** The target of a change by the members that name it in a message; undefined where they do not fit its kind. */
export const joinTarget = (
  kind: ChangeKind,
  members: Readonly<Record<string, unknown>>,
): string | undefined => TARGETS[kind].join(members)

/**
 * The text of a message: one JSON object that ends with its HMAC.
 *
 * @throws Error for a target that does not fit its kind
 */
export function formatMessage(channel: ChannelName, message: CacheMessage, mac: CacheMac): string {
  const { kind, epoch, seq, published_at, origin } = message
  const frame = { epoch, seq, published_at, origin }
  const body =
    message.kind === 'heartbeat'
      ? { v: 1, kind, ...frame }
      : {
          v: 1,
          kind,
          id: MESSAGE_IDS[message.kind],
          ...frame,
          prev: message.prev,
          ...splitTarget(message),
        }
  const signed = JSON.stringify(body).slice(0, -1)
  return `${signed},"mac":"${mac.sign(toSignedText(channel, signed))}"}`
}

function splitTarget({ kind, target }: FeedEntry): Target {
  const members = TARGETS[kind].split(target)
  if (members === undefined) throw new Error(`a change of kind ${kind} has another target`)
  return members
}

const toSignedText = (channel: ChannelName, text: string): string =>
  `message\n${CHANNELS[channel]}\n${text}`

/** Reads a message of a channel. One with another HMAC, of another kind or of another form is dropped, with the reason. */
export function parseMessage(channel: ChannelName, text: string, mac: CacheMac): ParsedMessage {
  if (text.length > MAX_LENGTH) return drop('too_long')
  const [, signed, signature = ''] = SIGNED.exec(text) ?? []
  const body = signed === undefined ? null : parseObject(`${signed}}`)
  if (signed === undefined || body === null) return drop('unreadable')
  if (!mac.verify(toSignedText(channel, signed), signature)) return drop('forged')
  const { kind } = body
  if (kind !== 'heartbeat' && !isChangeKind(kind)) return drop('kind_unknown')
  if ((kind === 'heartbeat') !== (channel === 'heartbeat')) return drop('kind_unknown')
  const message = readMessage(kind, body)
  return message === undefined ? drop('form_wrong') : { ok: true, message }
}

const drop = (reason: DropReason): ParsedMessage => ({ ok: false, reason })
type Members = Readonly<Record<string, unknown>>

/** The text begins as an object does, so that it is one if it is JSON. */
function parseObject(text: string): Members | null {
  try {
    return JSON.parse(text) as Members
  } catch {
    return null
  }
}

const isChangeKind = (kind: unknown): kind is ChangeKind =>
  typeof kind === 'string' && Object.hasOwn(MESSAGE_IDS, kind)

function readMessage(kind: ChangeKind | 'heartbeat', body: Members): CacheMessage | undefined {
  const frame = readFrame(body)
  if (frame === undefined) return undefined
  if (kind === 'heartbeat') return { kind, ...frame }
  const { id, prev } = body
  const target = TARGETS[kind].join(body)
  const fits = id === MESSAGE_IDS[kind] && isCount(prev) && prev < frame.seq
  return fits && target !== undefined ? { kind, prev, target, ...frame } : undefined
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_REVISION

function readFrame({ v, epoch, seq, published_at, origin }: Members): MessageFrame | undefined {
  const at = typeof published_at === 'string' ? parseInstant(published_at) : undefined
  const { cutover, operator } = (
    typeof epoch === 'object' && epoch !== null ? epoch : {}
  ) as Members
  if (v !== 1 || at === undefined || !isId(origin)) return undefined
  if (!isCount(seq) || !isCount(cutover) || !isCount(operator)) return undefined
  return { epoch: { cutover, operator }, seq, published_at: at, origin }
}
