import { type JsonNode, parseLosslessJson } from '../../../src/core/json/read.ts'
import type { Instant } from '../../../src/core/rows/instant.ts'
import type { WriteRequest } from '../../../src/core/rows/write-request.ts'
import type { Problem } from '../../../src/core/problem.ts'
import type { AnyRow, RowKey, TableName } from '../../../src/core/rows/rows.ts'
import { FfError } from '../../../src/errors.ts'
import type { FlagStore } from '../../../src/ports/store.ts'

/** JSON texts by member name, so that a number keeps its digits. */
export type Members = Readonly<Record<string, string>>

export const NOW = '2026-01-15T09:00:00.000Z' as Instant
export const LATER = '2026-01-15T09:00:00.001Z' as Instant

export const objectText = (members: Members): string =>
  `{${Object.entries(members)
    .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
    .join(',')}}`

/** The body of a flag without restrictions; `members` replaces some of its members. */
export const flagText = (members: Members = {}): string =>
  objectText({
    value_type: '"boolean"',
    default_value: 'false',
    safe_value: 'false',
    sensitive: 'false',
    required_auth: '"none"',
    state: '"active"',
    description: '"as it was"',
    owner: '"team-a"',
    ...members,
  })

export const overrideText = (value: string, members: Members = {}): string =>
  objectText({ value, ...members })

/** Parses a text as the service parses a request body. */
export function toNode(text: string): JsonNode {
  const read = parseLosslessJson(text)
  if (!read.ok) throw new Error(`the text does not reach a store: ${read.code}`)
  return read.node
}

const request = (
  table: TableName,
  key: RowKey,
  more: Pick<WriteRequest, 'action' | 'body'> & Partial<WriteRequest>,
): WriteRequest => ({
  table,
  key,
  expected: null,
  actor: 'U-editor',
  auth_mode: 'verified',
  request_id: 'request-1',
  occurred_at: NOW,
  approval: null,
  ...more,
})

export const put = (
  table: TableName,
  key: RowKey,
  text: string,
  more: Partial<WriteRequest> = {},
): WriteRequest => request(table, key, { action: 'put', body: toNode(text), ...more })

export const remove = (
  table: TableName,
  key: RowKey,
  more: Partial<WriteRequest> = {},
): WriteRequest => request(table, key, { action: 'delete', body: null, ...more })

export const flagKey = (flag_key: string): RowKey => ({ scope_id: null, flag_key })
export const putFlag = (
  flag_key: string,
  members: Members = {},
  more: Partial<WriteRequest> = {},
): WriteRequest => put('flag_registry', flagKey(flag_key), flagText(members), more)
export const putTenant = (
  scope_id: string,
  flag_key: string,
  text: string,
  more: Partial<WriteRequest> = {},
): WriteRequest => put('tenant_override', { scope_id, flag_key }, text, more)
export const putUser = (
  scope_id: string,
  flag_key: string,
  text: string,
  more: Partial<WriteRequest> = {},
): WriteRequest => put('user_override', { scope_id, flag_key }, text, more)

/** The result of a write: the row, the problems, or the code of the error. */
export type Outcome =
  | { readonly taken: AnyRow }
  | { readonly refused: readonly Problem[] }
  | { readonly thrown: string }

export async function attempt(store: FlagStore, write: WriteRequest): Promise<Outcome> {
  try {
    const result = await store.write(write)
    return result.ok ? { taken: result.row } : { refused: result.problems }
  } catch (error) {
    return { thrown: getErrorCode(error) }
  }
}

/** The code of an FfError; for any other error a text that no test expects. */
export const getErrorCode = (error: unknown): string =>
  error instanceof FfError ? error.code : `not an FfError: ${String(error)}`

/** The code of the error that `work` rejects with; `none` if it resolves. */
export async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (error) {
    return getErrorCode(error)
  }
}

/** The row of a write that must succeed. */
export async function taken(store: FlagStore, write: WriteRequest): Promise<AnyRow> {
  const outcome = await attempt(store, write)
  if ('taken' in outcome) return outcome.taken
  throw new Error(`the write was not taken: ${JSON.stringify(outcome)}`)
}

export const refused = (code: Problem['code'], pointer: string): Outcome => ({
  refused: [{ code, pointer }],
})
