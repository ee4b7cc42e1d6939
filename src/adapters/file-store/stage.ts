import { type AuditChainHead, type AuditRecord, toChainHead } from '../../core/audit/record.ts'
import { getRowKey } from '../../core/rows/rows.ts'
import { planWrite, type ExistingRows } from '../../core/rows/plan-write.ts'
import { findCallerProblems, type WriteRequest } from '../../core/rows/write-request.ts'
import type { CopiedChange, NamedOperation, NamedResult, WriteName } from '../../ports/cutover.ts'
import type {
  Announcement,
  AnnouncementResult,
  AuditOptions,
  RefusalResult,
  RefusedWrite,
  WriteResult,
} from '../../ports/store.ts'
import { sealAnnouncement, sealChange, sealRefusal } from '../store-files/seal-audit.ts'
import type { FileChain } from './file-chain.ts'
import { RowIndex } from './row-index.ts'
import type { WriteNames } from './write-names.ts'

/** The state that a queued write builds on: rows and audit head with every earlier write of its batch. */
interface StagedState {
  readonly staged: RowIndex
  readonly head: AuditChainHead
  readonly tools: AuditOptions
}
/** The caller's result, valid once `change` is on the disk; null if the write leaves no audit record. */
interface StagedResult<Result> {
  readonly result: Result
  readonly change: CopiedChange | null
}

/** The result of an operation, or that of the earlier one of its name. */
export type NamedStoreResult = NamedResult<WriteResult | RefusalResult | AnnouncementResult>

/** Stages operations one behind the other, and none whose name the log or the batch has already. */
export class StagedBatch {
  readonly rows: RowIndex
  readonly changes: CopiedChange[] = []
  private readonly store: StagedStore

  constructor(index: RowIndex, store: StagedStore) {
    this.rows = new RowIndex(index)
    this.store = store
  }

  /** The result of an operation, or the earlier one of its name. @throws as `FileChain.readChange` */
  async add(operation: NamedOperation): Promise<NamedStoreResult> {
    const { op_id, request_digest: digest } = operation.name
    const { names, chain, tools } = this.store
    const known = names.find(op_id)
    const earlier =
      known === null
        ? this.changes.find(({ name }) => name?.op_id === op_id)
        : await chain.readChange(known)
    if (earlier !== undefined) return toEarlierResult(earlier)
    const head = toChainHead(this.changes.at(-1)?.record ?? this.store.head)
    const { result, change } = stageOperation(operation, { staged: this.rows, head, tools })
    if (change !== null) this.changes.push(change)
    return { result, digest }
  }
}
interface StagedStore {
  readonly head: AuditChainHead
  readonly names: WriteNames
  readonly chain: FileChain
  readonly tools: AuditOptions
}

/** The rows of changes of another side, over those of a store. */
export function copyRows(changes: readonly CopiedChange[], index: RowIndex): RowIndex {
  const staged = new RowIndex(index)
  for (const { table, row } of changes.flatMap(({ rows }) => rows))
    staged.set(table, getRowKey(row), { row })
  return staged
}

/** Stages an operation by its kind. */
function stageOperation(
  { name, ...operation }: NamedOperation,
  state: StagedState,
): StagedResult<NamedStoreResult['result']> {
  const stage = { ...state, name }
  if (operation.call === 'write') return stageWrite(operation.request, stage)
  return operation.call === 'refuse'
    ? stageRefusal(operation.request, stage)
    : stageAnnouncement(operation.request, stage)
}

/** The result that the operation of a change had. */
function toEarlierResult({ record, name, rows: [first] }: CopiedChange): NamedStoreResult {
  const head = toChainHead(record)
  const digest = name?.request_digest ?? null
  return first === undefined
    ? { result: { ok: true, head }, digest }
    : { result: { ok: true, row: first.row, head }, digest }
}

interface NamedState extends StagedState {
  readonly name: WriteName
}

/**
 * Plans a change, applies it to `stage.staged` in memory, and returns the new row and audit head with the change, which
 * the caller writes. A request that changes nothing returns the row, a refused one its problems, without a change.
 */
function stageWrite(request: WriteRequest, stage: NamedState): StagedResult<WriteResult> {
  const { staged, head, tools } = stage
  const { table, key } = request
  const flag = staged.get('flag_registry', { scope_id: null, flag_key: key.flag_key })
  const standing = {
    flag: flag as ExistingRows['flag'],
    row: staged.get(table, key),
    has_overrides: staged.countLiveOverrides(key.flag_key) > 0,
  }
  const plan = planWrite(request, standing)
  if (!plan.ok) return { result: plan, change: null }
  const { change } = plan
  if (change.after === change.before)
    return { result: { ok: true, row: change.after, head, unchanged: true }, change: null }
  const record = sealChange(tools, { request, change, standing }, head)
  staged.set(table, key, { row: change.after })
  const written = { record, name: stage.name, rows: [{ table, row: change.after }] }
  return { result: { ok: true, row: change.after, head: toChainHead(record) }, change: written }
}

/**
 * Returns the new audit head and the record of a refusal, which the caller writes; no row changes. A request that fits no
 * audit record returns its problems without a record.
 */
function stageRefusal(refused: RefusedWrite, stage: NamedState): StagedResult<RefusalResult> {
  const problems = findCallerProblems(refused.request)
  if (problems.length > 0) return { result: { ok: false, problems }, change: null }
  const record = sealRefusal(stage.tools, refused, stage.head)
  return { result: { ok: true, head: toChainHead(record) }, change: toChange(stage, record) }
}

/** Returns the new audit head and the record of an announcement, which the caller writes; no row changes. */
function stageAnnouncement(
  announcement: Announcement,
  stage: NamedState,
): StagedResult<AnnouncementResult> {
  const record = sealAnnouncement(stage.tools, announcement, stage.head)
  return { result: { ok: true, head: toChainHead(record) }, change: toChange(stage, record) }
}

const toChange = ({ name }: NamedState, record: AuditRecord): CopiedChange => ({
  record,
  name,
  rows: [],
})
