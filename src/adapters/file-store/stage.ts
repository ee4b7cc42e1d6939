import type { AuditChainHead, AuditRecord } from '../../core/audit/record.ts'
import { planWrite, type ExistingRows } from '../../core/rows/plan-write.ts'
import { findCallerProblems, type WriteRequest } from '../../core/rows/write-request.ts'
import type {
  Announcement,
  AnnouncementResult,
  AuditOptions,
  RefusalResult,
  RefusedWrite,
  WriteResult,
} from '../../ports/store.ts'
import { sealAnnouncement, sealChange, sealRefusal } from '../store-files/seal-audit.ts'
import { type LogEntry, formatLogLine } from './log.ts'
import type { RowIndex } from './row-index.ts'

/** The state that a queued write builds on: rows and audit head with every earlier write of its batch. */
export interface StagedState {
  readonly staged: RowIndex
  readonly head: AuditChainHead
  readonly epoch: number
  readonly tools: AuditOptions
  readonly op_id: string
}
/** The caller's result, valid once `line` is on the disk; `line` is empty if the write leaves no audit record. */
export interface StagedResult<Result> {
  readonly result: Result
  readonly line: string
}

/**
 * Plans a change, applies it to `stage.staged` in memory, and returns the new row and audit head with the log line,
 * which the caller writes. A request that changes nothing returns the row, a refused one its problems, with an empty line.
 */
export function stageWrite(request: WriteRequest, stage: StagedState): StagedResult<WriteResult> {
  const { staged, head, tools } = stage
  const { table, key } = request
  const flag = staged.get('flag_registry', { scope_id: null, flag_key: key.flag_key })
  const standing = {
    flag: flag as ExistingRows['flag'],
    row: staged.get(table, key),
    has_overrides: staged.countLiveOverrides(key.flag_key) > 0,
  }
  const plan = planWrite(request, standing)
  if (!plan.ok) return { result: plan, line: '' }
  const { change } = plan
  if (change.after === change.before)
    return { result: { ok: true, row: change.after, head, unchanged: true }, line: '' }
  const record = sealChange(tools, { request, change, standing }, head)
  staged.set(table, key, { row: change.after })
  const line = toLine(stage, record, [{ table, row: change.after }])
  return { result: { ok: true, row: change.after, head: toHead(record) }, line }
}

/**
 * Returns the new audit head and the log line of a refusal, which the caller writes; no row changes. A request that
 * fits no audit record returns its problems with an empty line.
 */
export function stageRefusal(
  refused: RefusedWrite,
  stage: StagedState,
): StagedResult<RefusalResult> {
  const problems = findCallerProblems(refused.request)
  if (problems.length > 0) return { result: { ok: false, problems }, line: '' }
  const record = sealRefusal(stage.tools, refused, stage.head)
  return { result: { ok: true, head: toHead(record) }, line: toLine(stage, record, []) }
}

/** Returns the new audit head and the log line of an announcement, which the caller writes; no row changes. */
export function stageAnnouncement(
  announcement: Announcement,
  stage: StagedState,
): StagedResult<AnnouncementResult> {
  const record = sealAnnouncement(stage.tools, announcement, stage.head)
  return { result: { ok: true, head: toHead(record) }, line: toLine(stage, record, []) }
}

const toHead = ({ seq, hash }: AuditRecord): AuditChainHead => ({ seq, hash })
const toLine = (
  { epoch, op_id }: StagedState,
  record: AuditRecord,
  changes: LogEntry['changes'],
): string => formatLogLine({ epoch, op_id, changes, record })
