import type { PhaseRecord } from '../../core/cutover/record.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type {
  CutoverDatabase,
  CutoverFile,
  FileWriter,
  ManagedFileOptions,
  ManagedFileStore,
} from '../../ports/cutover.ts'
import type { AuditOptions } from '../../ports/store.ts'
import type { ServiceLog } from '../../ports/telemetry.ts'
import { ComparedMark } from '../cutover/compared-mark.ts'
import { DrillReturn, type DrillReturnParts } from '../cutover/drill-return.ts'
import { CUTOVER_CLOCK, readLeaseClock } from '../cutover/lease-clock.ts'
import { settleAloneStep } from '../cutover/settle-alone-step.ts'
import type { HeldFile } from '../cutover/write-runner.ts'
import { WriterLoop } from '../cutover/writer-loop.ts'

export interface ManagedFileParts extends Pick<ManagedFileOptions, 'leaseMs' | 'handOverMs'> {
  readonly adapters: Pick<Adapters, 'openManagedFile'>
  readonly folder: string
  readonly tools: AuditOptions
  readonly cutover: CutoverFile
  readonly database: CutoverDatabase
  readonly carryOut: ManagedFileOptions['carryOut']
  /** What the way back of a drill needs. */
  readonly drill: Pick<DrillReturnParts, 'request' | 'limits' | 'host'>
  readonly failed: (place: string, error: unknown) => void
  readonly log: ServiceLog
}

/**
 * The file of an instance on its host: open in every phase but `complete`, where a rollback rebuilds the folder; and the work of
 * its writer, while this process holds the lock.
 */
export class ManagedFile {
  private readonly parts: ManagedFileParts
  private readonly mark: ComparedMark
  private open: ManagedFileStore | null = null
  private lock: HeldFile | null = null
  private returning: DrillReturn | null = null

  constructor(parts: ManagedFileParts) {
    this.parts = parts
    this.mark = new ComparedMark(parts.folder)
  }

  /** Null while it is closed. */
  get rows(): ManagedFileStore | null {
    return this.open
  }
  /** Null where another process holds the lock. */
  get held(): HeldFile | null {
    return this.lock
  }

  /** Opens or closes the file by the phase of its record, which it returns. @throws FfError of the store */
  async followPhase(): Promise<PhaseRecord> {
    const { record } = await this.parts.cutover.read()
    if (record.phase === 'complete') await this.close()
    else this.open ??= await this.openRows()
    return record
  }

  /** How far the rows have come, and where a writer has first compared them; null while it is closed. */
  async readProgress(): Promise<{ readonly seq: number; readonly compared: number | null } | null> {
    if (this.open === null) return null
    const { seq } = await this.open.auditHead()
    const vouched = this.lock?.loop.status().vouched ?? null
    if (vouched !== null) await this.mark.note(vouched)
    return { seq, compared: await this.mark.read() }
  }

  /** Frees the lock, after what the writer does at the moment. */
  async close(): Promise<void> {
    const { open } = this
    this.open = null
    await open?.close()
  }

  private openRows(): Promise<ManagedFileStore> {
    const { adapters, folder, tools, leaseMs, handOverMs, carryOut } = this.parts
    return adapters.openManagedFile(folder, tools, {
      leaseMs,
      handOverMs,
      carryOut,
      leading: (writer) => this.lead(writer),
    })
  }

  private async lead(writer: FileWriter | null): Promise<void> {
    const before = this.lock
    this.lock = null
    await this.returning?.close()
    this.returning = null
    await before?.loop.close()
    if (writer === null) return
    const { cutover: file, database, failed, log, drill } = this.parts
    await settleAloneStep(file, writer)
    const returning = new DrillReturn(
      {
        ...drill,
        clock: CUTOVER_CLOCK,
        wentBack: ({ end, record: { epoch, phase } }) =>
          log.info({ epoch, phase, end }, 'took the way back of a drill that was over'),
        failed: (error) => failed('drill', error),
      },
      writer,
    )
    this.returning = returning
    const loop = new WriterLoop({
      writer,
      file,
      database,
      now: readLeaseClock,
      failed,
      halted: (heads) =>
        log.error(
          { code: 'chains_forked', file: heads.file.seq, database: heads.database.seq },
          'file and database go on differently; nothing is copied until an operator decides',
        ),
      drillOver: () => returning.due(),
    })
    this.lock = { writer, loop }
    loop.start()
    log.info({ term: writer.term }, 'holds the lock of the file')
  }
}
