import { toOfrepAnswer } from '../../core/ofrep/answer.ts'
import {
  listSkippedLayers,
  type OfrepWarning,
  parseOfrepRequest,
  skipUnmatched,
  takeApprovalRef,
} from '../../core/ofrep/context.ts'
import { matchesTag } from '../../core/http-api/preconditions.ts'
import { formatOfrepFailure } from '../../core/ofrep/failure.ts'
import { isFlagKey } from '../../core/rows/grammar.ts'
import type { Route, RouteRequest, RouteResponse } from '../../ports/http.ts'
import { authenticateCaller, resolvePrincipal } from './authorize.ts'
import { MAX_MEMBERS } from './body.ts'
import { CHANGES_PATH } from './changes.ts'
import { openDecisionReader } from './decision-reader.ts'
import { decideMany, decideOne, type EvaluationTerms, listReachableFlags } from './evaluate.ts'
import { toOfrepRefusal, toOfrepResponse } from './ofrep-reply.ts'
import type { GetServiceDependencies, ServiceDependencies } from './dependencies.ts'
import { hashEntityTag, HttpRefusal, toHttpRefusal } from './reply.ts'

/** Where a client listens for changes, on the origin that it asked; it asks again after silence for so long. */
const EVENT_STREAMS = JSON.stringify([
  { type: 'sse', endpoint: { requestUri: CHANGES_PATH }, inactivityDelaySec: 120 },
])

interface OfrepTerms extends EvaluationTerms {
  readonly skipped: readonly OfrepWarning[]
}
type Answer = (service: ServiceDependencies, call: RouteRequest) => Promise<RouteResponse>

/**
 * The two POST routes of the OpenFeature Remote Evaluation Protocol, for one flag and for all. They take a bearer
 * token and ignore `X-API-Key`. A refusal becomes an OFREP error; a bug is thrown on to the server.
 */
export const createOfrepRoutes = (parts: GetServiceDependencies): readonly Route[] => [
  {
    id: 'ofrep.evaluate',
    method: 'POST',
    path: '/ofrep/v1/evaluate/flags/:key',
    handle: withOfrepRefusals(parts, answerOne),
  },
  {
    id: 'ofrep.evaluate_all',
    method: 'POST',
    path: '/ofrep/v1/evaluate/flags',
    handle: withOfrepRefusals(parts, answerAll),
  },
]

const withOfrepRefusals =
  (parts: GetServiceDependencies, answer: Answer): Route['handle'] =>
  async (call) => {
    try {
      return await answer(parts(), call)
    } catch (error) {
      const refusal = toHttpRefusal(error)
      if (refusal === undefined) throw error
      return toOfrepRefusal(refusal.code, call.params['key'] ?? null, refusal.places)
    }
  }

const answerOne: Answer = async (service, call) => {
  const terms = await resolveTerms(service, call)
  const { key = '' } = call.params
  if (!isFlagKey(key)) throw new HttpRefusal('flag_unknown')
  const { text, failure } = toOfrepAnswer(await decideOne(service, key, terms), terms.skipped)
  if (failure !== undefined) throw new HttpRefusal(failure)
  return { ...toOfrepResponse(text, 200), flags: 1 }
}

/**
 * Evaluates every flag whose required_auth the caller satisfies, in the order of the keys; a flag that fails does not
 * fail the others. The strong ETag is a hash of the whole response, so it changes with all that the response depends on.
 */
const answerAll: Answer = async (service, call) => {
  const terms = await resolveTerms(service, call)
  const decisions = await decideMany(service, await listReachableFlags(terms), terms)
  const items = decisions.map((decision) => {
    const { text, failure } = toOfrepAnswer(decision, terms.skipped)
    return text ?? formatOfrepFailure(failure, decision.flag_key)
  })
  const text = `{"flags":[${items.join(',')}],"eventStreams":${EVENT_STREAMS}}`
  const etag = hashEntityTag(text)
  const isCurrent = matchesTag(call.header('if-none-match'), etag)
  const response = toOfrepResponse(isCurrent ? '' : text, isCurrent ? 304 : 200, { etag })
  return { ...response, flags: decisions.length }
}

/**
 * Authenticates the caller, then parses the body: a refused credential is reported before a bad body.
 *
 * @throws HttpRefusal
 */
async function resolveTerms(service: ServiceDependencies, call: RouteRequest): Promise<OfrepTerms> {
  const now = service.now()
  const caller = await authenticateCaller(service, call, now)
  const read = parseOfrepRequest(call.body, MAX_MEMBERS)
  if (!read.ok) throw new HttpRefusal(read.code, read.problem === undefined ? [] : [read.problem])
  const { approval_ref: _, ...named } = read.context
  return {
    principal: skipUnmatched(resolvePrincipal(caller, named)),
    skipped: listSkippedLayers(read.context),
    approval_ref: takeApprovalRef(read.context),
    request_id: call.request_id,
    trace: call.trace,
    now,
    reader: openDecisionReader(service),
  }
}
