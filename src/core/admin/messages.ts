import {
  type ApprovalAnswer,
  type ApprovalQuery,
  TTL_STATES,
  type ApprovalTtlState,
} from '../evaluate/types.ts'
import { isJsonObject, type JsonNode, parseLosslessJson } from '../json/read.ts'
import { isApprovalRef, isFlagKey, isScopeId } from '../rows/grammar.ts'
import { type Instant, parseInstant } from '../rows/instant.ts'

/** A valid answer of Admin, that is, any but a failure. */
export type CheckAnswer = Exclude<ApprovalAnswer, { status: 'unreachable' }>

const CHECK = 'sensitive.check.2b'

/**
 * The JSON body of a check request (`contracts/schemas/admin-check-request.schema.json`): the check's name, the
 * approval ref, the flag key, and tenant and user, null where the caller has none. Validates nothing.
 */
export const formatCheckRequest = ({
  approval_ref,
  flag_key,
  tenant_id,
  user_id,
}: ApprovalQuery): string =>
  JSON.stringify({ check: CHECK, approval_ref, flag_key, tenant_id, user_id })

/**
 * Parses the body of a check request into its approval ref, flag key, tenant and user (tenant and user are null for
 * none). Null for text that is not JSON, or that breaks `contracts/schemas/admin-check-request.schema.json`, also by
 * a repeated or unknown member.
 */
export function parseCheckRequest(text: string): ApprovalQuery | null {
  const members = findMembers(text, { check: (node) => node === CHECK, ...ECHO })
  if (members === null) return null
  return {
    approval_ref: members.get('approval_ref') as string,
    flag_key: members.get('flag_key') as string,
    tenant_id: members.get('tenant_id') as string | null,
    user_id: members.get('user_id') as string | null,
  }
}

/**
 * Parses Admin's answer to a question: `unknown`, or `known` with revocation, times and the TTL state that Admin
 * states. Null where the body is not JSON, breaks `contracts/schemas/admin-check-response.schema.json`, repeats a
 * member, has an impossible date, or echoes another question.
 */
export function parseCheckAnswer(text: string, question: ApprovalQuery): CheckAnswer | null {
  const unknown = findMembers(text, UNKNOWN)
  const members = unknown ?? findMembers(text, KNOWN)
  if (members === null) return null
  if (ECHOED.some((name) => members.get(name) !== question[name])) return null
  if (unknown !== null) return { status: 'unknown' }
  return {
    status: 'known',
    revoked: members.get('revoked') as boolean,
    not_before: members.get('not_before') as Instant,
    expires_at: members.get('expires_at') as Instant,
    stated: members.get('ttl_state') as Exclude<ApprovalTtlState, 'unknown'>,
  }
}

/**
 * The JSON body of an answer, as Admin writes it: the echoed question, the given TTL state, times and revocation. An
 * unknown approval has null times and `revoked: false`.
 */
export function formatCheckAnswer(
  { approval_ref, flag_key, tenant_id, user_id }: ApprovalQuery,
  answer: CheckAnswer,
  ttl_state: ApprovalTtlState,
): string {
  const {
    not_before = null,
    expires_at = null,
    revoked = false,
  } = answer.status === 'known' ? answer : {}
  const echo = { approval_ref, flag_key, tenant_id, user_id }
  return JSON.stringify({ ...echo, ttl_state, not_before, expires_at, revoked })
}

type Holds = (node: JsonNode | undefined) => boolean
const text =
  (holds: (text: string) => boolean): Holds =>
  (node) =>
    typeof node === 'string' && holds(node)
/** Null for a caller without tenant or user: no approval covers it, but Admin decides that. */
const scopeId: Holds = (node) => node === null || text(isScopeId)(node)
const time = text((one) => parseInstant(one) !== undefined)
const flag: Holds = (node) => typeof node === 'boolean'
const maybe =
  (holds: Holds): Holds =>
  (node) =>
    node === undefined || node === null || holds(node)

const ECHO = {
  approval_ref: text(isApprovalRef),
  flag_key: text(isFlagKey),
  tenant_id: scopeId,
  user_id: scopeId,
}
const ECHOED = Object.keys(ECHO) as (keyof ApprovalQuery)[]
const KNOWN = {
  ...ECHO,
  ttl_state: text((one) => one !== 'unknown' && (TTL_STATES as readonly string[]).includes(one)),
  not_before: time,
  expires_at: time,
  revoked: flag,
}
/** Admin gives no details of an unknown approval. */
const UNKNOWN = {
  ...ECHO,
  ttl_state: text((one) => one === 'unknown'),
  not_before: maybe(time),
  expires_at: maybe(time),
  revoked: maybe(flag),
}

/** The members of an object that has exactly these, each once; null for any other text. */
function findMembers(
  body: string,
  shape: Readonly<Record<string, Holds>>,
): ReadonlyMap<string, JsonNode> | null {
  const read = parseLosslessJson(body)
  if (!read.ok || typeof read.node !== 'object' || read.node === null || !isJsonObject(read.node))
    return null
  const members = new Map(read.node.members)
  const hasRepeated = members.size < read.node.members.length
  const hasUnknown = [...members.keys()].some((name) => !Object.hasOwn(shape, name))
  const isValid = Object.entries(shape).every(([name, holds]) => holds(members.get(name)))
  return hasRepeated || hasUnknown || !isValid ? null : members
}
