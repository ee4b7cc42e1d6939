import { closeAfter } from '../../concurrency/open-all.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import { FfError } from '../../errors.ts'
import type { FileWriter, StepEvent, StepSaid } from '../../ports/cutover.ts'
import {
  claimDatabase,
  coordinatedError,
  type DatabaseRequest,
  type FileRequest,
  lockFolder,
  openDatabase,
} from './open-sides.ts'
import { findLongestLease } from './other-lease.ts'
import { decideAlone, type LossRequest } from './run-loss.ts'
import { settleAloneStep } from './settle-alone-step.ts'

export type AloneOptions = Pick<LossRequest, 'stopped' | 'leaseMs' | 'clock' | 'signal'> & {
  /** How long the end of the writer may take, in milliseconds. */
  readonly boundMs: number
  /** Of the boundary record. */
  readonly describe: () => StepEvent
}

/**
 * `rollback --db-lost`: goes back to `file` with the file side alone, as the one command that moves the cutover, and
 * returns the record that stands. Needs no database.
 *
 * @throws FfError as `decideAlone`; `cutover_locked`, also where the writer could not be ended
 */
export const goOnWithFile = (request: FileRequest, options: AloneOptions): Promise<PhaseRecord> =>
  closeAfter(async (keep) => {
    const { folder, adapters, tools } = request
    const { boundMs, describe, ...rest } = options
    const said = toSaid(options)
    await keep(lockFolder(request))
    let writer: FileWriter | null = null as FileWriter | null
    const endWriter = async (): Promise<void> => {
      const held = await adapters.openFileWriter(folder, tools, { end: true, boundMs })
      if (held === null) throw coordinatedError(folder)
      await keep(Promise.resolve(held))
      writer = held.writer
    }
    const file = await adapters.openCutoverFile(folder)
    const own = {
      read: () => file.read(),
      writeRecord: async (record: PhaseRecord, over: number): Promise<boolean> => {
        await file.writeAloneStep({ record, event: describe(), said })
        return file.writeRecord(record, over)
      },
    }
    const leaseMs = findLongestLease(await file.instances(), options.leaseMs)
    const record = await decideAlone({ ...rest, leaseMs, lost: 'database_lost', own, endWriter })
    // Behind the decision: before it the other side could still join, and the record would part the chains.
    if (writer !== null) await mark(record, () => settleAloneStep(file, writer as FileWriter))
    return record
  })

/**
 * `advance --file-lost`: goes on to `complete` with the database alone, as the one command that moves the cutover, and
 * returns the record that stands. Ends the writer where the folder is here.
 *
 * @throws FfError as `decideAlone`; `cutover_locked`
 */
export const goOnWithDatabase = (
  request: DatabaseRequest & { readonly file: FileRequest | null },
  options: AloneOptions,
): Promise<PhaseRecord> =>
  closeAfter(async (keep) => {
    const { file } = request
    const { boundMs, describe: _, ...rest } = options
    const said = toSaid(options)
    const database = await openDatabase(request, keep)
    if (!(await claimDatabase(database))) throw coordinatedError('the database')
    const endWriter = async (): Promise<void> => {
      if (file === null) return
      const { folder, tools, adapters } = file
      const writer = await adapters.openFileWriter(folder, tools, { end: true, boundMs })
      if (writer !== null) await keep(Promise.resolve(writer))
    }
    const own = {
      read: async () => ({ record: (await database.look(0)).record, intent: null }),
      writeRecord: (record: PhaseRecord, over: number): Promise<boolean> =>
        database.decideAlone(record, over, said),
    }
    const leaseMs = findLongestLease((await database.look(0)).instances, options.leaseMs)
    return decideAlone({ ...rest, leaseMs, lost: 'file_lost', own, endWriter })
  })

const toSaid = ({ stopped }: AloneOptions): StepSaid => (stopped === null ? {} : { stopped })

/** @throws FfError `step_unsettled` where the folder takes no boundary record; the next writer tries again */
async function mark({ phase, epoch }: PhaseRecord, settle: () => Promise<void>): Promise<void> {
  try {
    await settle()
  } catch (error) {
    if (!(error instanceof FfError)) throw error
    throw new FfError(
      'step_unsettled',
      `The phase is ${phase}, epoch ${epoch}, without a boundary record yet: ${error.message}`,
      {
        hint: 'The next instance or command that writes to the folder appends it; `ff cutover status` shows the phase.',
        cause: error,
      },
    )
  }
}
