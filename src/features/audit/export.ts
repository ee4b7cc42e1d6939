import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { closeAfter } from '../../concurrency/open-all.ts'
import { type AuditChainHead, EMPTY_HEAD, serializeRecord } from '../../core/audit/record.ts'
import { ChainWalk } from '../../core/audit/walk.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { AuditReading, AuditSigner, SignedHead } from '../../ports/audit.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import {
  batchNames,
  findFurthestHead,
  listHeads,
  createBatchFolder,
  NewBatchFile,
} from './batch-files.ts'
import { withBatch } from './batch-lines.ts'
import { endIfAborted, HEAD_NEXT, readHeadFile } from './signed-heads.ts'
import { hashAuditText } from './verify.ts'

export interface AuditExportRequest {
  readonly root: string
  readonly target: TargetSpec
  readonly folder: string
  /** The record behind which the batch begins; null for where the last head of the folder ends. */
  readonly since: number | null
  readonly signer: AuditSigner
  readonly now: () => Date
  readonly adapters: Adapters
  readonly signal: AbortSignal
  readonly progress: (done: number, of: number) => void
}

/** `ff audit export`: records as lines, and the signed head that shows later if the tail was cut (page 5). */
export async function exportAudit(request: AuditExportRequest): Promise<CheckReport> {
  const { root, adapters, folder, target } = request
  const { versions } = await loadPersistence(root)
  await createBatchFolder(folder)
  return closeAfter(async (hold) => {
    const lock = await hold(adapters.tryLock(join(folder, '.lock')), (one) => one?.close())
    if (lock === null) throw makeLockedError(folder)
    const startPoint = await findStart(request)
    const trail = await hold(adapters.openTrail(target, versions))
    // The record that the last batch ended with comes first: it has to be there as it was.
    const from = Math.max(0, startPoint.start.seq - 1)
    return trail.read(from, (reading) => exportBatch(reading, startPoint, request))
  })
}

interface ExportStart {
  /** Where the walk begins: at the last head, where the batch does; else with the first record. */
  readonly start: AuditChainHead
  /** What the last head of the folder says, which has to hold still. */
  readonly last: AuditChainHead
}

async function findStart({ folder, since, adapters }: AuditExportRequest): Promise<ExportStart> {
  const name = findFurthestHead(await listHeads(folder))
  if (name === null) return { start: EMPTY_HEAD, last: EMPTY_HEAD }
  const read = await readHeadFile(join(folder, name), adapters)
  if (!read.ok)
    throw new FfError('audit_altered', `${name} is not as it was written: ${read.code}.`, {
      hint: HEAD_NEXT,
    })
  const last = { seq: read.head.count, hash: read.head.hash }
  return { start: since === null || since === last.seq ? last : EMPTY_HEAD, last }
}

async function exportBatch(
  reading: AuditReading,
  startPoint: ExportStart,
  request: AuditExportRequest,
): Promise<CheckReport> {
  const since = request.since ?? startPoint.start.seq
  const batch = new Batch(reading, { ...startPoint, since })
  const file = new NewBatchFile(request.folder, 'records')
  try {
    await file.write(batch.lines(request))
    const fault = batch.fault()
    if (fault !== null) throw makeAlteredError(fault)
    const { head } = batch
    if (head.seq === since) return buildNothingNewReport(since)
    if (head.seq < since) throw makeBeyondError(since, head.seq)
    const names = batchNames(since + 1, head.seq)
    const time = instantFromMs(request.now().getTime())
    await publishBatch(file, { ...batch.signed(), time, file: names.records }, request)
    return buildCheckReport('audit_export', [
      passResult('records', `${head.seq - since} records, to ${head.seq}: ${names.records}`),
      passResult('signed_head', `${head.hash}: ${names.head}`),
    ])
  } finally {
    await file.drop()
  }
}

/** The records of one batch as they are walked through. */
class Batch {
  private readonly reading: AuditReading
  private readonly start: AuditChainHead
  private readonly last: AuditChainHead
  private readonly since: number
  private readonly walk: ChainWalk
  private readonly hash = createHash('sha256')
  /** Whether the record that the walk begins behind is there as it was. */
  private anchored: boolean
  private before: AuditChainHead

  constructor(
    reading: AuditReading,
    { start, last, since }: ExportStart & { readonly since: number },
  ) {
    this.reading = reading
    this.start = start
    this.last = last
    this.since = since
    this.walk = new ChainWalk(hashAuditText, { from: start, marks: [reading.said.head, last] })
    this.anchored = start.seq === 0
    this.before = start
  }

  get head(): AuditChainHead {
    return this.walk.head
  }

  async *lines({ signal, progress }: AuditExportRequest): AsyncGenerator<string> {
    const { start, since, walk, reading } = this
    for await (const record of reading.records) {
      endIfAborted(signal, 'Nothing was exported; run it again.')
      if (!this.anchored && record?.seq === start.seq && record.hash === start.hash)
        this.anchored = true
      else if (walk.take(record) && record !== null) {
        progress(record.seq, Math.max(record.seq, reading.said.head.seq))
        if (record.seq === since) this.before = walk.head
        if (record.seq > since) yield this.line(serializeRecord(record))
      }
    }
  }

  /** Known when the lines are through. */
  fault(): string | null {
    const { walk, start, last } = this
    const { head, as } = this.reading.said
    if (walk.fault !== null) return walk.fault.detail
    if (!this.anchored || walk.findPlace(last) !== 'held')
      return `record ${last.seq} is not there as it was exported`
    if (head.seq >= start.seq && walk.findPlace(head) !== 'held')
      return `record ${head.seq} is not the one that the store says`
    const goesOn = as === 'end' && walk.head.seq !== head.seq
    return goesOn ? `the store says ${head.seq} records, and ${walk.head.seq} are there` : null
  }

  signed(): Omit<SignedHead, 'time' | 'file'> {
    const { head, before } = this
    return {
      count: head.seq,
      hash: head.hash,
      first_seq: before.seq + 1,
      prev_hash: before.hash,
      sha256: this.hash.digest('hex'),
    }
  }

  private line(text: string): string {
    this.hash.update(`${text}\n`)
    return `${text}\n`
  }
}

const makeAlteredError = (fault: string): FfError =>
  new FfError('audit_altered', `The audit trail is not whole: ${fault}.`, {
    hint: 'Nothing was signed. Run `ff audit verify` with the last head.',
  })
const makeBeyondError = (since: number, last: number): FfError =>
  new FfError('option_invalid', `There is no record ${since}: the last is ${last}.`, {
    hint: 'Leave --since out, to go on from the last head of the folder.',
  })

/** The records first, then the head: a head never names what is not there. */
async function publishBatch(
  file: NewBatchFile,
  head: SignedHead,
  { folder, adapters, signer }: AuditExportRequest,
): Promise<void> {
  const text = await adapters.signHead(head, signer)
  // A run that was killed between the two has left the same bytes.
  const fresh = await file.place(head.file)
  const path = join(folder, head.file)
  const there = fresh ? null : await withBatch(path, async (lines) => lines?.digest() ?? '')
  if (there !== null && there !== head.sha256) throw makeExistsError(head.file)
  const names = batchNames(head.first_seq, head.count)
  const headFile = new NewBatchFile(folder, 'head')
  await headFile.write([text])
  if (!(await headFile.place(names.head))) throw makeExistsError(names.head)
}

function buildNothingNewReport(since: number): CheckReport {
  const item: CheckResult =
    since > 0
      ? passResult('records', `none since ${since}`)
      : {
          ...passResult('records', 'there are none'),
          state: 'inconclusive',
          findings: [{ code: 'audit_empty', pointer: null, detail: 'there are no records' }],
          next: 'Name the store that changes are written to.',
        }
  return buildCheckReport('audit_export', [item])
}

const makeExistsError = (name: string): FfError =>
  new FfError('file_exists', `${name} is there already, and is another one.`, {
    hint: 'Name another folder: what was exported is never written over.',
  })
const makeLockedError = (folder: string): FfError =>
  new FfError('export_locked', `Another run exports to ${folder}.`, {
    hint: 'Wait until it has ended, and run this again.',
  })
