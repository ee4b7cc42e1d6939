import type { JsonMember, JsonObject } from '../json/read.ts'
import type { VectorQuestion } from './vector.ts'

/**
 * The expected envelope of a question, without `meta.backing_state`: its flag key, then the oracle's outcome with its
 * request id added to `meta`. A refusal has neither and stays as it is.
 */
export function buildExpectedEnvelope(
  outcome: JsonObject,
  { request }: { readonly request: VectorQuestion },
): JsonObject {
  if (outcome.members.some(([name]) => name === 'refused')) return outcome
  const members = outcome.members.map(([name, value]): JsonMember => {
    if (name !== 'meta') return [name, value]
    return [
      name,
      { members: [...(value as JsonObject).members, ['request_id', request.request_id]] },
    ]
  })
  return { members: [['flag_key', request.flag_key], ...members] }
}
