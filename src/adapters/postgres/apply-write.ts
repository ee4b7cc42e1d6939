import type { AuditChainHead } from '../../core/audit/record.ts'
import { makeProblem } from '../../core/problem.ts'
import { type ExistingRows, planWrite } from '../../core/rows/plan-write.ts'
import { serializeRow } from '../../core/rows/rows.ts'
import {
  findCallerProblems,
  findRequestProblems,
  type WriteRequest,
} from '../../core/rows/write-request.ts'
import type { WriteName } from '../../ports/cutover.ts'
import type { AuditOptions, RefusalResult, RefusedWrite, WriteResult } from '../../ports/store.ts'
import { sealChange, sealRefusal } from '../store-files/seal-audit.ts'
import { appendAudit, parseAuditHead, preparedStatement } from './append-audit.ts'
import type { Client } from './client.ts'
import { type RowOfTexts, toRowSet } from './row-reader.ts'
import type { Statements } from './statements.ts'

/** What a change of a schema is made with. */
export interface WriteTools {
  readonly statements: Statements
  readonly tools: AuditOptions
}

/**
 * Applies one change in the caller's transaction, after waiting for the row lock on the audit head: row, image in the
 * change log under `name`, row in the feed, and audit record.
 *
 * @param name null for a change without a name
 * @returns the new row and head, or the problems of a refused request; then the caller rolls back
 * @throws the driver's error, unmapped
 */
export async function applyWrite(
  client: Client,
  { statements, tools }: WriteTools,
  { request, name }: { readonly request: WriteRequest; readonly name: WriteName | null },
): Promise<WriteResult> {
  const problems = findRequestProblems(request)
  if (problems.length > 0) return { ok: false, problems }
  // Every writer takes this row lock first, so the chain has one order and two writers cannot deadlock. The
  // pipelined read runs once the lock is held, with a snapshot that includes every earlier commit.
  const [head, standing] = await Promise.all([
    lockHead(client, statements),
    readExisting(client, statements, request),
  ])
  const plan = planWrite(request, standing)
  if (!plan.ok) return plan
  const { change } = plan
  if (change.after === change.before) return { ok: true, row: change.after, head, unchanged: true }
  const record = sealChange(tools, { request, change, standing }, head)
  const planned = [
    `[${serializeRow(change.after)}]`,
    record.seq,
    record.target,
    ...listNameColumns(name),
    change.before?.revision ?? 0,
  ]
  const upsert = statements.upsert[request.table]
  const [{ rowCount }] = await Promise.all([
    client.query(preparedStatement(`ff_upsert_${request.table}`, upsert, planned)),
    appendAudit(client, statements, record),
  ])
  // An SQL statement from outside changed the row without the lock, so the plan is stale: roll back row and record.
  if (rowCount !== 1) return { ok: false, problems: [makeProblem('revision_conflict', '')] }
  return { ok: true, row: change.after, head: { seq: record.seq, hash: record.hash } }
}

/**
 * Appends the record of a refusal in the caller's transaction.
 *
 * @returns the new head, or the problems of a request that fits no record
 * @throws the driver's error, unmapped
 */
export async function appendRefusal(
  client: Client,
  { statements, tools }: WriteTools,
  refused: RefusedWrite,
): Promise<RefusalResult> {
  const problems = findCallerProblems(refused.request)
  if (problems.length > 0) return { ok: false, problems }
  const record = sealRefusal(tools, refused, await lockHead(client, statements))
  await appendAudit(client, statements, record)
  return { ok: true, head: { seq: record.seq, hash: record.hash } }
}

/** The name of a write as the columns of the change log: name, then digest of the request. */
export const listNameColumns = (name: WriteName | null): readonly (string | null)[] => [
  name?.op_id ?? null,
  name?.request_digest ?? null,
]

/** Locks the end of the chain until the end of the transaction. @throws as `parseAuditHead` */
export const lockHead = async (client: Client, statements: Statements): Promise<AuditChainHead> =>
  parseAuditHead(await client.query(preparedStatement('ff_lock_head', statements.lockHead)))

async function readExisting(
  client: Client,
  { standing }: Statements,
  { table, key }: WriteRequest,
): Promise<ExistingRows> {
  const tenant = table === 'tenant_override' ? key.scope_id : null
  const user = table === 'user_override' ? key.scope_id : null
  const { rows } = await client.query<string[]>({
    ...preparedStatement('ff_standing', standing, [key.flag_key, tenant, user]),
    rowMode: 'array',
  })
  const [hasOverrides, ...texts] = rows[0] as RowOfTexts
  const set = toRowSet(texts)
  const row = { flag_registry: set.flag, tenant_override: set.tenant, user_override: set.user }[
    table
  ]
  return { flag: set.flag, row, has_overrides: hasOverrides === 'true' }
}
