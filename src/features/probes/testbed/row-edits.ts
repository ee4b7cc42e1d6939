import { parseLosslessJson } from '../../../core/json/read.ts'
import type { Instant } from '../../../core/rows/instant.ts'
import type { RowKey, TableName } from '../../../core/rows/rows.ts'
import type { WriteRequest } from '../../../core/rows/write-request.ts'

/** An edit of one row by an actor. */
export interface RowEdit extends Pick<WriteRequest, 'expected'> {
  readonly table: TableName
  readonly key: RowKey
  readonly actor: string
  readonly occurred_at: Instant
  /** JSON texts by member. */
  readonly body: Readonly<Record<string, string>>
}

/**
 * Converts an edit into the write request of a store: a `put` without approval, with the request id `probe-ACTOR`.
 * Writes nothing.
 *
 * @throws Error (no FfError) where a text of `body` is not JSON
 */
export function toWriteRequest({ body, actor, ...edit }: RowEdit): WriteRequest {
  const text = Object.entries(body).map(([name, json]) => `${JSON.stringify(name)}:${json}`)
  const read = parseLosslessJson(`{${text.join(',')}}`)
  if (!read.ok) throw new Error(`the body of an edit of ${actor} cannot be read: ${read.code}`)
  const terms = { action: 'put', auth_mode: null, request_id: `probe-${actor}` } as const
  return { ...edit, ...terms, actor, approval: null, body: read.node }
}
