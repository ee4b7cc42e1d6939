import type { AuditRecord } from '../../../core/audit/record.ts'
import type { HttpRequest } from '../../../ports/http.ts'
import { GENERATED_FLAG } from './generated-store.ts'

/** The audit record that a request requires: one of an outcome, `none`, or `either` where the request was cut off. */
export type ExpectedRecord = AuditRecord['outcome'] | 'none' | 'either'
/** The caller of a change: with the scope, without it, with a forged token, or without a token. */
export type ChangeAuthor = 'writer' | 'reader' | 'forger' | 'anonymous'

/** A request of the management API, its caller, and the audit record that it requires. */
export interface AuditedOperation extends Omit<HttpRequest, 'path'> {
  readonly path: string
  readonly author: ChangeAuthor
  readonly due: Exclude<ExpectedRecord, 'either'>
}

const PUT = { method: 'PUT', author: 'writer', due: 'applied', body: '{"value":1}' } as const
const REFUSED = { ...PUT, due: 'refused' } as const
const UNKNOWN = { ...PUT, due: 'none' } as const
const DELETE = { method: 'DELETE', author: 'writer', due: 'applied' } as const

/** The path of a tenant's override of the generated flag in the management API; the tenant is put in unencoded. */
export const toOverridePath = (tenant: string): string =>
  `/v1/flags/override/tenant/${tenant}/${GENERATED_FLAG}`

/** Operations on one tenant, in this order. */
const buildRound = (tenant: string): readonly AuditedOperation[] => {
  const path = toOverridePath(tenant)
  const user = `/v1/flags/override/user/${tenant}/${GENERATED_FLAG}`
  return [
    { ...PUT, path },
    { ...PUT, path, headers: { 'if-match': '"1"' } },
    { ...REFUSED, path, headers: { 'if-match': '"1"' } },
    { ...REFUSED, path, body: '{"value":"of another type"}' },
    { ...REFUSED, path, author: 'reader' },
    { ...UNKNOWN, path, author: 'forger' },
    { ...UNKNOWN, path, author: 'anonymous' },
    { ...REFUSED, path: `${path}.unknown` },
    { ...PUT, path: user },
    { ...DELETE, path: user },
  ]
}

/**
 * Rounds that hold `count` operations in all: ten each, the last one the rest; empty for 0. Each round has a tenant of
 * its own (`T0`, `T1`); its operations have to run in order, while rounds may run at once.
 */
export function buildRounds(count: number): readonly (readonly AuditedOperation[])[] {
  const all: (readonly AuditedOperation[])[] = []
  for (let left = count; left > 0; left -= all.at(-1)?.length ?? left)
    all.push(buildRound(`T${all.length}`).slice(0, left))
  return all
}

/** Whether a status fits the expected record: 2xx for `applied`, 4xx except 401 for `refused`, 401 for `none`. */
export const isExpectedAnswer = (status: number, due: AuditedOperation['due']): boolean =>
  ({
    applied: status >= 200 && status < 300,
    refused: status >= 400 && status < 500 && status !== 401,
    none: status === 401,
  })[due]

/**
 * Compares records with the expected ones, by request id. `either` allows one `applied` record or none.
 *
 * @returns the ids due `applied` or `refused` without a record of that outcome (`missing`), and the ids with more than
 *   one record, with one of another outcome, or with one where none is expected, unknown ids included (`tooMany`); one
 *   id can be in both
 */
export function compareRecords(
  due: ReadonlyMap<string, ExpectedRecord>,
  records: readonly AuditRecord[],
): { readonly missing: readonly string[]; readonly tooMany: readonly string[] } {
  const found = new Map<string, AuditRecord['outcome'][]>()
  for (const { request_id, outcome } of records)
    found.set(request_id, [...(found.get(request_id) ?? []), outcome])
  const missing = [...due].filter(
    ([id, one]) => (one === 'applied' || one === 'refused') && !found.get(id)?.includes(one),
  )
  const tooMany = [...found].filter(([id, outcomes]) => {
    const one = due.get(id) ?? 'none'
    const wanted = one === 'either' ? 'applied' : one
    return outcomes.length > 1 || outcomes[0] !== wanted
  })
  return { missing: missing.map(([id]) => id), tooMany: tooMany.map(([id]) => id) }
}
