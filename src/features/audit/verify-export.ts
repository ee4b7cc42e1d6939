import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { AuditChainHead } from '../../core/audit/record.ts'
import { ChainWalk } from '../../core/audit/walk.ts'
import type { CheckReport } from '../../core/report/types.ts'
import type { SignedHead } from '../../ports/audit.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { listHeads } from './batch-files.ts'
import { withBatch } from './batch-lines.ts'
import {
  endIfAborted,
  HEAD_NEXT,
  type HeadResult,
  type HeadTrust,
  judgeHead,
  loadKnownSigners,
} from './signed-heads.ts'
import { failResult, hashAuditText, walkRecords } from './verify.ts'

export interface VerifyExportRequest extends HeadTrust {
  /** A folder of batches, or a single batch: its head file or its records file. */
  readonly path: string
  readonly signal: AbortSignal
}

interface WalkedBatch {
  readonly head: SignedHead
  readonly walk: ChainWalk
}
const getStart = ({ first_seq, prev_hash }: SignedHead): AuditChainHead => ({
  seq: first_seq - 1,
  hash: prev_hash,
})
const getEnd = ({ count, hash }: SignedHead): AuditChainHead => ({ seq: count, hash })

/**
 * `ff audit verify --export`: verifies exported batches by their signed heads, without a store. A path that is not a
 * folder names one batch.
 *
 * @returns an item for each head, and `continuity` where all of several pass; exit `untrusted` for any fault; one
 *   inconclusive item (`audit_empty`) for a folder without heads
 * @throws FfError `artefact_invalid`, `setting_invalid`, `output_failed`, `timeout`, `interrupted`, `terminated`
 */
export async function verifyExport(request: VerifyExportRequest): Promise<CheckReport> {
  const { path, adapters, signal } = request
  const isKnown = await loadKnownSigners(request)
  const paths = await findHeadPaths(path)
  const judged: [name: string, judged: HeadResult][] = []
  for (const one of paths) judged.push([one, await judgeHead(one, isKnown, adapters)])
  const heads = judged.flatMap(([, one]) => (one.ok ? [one.head] : []))
  const marks = heads.flatMap((head) => [getStart(head), getEnd(head)])
  const items: CheckResult[] = []
  const batches: WalkedBatch[] = []
  for (const [at, one] of judged) {
    endIfAborted(signal, 'Run the same command again: a part of the chain proves nothing.')
    const name = basename(at)
    if (!one.ok) items.push(failResult(name, 'head not trusted', { ...one, next: HEAD_NEXT }))
    else {
      const walk = new ChainWalk(hashAuditText, { from: getStart(one.head), marks })
      items.push(await batchItem(name, join(dirname(at), one.head.file), { head: one.head, walk }))
      batches.push({ head: one.head, walk })
    }
  }
  const whole = items.every(({ state }) => state === 'pass')
  if (whole && batches.length > 1) items.push(continuityItem(batches))
  const failed = items.some(({ state }) => state === 'fail')
  return buildCheckReport('audit_verify', items.length > 0 ? items : [EMPTY_RESULT], {
    exits: failed ? ['untrusted'] : [],
  })
}

async function findHeadPaths(path: string): Promise<readonly string[]> {
  const stats = await stat(path).catch(() => null)
  if (stats?.isDirectory() !== true) return [path.replace(/\.ndjson$/, '.head.json')]
  return (await listHeads(path)).map((name) => join(path, name))
}

const EMPTY_RESULT: CheckResult = {
  id: 'export',
  title: 'nothing to check',
  state: 'inconclusive',
  findings: [{ code: 'audit_empty', pointer: null, detail: 'there is no signed head' }],
  next: 'Name the folder that ff audit export --out wrote to.',
}
const BATCH_NEXT = 'Verify the protected copy of the batch, and find out who changed this one.'

function batchItem(name: string, path: string, { head, walk }: WalkedBatch): Promise<CheckResult> {
  const title = `records ${head.first_seq} to ${head.count}, ${head.time}`
  const wrong = (code: string, detail: string): CheckResult =>
    failResult(name, title, { code, detail, next: BATCH_NEXT })
  return withBatch(path, async (lines) => {
    if (lines === null) return wrong('export_missing', `${head.file} is missing`)
    await walkRecords(walk, lines)
    const { fault } = walk
    if (fault !== null) return wrong(fault.code, fault.detail)
    if (walk.head.seq !== head.count || walk.head.hash !== head.hash)
      return wrong('audit_cut', `${head.file} ends with record ${walk.head.seq}`)
    if ((await lines.digest()) !== head.sha256)
      return wrong('export_altered', `${head.file} was altered after its export`)
    return passResult(name, title)
  })
}

/** Checks that the batches are parts of one chain without a gap; the first may start at any record. */
function continuityItem(batches: readonly WalkedBatch[]): CheckResult {
  const first = Math.min(...batches.map(({ head }) => head.first_seq))
  const title = `${batches.length} batches, from record ${first}`
  const wrong = (code: string, detail: string): CheckResult =>
    failResult('continuity', title, { code, detail, next: BATCH_NEXT })
  for (const { head } of batches) {
    const others = batches.filter((one) => one.head !== head).map(({ walk }) => walk)
    const findPlaces = (mark: AuditChainHead) => others.map((walk) => walk.findPlace(mark))
    const [starts, ends] = [findPlaces(getStart(head)), findPlaces(getEnd(head))]
    const batch = `the batch of ${head.first_seq} to ${head.count}`
    if (starts.includes('differs'))
      return wrong('audit_rewritten', `${batch} continues from another record`)
    if (ends.includes('differs'))
      return wrong('audit_rewritten', `${batch} ends with another record`)
    if (head.first_seq > first && !starts.includes('held'))
      return wrong('audit_dropped', `no batch ends where ${batch} begins`)
  }
  return passResult('continuity', title)
}
