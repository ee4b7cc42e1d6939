import type { AuditRecord } from '../../../core/audit/record.ts'
import type { HttpRequest } from '../../../ports/http.ts'
import { MADE_FLAG } from './generated-store.ts'

/** What the trail has to hold of a request: one record, none, or whichever where nobody was told what became of it. */
export type ExpectedRecord = AuditRecord['outcome'] | 'none' | 'either'
/** By whom a change is asked for: with or without the scope, by a token that somebody forged, by nobody. */
export type ChangeAuthor = 'writer' | 'reader' | 'forger' | 'anonymous'

export interface AuditedOperation extends Omit<HttpRequest, 'path'> {
  readonly path: string
  readonly author: ChangeAuthor
  readonly due: Exclude<ExpectedRecord, 'either'>
}

const PUT = { method: 'PUT', author: 'writer', due: 'applied', body: '{"value":1}' } as const
const REFUSED = { ...PUT, due: 'refused' } as const
const UNKNOWN = { ...PUT, due: 'none' } as const
const DELETE = { method: 'DELETE', author: 'writer', due: 'applied' } as const

export const overridePath = (tenant: string): string =>
  `/v1/flags/override/tenant/${tenant}/${MADE_FLAG}`

/** What one tenant is asked for, one after the other. */
const buildRound = (tenant: string): readonly AuditedOperation[] => {
  const path = overridePath(tenant)
  const user = `/v1/flags/override/user/${tenant}/${MADE_FLAG}`
  return [
    { ...PUT, path },
    { ...PUT, path, headers: { 'if-match': '"1"' } },
    { ...REFUSED, path, headers: { 'if-match': '"1"' } },
    { ...REFUSED, path, body: '{"value":"of another type"}' },
    { ...REFUSED, path, author: 'reader' },
    { ...UNKNOWN, path, author: 'forger' },
    { ...UNKNOWN, path, author: 'anonymous' },
    { ...REFUSED, path: `${path}.of-nobody` },
    { ...PUT, path: user },
    { ...DELETE, path: user },
  ]
}

/** Turns of so many operations together. */
export function buildRounds(count: number): readonly (readonly AuditedOperation[])[] {
  const all: (readonly AuditedOperation[])[] = []
  for (let left = count; left > 0; left -= all.at(-1)?.length ?? left)
    all.push(buildRound(`T${all.length}`).slice(0, left))
  return all
}

/** Whether an answer is of the kind that is due: what was not answered so says nothing of the trail. */
export const isExpectedAnswer = (status: number, due: AuditedOperation['due']): boolean =>
  ({
    applied: status >= 200 && status < 300,
    refused: status >= 400 && status < 500 && status !== 401,
    none: status === 401,
  })[due]

/** Held to what is due, requests whose record is not there, and those that have one too many. */
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
