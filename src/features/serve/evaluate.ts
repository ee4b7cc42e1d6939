import { serializeDecision } from '../../core/evaluate/decision-text.ts'
import { evaluate } from '../../core/evaluate/evaluate.ts'
import { satisfiesRequiredAuth } from '../../core/evaluate/required-auth.ts'
import type { Decision, Principal } from '../../core/evaluate/types.ts'
import type { JsonObject } from '../../core/json/read.ts'
import { makeProblem } from '../../core/problem.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { RouteRequest, RouteResponse } from '../../ports/http.ts'
import { decide } from '../evaluation/answer-question.ts'
import { authenticateCaller, resolvePrincipal } from './authorize.ts'
import { fitting, readObject } from './body.ts'
import { MAX_ALL, MAX_BULK, type Parts, type ServiceParts } from './dependencies.ts'
import { jsonReply, Refusal } from './reply.ts'

interface Named {
  readonly tenant_id?: string
  readonly user_id?: string
  readonly approval_ref?: string
}
/** What is asked, besides of which flags. */
export interface Asking {
  readonly principal: Principal
  readonly approval_ref: string | null
  readonly request_id: string
  /** One for the whole request (page 1). */
  readonly now: Instant
}

/** `POST /v1/flags/evaluate`: one flag, several, or all. */
export const evaluateRoute =
  (parts: Parts) =>
  async (call: RouteRequest): Promise<RouteResponse> => {
    const service = parts()
    const now = service.now()
    const caller = await authenticateCaller(service, call, now)
    const body = readObject(call.body)
    const [, answer] = FORMS.find(([member]) => has(body, member)) ?? ONE
    return jsonReply(await answer(service, body, { call, caller, now }))
  }

const has = ({ members }: JsonObject, name: string): boolean =>
  members.some(([member]) => member === name)

function lengthOf({ members }: JsonObject, name: string): number {
  const held = members.find(([member]) => member === name)?.[1]
  return Array.isArray(held) ? held.length : 0
}

interface Met {
  readonly call: RouteRequest
  readonly caller: Principal
  readonly now: Instant
}
type Answer = (service: ServiceParts, body: JsonObject, met: Met) => Promise<string>

const askingOf = (named: Named, { call, caller, now }: Met): Asking => ({
  principal: resolvePrincipal(caller, named),
  approval_ref: named.approval_ref ?? null,
  request_id: call.request_id,
  now,
})

const answerOne: Answer = async (service, body, met) => {
  const { flag_key, ...named } = fitting<Named & { flag_key: string }>('evaluate-one', body)
  return serializeDecision(await decideOne(service, flag_key, askingOf(named, met)))
}
const answerMany: Answer = async (service, body, met) => {
  // Counted first: to hold so many to a schema would take longer than to answer those that may be asked for.
  if (lengthOf(body, 'flag_keys') > MAX_BULK)
    throw new Refusal('too_many_flags', [makeProblem('form_wrong', '/flag_keys')])
  const { flag_keys, ...named } = fitting<Named & { flag_keys: string[] }>('evaluate-many', body)
  return listText(await decideMany(service, flag_keys, askingOf(named, met)))
}
const answerAll: Answer = async (service, body, met) => {
  const named = fitting<Named>('evaluate-all', body)
  const asking = askingOf(named, met)
  return listText(await decideMany(service, await metBy(service, asking.principal), asking))
}
const ONE = ['flag_key', answerOne] as const
const FORMS: readonly (readonly [member: string, answer: Answer])[] = [
  ['flag_keys', answerMany],
  ['all', answerAll],
]

const listText = (decisions: readonly Decision[]): string =>
  `{"decisions":[${decisions.map(serializeDecision).join(',')}]}`

export async function decideOne(
  { store, approvals, observer }: ServiceParts,
  flag_key: string,
  { principal, approval_ref, request_id, now }: Asking,
): Promise<Decision> {
  const { tenant_id, user_id } = principal
  const rows = await store.read({ flag_key, tenant_id, user_id })
  const request = { flag_key, approval_ref, request_id }
  const facts = { request, principal, rows, now, backing_state: store.kind }
  const decision = await decide(evaluate, approvals.begin(), facts)
  observer.decided(decision)
  return decision
}

/** Decisions in the order of the keys, of one snapshot and one deadline of Admin. */
export async function decideMany(
  { store, approvals, observer }: ServiceParts,
  flag_keys: readonly string[],
  { principal, approval_ref, request_id, now }: Asking,
): Promise<readonly Decision[]> {
  const { tenant_id, user_id } = principal
  const sets = await store.readMany({ flag_keys, tenant_id, user_id })
  const check = approvals.begin()
  const decisions = await Promise.all(
    sets.map((rows, at) => {
      const request = { flag_key: flag_keys[at] as string, approval_ref, request_id }
      const facts = { request, principal, rows, now, backing_state: store.kind }
      return decide(evaluate, check, facts)
    }),
  )
  decisions.forEach((decision) => observer.decided(decision))
  return decisions
}

/** Every flag whose required_auth a caller meets. @throws Refusal `too_many_flags` rather than leave some out */
export async function metBy(
  { store }: ServiceParts,
  principal: Principal,
): Promise<readonly string[]> {
  const flags = await store.page({ after: null, limit: MAX_ALL + 1 })
  if (flags.length > MAX_ALL) throw new Refusal('too_many_flags')
  return flags
    .filter(
      ({ held }) =>
        held.row === undefined || satisfiesRequiredAuth(principal.mode, held.row.required_auth),
    )
    .map(({ flag_key }) => flag_key)
}
