import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { closeAfter } from '../../concurrency/open-all.ts'
import {
  type AuditChainHead,
  type AuditRecord,
  EMPTY_HEAD,
  serializeRecord,
} from '../../core/audit/record.ts'
import type { SinkStatus } from '../../core/audit/sink.ts'
import { ChainWalk } from '../../core/audit/walk.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { CheckReport } from '../../core/report/types.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { AuditReading, AuditSigner, SignedHead } from '../../ports/audit.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { type CheckResult, buildCheckReport, passResult } from '../../core/report/check-report.ts'
import { loadPersistence } from '../migrate/load-persistence.ts'
import {
  makeBatchNames,
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
  /** Sequence number before the first record of the batch; null to continue after the last head in the folder. */
  readonly since: number | null
  readonly signer: AuditSigner
  readonly now: () => Date
  readonly adapters: Adapters
  readonly signal: AbortSignal
  readonly progress: (done: number, of: number) => void
}

/**
 * `ff audit export`: checks the chain while it writes the new records as NDJSON, then a signed head by which `ff
 * audit verify` later detects a truncated chain. Creates the folder and holds its lock; overwrites no file.
 *
 * @returns items `records` and `signed_head` with the names of both files; without new records only `records`, which
 *   is inconclusive (`audit_empty`) for an empty store
 * @throws FfError `export_locked`, `audit_altered` for a broken chain or an altered last head, `option_invalid` for
 *   `since` beyond the last record, `file_exists`, `artefact_invalid` for a bad persistence contract or an
 *   unreadable head, `disk_full`, `output_failed`, `timeout`, `interrupted`, `terminated`, and the errors of the
 *   store and signer
 */
export async function exportAudit(request: AuditExportRequest): Promise<CheckReport> {
  const { root, adapters, folder, target } = request
  const needs = await loadPersistence(root)
  await createBatchFolder(folder)
  return closeAfter(async (hold) => {
    const lock = await hold(adapters.tryLock(join(folder, '.lock')), (one) => one?.close())
    if (lock === null) throw makeLockedError(folder)
    const startPoint = await findStart(request)
    const trail = await hold(adapters.openTrail(target, needs))
    // Reads from the last exported record on, to check that it is unchanged.
    const from = Math.max(0, startPoint.start.seq - 1)
    return trail.read(from, (reading) => exportBatch(reading, startPoint, request))
  })
}

interface ExportStart {
  /** Where the walk starts: at the last head if the batch continues there, else before the first record. */
  readonly start: AuditChainHead
  /** The last head in the folder; the chain still has to contain it. */
  readonly last: AuditChainHead
}

async function findStart({ folder, since, adapters }: AuditExportRequest): Promise<ExportStart> {
  const name = findFurthestHead(await listHeads(folder))
  if (name === null) return { start: EMPTY_HEAD, last: EMPTY_HEAD }
  const read = await readHeadFile(join(folder, name), adapters)
  if (!read.ok)
    throw new FfError('audit_altered', `The head ${quoteValue(name)} was altered: ${read.code}.`, {
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
    const names = makeBatchNames(since + 1, head.seq)
    const time = instantFromMs(request.now().getTime())
    const signed = { ...batch.signed(), time, file: names.records }
    await publishBatch(file, { signed, content: batch.digest() }, request)
    return buildCheckReport('audit_export', [
      passResult('records', `${head.seq - since} records, to ${head.seq}: ${names.records}`),
      passResult('signed_head', `${head.hash}: ${names.head}`),
    ])
  } finally {
    await file.drop()
  }
}

/** One batch during its export: checks the chain while it yields the lines. */
class Batch {
  private readonly reading: AuditReading
  private readonly start: AuditChainHead
  private readonly last: AuditChainHead
  private readonly since: number
  private readonly walk: ChainWalk
  private readonly hash = createHash('sha256')
  private readonly content = createHash('sha256')
  /** Whether the record before the start of the walk was found unchanged. */
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
      endIfAborted(signal, 'Nothing was exported: run the same command again.')
      if (!this.anchored && record?.seq === start.seq && record.hash === start.hash)
        this.anchored = true
      else if (walk.take(record) && record !== null) {
        progress(record.seq, Math.max(record.seq, reading.said.head.seq))
        if (record.seq === since) this.before = walk.head
        if (record.seq > since) yield this.line(record)
      }
    }
  }

  /** The fault of the chain, null for none; complete after the last line. */
  fault(): string | null {
    const { walk, start, last } = this
    const { head, as } = this.reading.said
    if (walk.fault !== null) return walk.fault.detail
    if (!this.anchored || walk.findPlace(last) !== 'held')
      return `record ${last.seq} is missing or differs from its export`
    if (head.seq >= start.seq && walk.findPlace(head) !== 'held')
      return `record ${head.seq} is not the one that the store names as its head`
    const goesOn = as === 'end' && walk.head.seq !== head.seq
    return goesOn ? `the store counts ${head.seq} records, and it holds ${walk.head.seq}` : null
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

  /** SHA-256 of the lines without their sink members; complete after the last line. */
  digest(): string {
    return this.content.digest('hex')
  }

  private line(record: AuditRecord): string {
    this.content.update(formatLine(record))
    const line = formatLine(record, this.reading.sinkStatus(record.seq))
    this.hash.update(line)
    return line
  }
}

const formatLine = (record: AuditRecord, status?: SinkStatus): string =>
  `${serializeRecord(record, status)}\n`

const makeAlteredError = (fault: string): FfError =>
  new FfError('audit_altered', `The audit trail is not whole: ${fault}.`, {
    hint: 'Nothing was signed. Run `ff audit verify` with the same store, and --head with the last exported head.',
  })
const makeBeyondError = (since: number, last: number): FfError =>
  new FfError('option_invalid', `--since is ${since}, and the last record is ${last}.`, {
    hint: 'Leave --since out to continue after the last head in the folder.',
  })

/** Publishes the records before the head, so that a head never names a missing file. @throws FfError `file_exists` */
async function publishBatch(
  file: NewBatchFile,
  { signed, content }: { readonly signed: SignedHead; readonly content: string },
  { folder, adapters, signer }: AuditExportRequest,
): Promise<void> {
  // A run that was killed between the two left the records: the head is that of the file that is there.
  const left = await digestLeftBatch(join(folder, signed.file), content)
  const head = { ...signed, sha256: left ?? signed.sha256 }
  const text = await adapters.signHead(head, signer)
  if (left === null && !(await file.place(signed.file))) throw makeExistsError(signed.file)
  const names = makeBatchNames(head.first_seq, head.count)
  const headFile = new NewBatchFile(folder, 'head')
  await headFile.write([text])
  if (!(await headFile.place(names.head))) throw makeExistsError(names.head)
}

/**
 * SHA-256 of a batch that is there with the records of `content`, which may be delivered meanwhile; else null.
 */
const digestLeftBatch = (path: string, content: string): Promise<string | null> =>
  withBatch(path, async (lines) => {
    const hash = createHash('sha256')
    for await (const record of lines?.records ?? [])
      hash.update(record === null ? '\n' : formatLine(record))
    return lines !== null && hash.digest('hex') === content ? lines.digest() : null
  })

function buildNothingNewReport(since: number): CheckReport {
  const item: CheckResult =
    since > 0
      ? passResult('records', `no records after ${since}`)
      : {
          ...passResult('records', 'no records'),
          state: 'inconclusive',
          findings: [{ code: 'audit_empty', pointer: null, detail: 'there are no records' }],
          next: 'Name the store that the service writes to with --store or --database.',
        }
  return buildCheckReport('audit_export', [item])
}

const makeExistsError = (name: string): FfError =>
  new FfError(
    'file_exists',
    `${quoteValue(name)} exists already with other content: an export is never overwritten.`,
    {
      hint: 'Name another folder with --out.',
    },
  )
const makeLockedError = (folder: string): FfError =>
  new FfError('export_locked', `Another run exports to ${quoteValue(folder)}.`, {
    hint: 'Wait until it ends, then run the same command again.',
  })
