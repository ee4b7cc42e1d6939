import { appendPointer } from '../json/pointer.ts'
import { isJsonObject, type JsonNode, type JsonObject, parseLosslessJson } from '../json/read.ts'
import { type Problem, makeProblem } from '../problem.ts'
import { isApprovalRef, isScopeId } from '../rows/grammar.ts'

/** The attributes of an OFREP context that are used; null where absent. Other attributes are ignored. */
export interface OfrepContext {
  /** Any text: one that is no id matches no row (`listSkippedLayers`). */
  readonly user_id: string | null
  /** Any text, as `user_id`. */
  readonly tenant_id: string | null
  /** Any text: one that is no approval ref names no approval. */
  readonly approval_ref: string | null
}
/** An attribute that was skipped, because its text is no id or no approval ref. */
export type OfrepWarning = 'targeting_key_skipped' | 'tenant_id_skipped' | 'approval_ref_skipped'
export type OfrepRequest =
  | { readonly ok: true; readonly context: OfrepContext }
  | { readonly ok: false; readonly code: Problem['code']; readonly problem: Problem }
  | { readonly ok: false; readonly code: 'too_many_members'; readonly problem?: never }

const ATTRIBUTES: { readonly [K in keyof OfrepContext]: string } = {
  user_id: 'targetingKey',
  tenant_id: 'tenant_id',
  approval_ref: 'approval_ref',
}

/**
 * Parses the body of an OFREP request and returns the used attributes of its `context`, null where absent, or the first
 * problem: a fault of the JSON, `type_wrong` for no object or text, `member_missing` without a context. More members of
 * the body or its context than `mostMembers` are `too_many_members`. A repeated member among those that are used is
 * `duplicate_member`, as parsers disagree about which one counts; other attributes are ignored.
 */
export function parseOfrepRequest(body: string, mostMembers: number): OfrepRequest {
  const read = parseLosslessJson(body)
  if (!read.ok) return refuseRequest(read.code, '')
  const object = toObject(read.node)
  const context = findMember(object, 'context', '')
  if (context.problem !== undefined) return refuse(context.problem)
  if (context.node === undefined) return refuseRequest('member_missing', '/context')
  const members = toObject(context.node)
  if (members === null) return refuseRequest('type_wrong', '/context')
  if ([object as JsonObject, members].some((one) => one.members.length > mostMembers))
    return { ok: false, code: 'too_many_members' }
  const found = Object.entries(ATTRIBUTES).map(
    ([member, name]) => [member, readAttribute(members, name)] as const,
  )
  const wrong = found.find(([, { problem: one }]) => one !== undefined)?.[1].problem
  if (wrong !== undefined) return refuse(wrong)
  return {
    ok: true,
    context: Object.fromEntries(
      found.map(([name, { text = null }]) => [name, text]),
    ) as unknown as OfrepContext,
  }
}

const isMatchable = (id: string | null): boolean => id === null || isScopeId(id)
const isNameable = (ref: string | null): boolean => ref === null || isApprovalRef(ref)

/** The approval that a context names; null also for a text that is no approval ref, which a sensitive flag denies. */
export const takeApprovalRef = ({ approval_ref }: OfrepContext): string | null =>
  isNameable(approval_ref) ? approval_ref : null

/**
 * The warnings of a context whose `targetingKey` or `tenant_id` is no id, or `approval_ref` no approval ref; empty where
 * each is well formed or absent. Such a text is no error: an error would make the client serve its own default, also for
 * a killed flag.
 */
export const listSkippedLayers = ({
  user_id,
  tenant_id,
  approval_ref,
}: OfrepContext): readonly OfrepWarning[] => [
  ...(isMatchable(user_id) ? [] : (['targeting_key_skipped'] as const)),
  ...(isMatchable(tenant_id) ? [] : (['tenant_id_skipped'] as const)),
  ...(isNameable(approval_ref) ? [] : (['approval_ref_skipped'] as const)),
]

/**
 * Copies a principal with null for a user or tenant that has not the form of an id, so that no override can match
 * it; OFREP contexts may hold any text there.
 */
export const skipUnmatched = <P extends Pick<OfrepContext, 'user_id' | 'tenant_id'>>(
  principal: P,
): P => ({
  ...principal,
  user_id: isMatchable(principal.user_id) ? principal.user_id : null,
  tenant_id: isMatchable(principal.tenant_id) ? principal.tenant_id : null,
})

const refuse = (problem: Problem): OfrepRequest => ({ ok: false, code: problem.code, problem })
const refuseRequest = (code: Problem['code'], at: string): OfrepRequest =>
  refuse(makeProblem(code, at))
const toObject = (node: JsonNode): JsonObject | null =>
  node !== null && typeof node === 'object' && isJsonObject(node) ? node : null

interface Member {
  readonly node?: JsonNode
  readonly problem?: Problem
}
function findMember(object: JsonObject | null, name: string, below: string): Member {
  if (object === null) return { problem: makeProblem('type_wrong', below) }
  const [first, second] = object.members.filter(([member]) => member === name)
  if (second !== undefined)
    return { problem: makeProblem('duplicate_member', appendPointer(below, name)) }
  return first === undefined ? {} : { node: first[1] }
}

function readAttribute(
  context: JsonObject,
  name: string,
): { readonly text?: string; readonly problem?: Problem } {
  const { node, problem: twice } = findMember(context, name, '/context')
  if (twice !== undefined) return { problem: twice }
  if (node === undefined) return {}
  const at = appendPointer('/context', name)
  if (typeof node !== 'string') return { problem: makeProblem('type_wrong', at) }
  return { text: node }
}
