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
  readonly approval_ref: string | null
}
/** A layer of overrides that was skipped, as the context names it by a text that is no id. */
export type OfrepWarning = 'targeting_key_skipped' | 'tenant_id_skipped'
export type OfrepRequest =
  | { readonly ok: true; readonly context: OfrepContext }
  | { readonly ok: false; readonly problem: Problem }

type Attribute = readonly [name: string, holds: (text: string) => boolean]
const ATTRIBUTES: { readonly [K in keyof OfrepContext]: Attribute } = {
  user_id: ['targetingKey', () => true],
  tenant_id: ['tenant_id', () => true],
  approval_ref: ['approval_ref', isApprovalRef],
}

/**
 * Parses the body of an OFREP request and returns the used attributes of its `context`, null where absent, or the first
 * problem: a fault of the JSON, `type_wrong` for no object or text, `member_missing` without a context, `form_wrong`
 * for a malformed attribute. A repeated member among those that are used is `duplicate_member`, as parsers disagree
 * about which one counts; other attributes are ignored.
 */
export function parseOfrepRequest(body: string): OfrepRequest {
  const read = parseLosslessJson(body)
  if (!read.ok) return refuseRequest(read.code, '')
  const context = findMember(toObject(read.node), 'context', '')
  if (context.problem !== undefined) return { ok: false, problem: context.problem }
  if (context.node === undefined) return refuseRequest('member_missing', '/context')
  const members = toObject(context.node)
  if (members === null) return refuseRequest('type_wrong', '/context')
  const found = Object.entries(ATTRIBUTES).map(
    ([name, attribute]) => [name, readAttribute(members, attribute)] as const,
  )
  const wrong = found.find(([, { problem: one }]) => one !== undefined)?.[1].problem
  if (wrong !== undefined) return { ok: false, problem: wrong }
  return {
    ok: true,
    context: Object.fromEntries(
      found.map(([name, { text = null }]) => [name, text]),
    ) as unknown as OfrepContext,
  }
}

const isMatchable = (id: string | null): boolean => id === null || isScopeId(id)

/**
 * The warnings of a context whose `targetingKey` or `tenant_id` is no id; empty where both are ids or absent. Such a
 * text is no error: an error would make the client serve its own default, also for a killed flag.
 */
export const listSkippedLayers = ({
  user_id,
  tenant_id,
}: OfrepContext): readonly OfrepWarning[] => [
  ...(isMatchable(user_id) ? [] : (['targeting_key_skipped'] as const)),
  ...(isMatchable(tenant_id) ? [] : (['tenant_id_skipped'] as const)),
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

const refuseRequest = (code: Problem['code'], at: string): OfrepRequest => ({
  ok: false,
  problem: makeProblem(code, at),
})
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
  [name, holds]: Attribute,
): { readonly text?: string; readonly problem?: Problem } {
  const { node, problem: twice } = findMember(context, name, '/context')
  if (twice !== undefined) return { problem: twice }
  if (node === undefined) return {}
  const at = appendPointer('/context', name)
  if (typeof node !== 'string') return { problem: makeProblem('type_wrong', at) }
  return holds(node) ? { text: node } : { problem: makeProblem('form_wrong', at) }
}
