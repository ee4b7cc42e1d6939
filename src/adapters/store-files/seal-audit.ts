import { createHash, createHmac } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import {
  type AuditEvent,
  type AuditChainHead,
  type AuditRecord,
  appendToChain,
  buildChangeEvent,
  isSensitiveChange,
  buildRefusalEvent,
  hashRecord,
  type Sha256,
} from '../../core/audit/record.ts'
import type { RowChange, ExistingRows } from '../../core/rows/plan-write.ts'
import type { CanonicalJson } from '../../core/json/canonical.ts'
import type { WriteRequest } from '../../core/rows/write-request.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import type { StepSaid } from '../../ports/cutover.ts'
import type { BoundaryEvent } from '../../ports/rows.ts'
import type { Announcement, AuditOptions, RefusedWrite } from '../../ports/store.ts'

/** SHA-256 of a text as UTF-8, in lowercase hexadecimal. */
export const hashSha256: Sha256 = (text) => createHash('sha256').update(text, 'utf8').digest('hex')

/** Whether a record follows a head, and has the hash of its content. */
export function continuesChain(head: AuditChainHead, { hash, ...hashed }: AuditRecord): boolean {
  return (
    hashed.seq === head.seq + 1 &&
    hashed.prev_hash === head.hash &&
    hashRecord(hashed, hashSha256) === hash
  )
}

/**
 * Builds the audit record of one planned change, chained to `head`: its number is one more. Values of a sensitive flag
 * become HMAC-SHA-256 digests under `tools.digestKey`. Stores nothing.
 */
export function sealChange(
  tools: AuditOptions,
  planned: {
    readonly request: WriteRequest
    readonly change: RowChange
    readonly standing: ExistingRows
  },
  head: AuditChainHead,
): AuditRecord {
  const { request, change, standing } = planned
  const sensitive = isSensitiveChange(change, standing.flag?.row ?? null)
  const digest = (value: string): string =>
    createHmac('sha256', tools.digestKey).update(value).digest('hex')
  const context = { audit_id: uuidv7(), phase: tools.phase, digest }
  return appendToChain(
    buildChangeEvent(request, { ...change, sensitive }, context),
    head,
    hashSha256,
  )
}

/** Builds the audit record of a refused change, chained to `head`: its number is one more. Stores nothing. */
export const sealRefusal = (
  { phase }: AuditOptions,
  refused: RefusedWrite,
  head: AuditChainHead,
): AuditRecord =>
  appendToChain(buildRefusalEvent(refused, { audit_id: uuidv7(), phase }), head, hashSha256)

/**
 * Builds a boundary record, chained to `head`: an event that belongs to no row, such as a migration or an import. Adds
 * a new `audit_id`; stores nothing.
 */
export const sealBoundary = (
  event: Omit<AuditEvent, 'audit_id'>,
  head: AuditChainHead,
): AuditRecord => appendToChain({ ...event, audit_id: uuidv7() }, head, hashSha256)

/** Builds the boundary record of an announcement, chained to `head`. Stores nothing. */
export const sealAnnouncement = (
  { phase }: AuditOptions,
  { kind, ...event }: Announcement,
  head: AuditChainHead,
): AuditRecord =>
  sealBoundary(
    {
      ...event,
      action: 'audit.boundary',
      outcome: 'applied',
      before: null,
      after: JSON.stringify({ announced: kind }) as CanonicalJson,
      approval_ref: null,
      phase,
    },
    head,
  )

/** The boundary record of a step of the cutover that one side decides: which phase, and what its operator has said. */
export const describeStep = (
  { epoch, phase }: Pick<PhaseRecord, 'epoch' | 'phase'>,
  said: StepSaid,
): BoundaryEvent & Pick<AuditEvent, 'phase'> => ({
  target: `cutover/${phase}`,
  // Sorted, as canonical JSON is.
  after: JSON.stringify(
    Object.fromEntries(
      Object.entries({ epoch, phase, ...said }).sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
  ) as CanonicalJson,
  request_id: `cutover-${epoch}`,
  phase,
})
