import { createHash } from 'node:crypto'
import type { AuditChainHead, Sha256 } from '../../core/audit/record.ts'
import { ChainWalk } from '../../core/audit/walk.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import type { AuditReading, AuditTrail } from '../../ports/audit.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import {
  endIfAborted,
  HEAD_NEXT,
  type HeadResult,
  type HeadTrust,
  judgeHead,
  loadKnownSigners,
} from './signed-heads.ts'

export interface VerifyRequest extends HeadTrust {
  readonly target: TargetSpec
  /** An exported head file that the chain has to contain; null for none. */
  readonly head: string | null
  readonly signal: AbortSignal
  readonly progress: (done: number, of: number) => void
}

/** SHA-256 of the UTF-8 text, in hexadecimal. */
export const hashAuditText: Sha256 = (text) =>
  createHash('sha256').update(text, 'utf8').digest('hex')

/**
 * `ff audit verify`: walks the whole hash chain of a store, and compares it with the head that the store keeps and
 * with an exported one.
 *
 * @returns items `chain`, `store_head` and, with an exported head, `signed_head`; exit `untrusted` where one fails;
 *   `chain` is inconclusive (`audit_empty`) without records
 * @throws FfError `artefact_invalid`, `setting_invalid`, `timeout`, `interrupted`, `terminated`, and the errors of
 *   the store
 */
export async function verifyAudit(request: VerifyRequest): Promise<CheckReport> {
  const { root, adapters, target, head } = request
  const needs = await loadPersistence(root)
  const signed =
    head === null ? null : await judgeHead(head, await loadKnownSigners(request), adapters)
  const trail = await adapters.openTrail(target, needs)
  try {
    return await walkTrail(trail, signed, request)
  } finally {
    await trail.close()
  }
}

function walkTrail(
  trail: AuditTrail,
  signed: HeadResult | null,
  { signal, progress }: Pick<VerifyRequest, 'signal' | 'progress'>,
): Promise<CheckReport> {
  return trail.read(0, async (reading) => {
    const { said } = reading
    const marks = signed?.ok === true ? [said.head, toChainHead(signed)] : [said.head]
    const walk = new ChainWalk(hashAuditText, { marks })
    const records = await walkRecords(walk, reading, (done) => {
      endIfAborted(signal, 'Run the same command again: a part of the chain proves nothing.')
      progress(done, Math.max(done, said.head.seq))
    })
    const items = [
      chainItem(walk, records),
      storeHeadItem(walk, said),
      ...(signed === null ? [] : [signedItem(walk, signed)]),
    ]
    const failed = items.some(({ state }) => state === 'fail')
    return buildCheckReport('audit_verify', items, { exits: failed ? ['untrusted'] : [] })
  })
}

/**
 * Feeds all records to the walk, past a fault too, and calls `each` with the count so far after every entry.
 *
 * @returns how many entries were read, broken ones included
 * @throws what the records or `each` throw
 */
export async function walkRecords(
  walk: ChainWalk,
  { records }: Pick<AuditReading, 'records'>,
  each: (done: number) => void = () => undefined,
): Promise<number> {
  let done = 0
  for await (const record of records) {
    walk.take(record)
    each((done += 1))
  }
  return done
}

/**
 * What is wrong with a chain that was walked to the end of a reading, in words: its first fault, or that it ends elsewhere
 * than the store says. Null for nothing.
 */
export function findChainFault(
  { fault, head }: ChainWalk,
  { head: said, as }: AuditReading['said'],
): string | null {
  if (fault !== null) return fault.detail
  const ends = head.seq === said.seq && head.hash === said.hash
  if (ends || (as === 'passed' && head.seq > said.seq)) return null
  return `the store names record ${said.seq} as its last, and the chain ends with record ${head.seq}`
}

const toChainHead = ({ head }: HeadResult & { readonly ok: true }): AuditChainHead => ({
  seq: head.count,
  hash: head.hash,
})

const ALTERED_NEXT =
  'Keep the store unchanged for the investigation, and compare it with the exported batches: ff audit verify --export DIR.'

function chainItem({ fault, head }: ChainWalk, records: number): CheckResult {
  if (fault !== null)
    return failResult('chain', `${records} records`, { ...fault, next: ALTERED_NEXT })
  if (records > 0) return passResult('chain', `${records} records, the last hash ${head.hash}`)
  const findings = [{ code: 'audit_empty', pointer: null, detail: 'there are no records' }]
  const next = 'Name the store that the service writes to with --store or --database.'
  return { id: 'chain', title: 'nothing to check', state: 'inconclusive', findings, next }
}

/** Compares the chain with the head that the store keeps, or with the record of its snapshot. */
function storeHeadItem(walk: ChainWalk, { head, as }: AuditReading['said']): CheckResult {
  const what = as === 'end' ? 'the head that the store keeps' : 'the record of the snapshot'
  const item = markItem(walk, head, { id: 'store_head', what, differs: 'audit_head_differs' })
  if (item.state !== 'pass' || as === 'passed' || walk.head.seq === head.seq) return item
  const detail = `the store counts ${head.seq} records, and it holds ${walk.head.seq}`
  return failResult('store_head', what, { code: 'audit_head_differs', detail, next: ALTERED_NEXT })
}

function signedItem(walk: ChainWalk, signed: HeadResult): CheckResult {
  if (!signed.ok)
    return failResult('signed_head', 'head not trusted', { ...signed, next: HEAD_NEXT })
  const what = `a head of ${signed.head.time}`
  return markItem(walk, toChainHead(signed), {
    id: 'signed_head',
    what,
    differs: 'audit_rewritten',
  })
}

interface Place {
  readonly id: string
  readonly what: string
  readonly differs: string
}
function markItem(
  walk: ChainWalk,
  mark: AuditChainHead,
  { id, what, differs }: Place,
): CheckResult {
  const title = `${what}: ${mark.seq} records`
  const position = walk.findPlace(mark)
  if (position === 'held') return passResult(id, title)
  if (position === 'differs') {
    const detail = `record ${mark.seq} has another hash`
    return failResult(id, title, { code: differs, detail, next: ALTERED_NEXT })
  }
  // Records after a fault prove nothing.
  if (walk.fault !== null)
    return {
      id,
      title,
      state: 'inconclusive',
      findings: [],
      next: 'Resolve the fault of the chain first.',
    }
  const detail = `${walk.head.seq} records are there, and the rest was cut off`
  return failResult(id, title, { code: 'audit_cut', detail, next: ALTERED_NEXT })
}

/**
 * Builds the result of an item that fails: one finding with the code and detail, without a pointer, and the next
 * step.
 */
export const failResult = (
  id: string,
  title: string,
  fault: { readonly code: string; readonly detail: string; readonly next: string },
): CheckResult => ({
  id,
  title,
  state: 'fail',
  findings: [{ code: fault.code, pointer: null, detail: fault.detail }],
  next: fault.next,
})
