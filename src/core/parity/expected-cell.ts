import type { JsonMember, JsonObject } from '../json/read.ts'
import type { Cell } from './cells.ts'

/** The oracle's outcome with what is the cell's own: the whole envelope that a cell must come to. */
export function buildExpectedEnvelope(outcome: JsonObject, { request }: Cell): JsonObject {
  const members = outcome.members.map(([name, value]): JsonMember => {
    if (name !== 'meta') return [name, value]
    return [
      name,
      { members: [...(value as JsonObject).members, ['request_id', request.request_id]] },
    ]
  })
  return { members: [['flag_key', request.flag_key], ...members] }
}
