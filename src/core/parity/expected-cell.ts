import type { JsonMember, JsonObject } from '../json/read.ts'
import type { Cell } from './cells.ts'

/**
 * The expected envelope of a cell, without `meta.backing_state`: the cell's flag key, then the oracle's outcome with
 * the cell's request id added to `meta`.
 */
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
