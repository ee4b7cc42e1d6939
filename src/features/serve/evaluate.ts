import { serializeDecision } from '../../core/evaluate/decision-text.ts'
import { evaluate } from '../../core/evaluate/evaluate.ts'
import { satisfiesRequiredAuth } from '../../core/evaluate/required-auth.ts'
import type {
  ApprovalAnswer,
  Decision,
  EvaluationInput,
  Principal,
} from '../../core/evaluate/types.ts'
import type { JsonObject } from '../../core/json/read.ts'
import { makeProblem } from '../../core/problem.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { CheckApproval } from '../../ports/admin.ts'
import type { RouteRequest, RouteResponse, TraceSource } from '../../ports/http.ts'
import { decideWithApproval } from '../evaluation/answer-question.ts'
import { authenticateCaller, resolvePrincipal } from './authorize.ts'
import { requireSchema, parseJsonBody } from './body.ts'
import { openDecisionReader, type DecisionReader } from './decision-reader.ts'
import {
  MAX_ALL,
  MAX_BULK,
  type GetServiceDependencies,
  type ServiceDependencies,
} from './dependencies.ts'
import { toJsonResponse, HttpRefusal } from './reply.ts'

interface NamedCaller {
  readonly tenant_id?: string
  readonly user_id?: string
  readonly approval_ref?: string
}
/** The terms of an evaluation that are the same for each of its flags. */
export interface EvaluationTerms {
  readonly principal: Principal
  readonly approval_ref: string | null
  readonly request_id: string
  readonly trace: TraceSource
  /** One instant for the whole request, so that all its decisions agree. */
  readonly now: Instant
  readonly reader: DecisionReader
}

/**
 * The handler of `POST /v1/flags/evaluate`: returns one decision, or a list for a body with `flag_keys` or else
 * `all`, by the presence of the member. A deny is a 200.
 *
 * @throws HttpRefusal for caller, body, named context, or more flags than the limit; and the errors of the store
 */
export const createEvaluateRoute =
  (parts: GetServiceDependencies) =>
  async (call: RouteRequest): Promise<RouteResponse> => {
    const service = parts()
    const now = service.now()
    const caller = await authenticateCaller(service, call, now)
    const body = parseJsonBody(call.body)
    const [, answer] = FORMS.find(([member]) => hasMember(body, member)) ?? ONE
    const reader = openDecisionReader(service)
    const { text, flags } = await answer(service, body, { call, caller, now, reader })
    return toJsonResponse(text, { flags })
  }

const hasMember = ({ members }: JsonObject, name: string): boolean =>
  members.some(([member]) => member === name)

function countMembers({ members }: JsonObject, name: string): number {
  const held = members.find(([member]) => member === name)?.[1]
  return Array.isArray(held) ? held.length : 0
}

interface EvaluationCall {
  readonly call: RouteRequest
  readonly caller: Principal
  readonly now: Instant
  readonly reader: DecisionReader
}
type Answer = (
  service: ServiceDependencies,
  body: JsonObject,
  met: EvaluationCall,
) => Promise<{ readonly text: string; readonly flags: number }>

const resolveTerms = (
  named: NamedCaller,
  { call, caller, now, reader }: EvaluationCall,
): EvaluationTerms => ({
  principal: resolvePrincipal(caller, named),
  approval_ref: named.approval_ref ?? null,
  request_id: call.request_id,
  trace: call.trace,
  now,
  reader,
})

const answerOne: Answer = async (service, body, received) => {
  const { flag_key, ...named } = requireSchema<NamedCaller & { flag_key: string }>(
    'evaluate-one',
    body,
  )
  const decision = await decideOne(service, flag_key, resolveTerms(named, received))
  return { text: serializeDecision(decision), flags: 1 }
}
const answerMany: Answer = async (service, body, received) => {
  // Counted first: validating an unbounded list takes longer than answering a list of the allowed length.
  if (countMembers(body, 'flag_keys') > MAX_BULK)
    throw new HttpRefusal('too_many_flags', [makeProblem('form_wrong', '/flag_keys')])
  const { flag_keys, ...named } = requireSchema<NamedCaller & { flag_keys: string[] }>(
    'evaluate-many',
    body,
  )
  return formatDecisions(await decideMany(service, flag_keys, resolveTerms(named, received)))
}
const answerAll: Answer = async (service, body, received) => {
  const named = requireSchema<NamedCaller>('evaluate-all', body)
  const terms = resolveTerms(named, received)
  return formatDecisions(await decideMany(service, await listReachableFlags(terms), terms))
}
const ONE = ['flag_key', answerOne] as const
const FORMS: readonly (readonly [member: string, answer: Answer])[] = [
  ['flag_keys', answerMany],
  ['all', answerAll],
]

const formatDecisions = (decisions: readonly Decision[]): Awaited<ReturnType<Answer>> => ({
  text: `{"decisions":[${decisions.map(serializeDecision).join(',')}]}`,
  flags: decisions.length,
})

/**
 * Takes the cached decision of one flag, or reads its rows and decides it, and reports the decision to the observer.
 * May ask the source of approvals. An unknown flag gives a decision too.
 *
 * @throws the errors of the store
 */
export async function decideOne(
  { approvals, observer, shadow }: ServiceDependencies,
  flag_key: string,
  { principal, approval_ref, request_id, trace, now, reader }: EvaluationTerms,
): Promise<Decision> {
  const { tenant_id, user_id } = principal
  const request = { flag_key, approval_ref, request_id }
  const asked = { request, principal, now, backing_state: reader.kind }
  const cached = await reader.decisions?.find(asked)
  if (cached != null) {
    observer.decided(cached)
    return cached
  }
  const since = performance.now()
  const rows = await reader.read({ flag_key, tenant_id, user_id })
  // Each member by name: a spread costs a microsecond.
  const facts = { request, principal, now, backing_state: reader.kind, rows }
  const read_ms = performance.now() - since
  const decision = await decideAndOffer(shadow, approvals.begin(trace), { facts, read_ms })
  reader.decisions?.offer(facts, decision)
  observer.decided(decision)
  return decision
}

/**
 * Decisions in the order of `flag_keys`, from one snapshot of the store, with one Admin deadline for all of them;
 * each is reported to the observer once all are made.
 *
 * @throws the errors of the store
 */
export async function decideMany(
  { approvals, observer, shadow }: ServiceDependencies,
  flag_keys: readonly string[],
  { principal, approval_ref, request_id, trace, now, reader }: EvaluationTerms,
): Promise<readonly Decision[]> {
  const { tenant_id, user_id } = principal
  const since = performance.now()
  const sets = await reader.readMany({ flag_keys, tenant_id, user_id })
  const read_ms = performance.now() - since
  const check = approvals.begin(trace)
  const decisions = await Promise.all(
    sets.map((rows, at) => {
      const request = { flag_key: flag_keys[at] as string, approval_ref, request_id }
      const facts = { request, principal, rows, now, backing_state: reader.kind }
      return decideAndOffer(shadow, check, { facts, read_ms })
    }),
  )
  decisions.forEach((decision) => observer.decided(decision))
  return decisions
}

interface DecisionFacts {
  readonly facts: EvaluationInput
  readonly read_ms: number
}
/** Decides, and offers the decision to be compared with that of the other side, where decisions are compared. */
const decideAndOffer = (
  shadow: ServiceDependencies['shadow'],
  check: CheckApproval,
  { facts, read_ms }: DecisionFacts,
): Promise<Decision> =>
  shadow === undefined
    ? decideWithApproval(evaluate, check, facts)
    : decideShadowed(shadow, check, { facts, read_ms })

async function decideShadowed(
  shadow: NonNullable<ServiceDependencies['shadow']>,
  check: CheckApproval,
  { facts: input, read_ms }: DecisionFacts,
): Promise<Decision> {
  let answer: ApprovalAnswer | undefined
  const noteAnswer: CheckApproval = async (query) => (answer = await check(query))
  const decision = await decideWithApproval(evaluate, noteAnswer, input)
  shadow.offer({ input, answer, decision, read_ms })
  return decision
}

/**
 * Keys of the flags whose required_auth the caller satisfies, in the order of the store's pages. A flag with a broken
 * row is included.
 *
 * @throws HttpRefusal `too_many_flags` where the store holds more than MAX_ALL flags, and the errors of the store
 */
export async function listReachableFlags({
  reader,
  principal,
}: Pick<EvaluationTerms, 'reader' | 'principal'>): Promise<readonly string[]> {
  const flags = await reader.page({ after: null, limit: MAX_ALL + 1 })
  if (flags.length > MAX_ALL) throw new HttpRefusal('too_many_flags')
  return flags
    .filter(
      ({ held }) =>
        held.row === undefined || satisfiesRequiredAuth(principal.mode, held.row.required_auth),
    )
    .map(({ flag_key }) => flag_key)
}
