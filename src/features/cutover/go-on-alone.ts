import { closeAfter } from '../../concurrency/open-all.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import {
  claimDatabase,
  coordinatedError,
  type DatabaseRequest,
  type FileRequest,
  lockFolder,
  openDatabase,
} from './open-sides.ts'
import { decideAlone, type LossRequest } from './run-loss.ts'

export type AloneOptions = Pick<LossRequest, 'stopped' | 'leaseMs' | 'clock' | 'signal'> & {
  /** How long the end of the writer may take, in milliseconds. */
  readonly boundMs: number
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
    const { boundMs, ...rest } = options
    await keep(lockFolder(request))
    const endWriter = async (): Promise<void> => {
      const writer = await adapters.openFileWriter(folder, tools, { end: true, boundMs })
      if (writer === null) throw coordinatedError(folder)
      await keep(Promise.resolve(writer))
    }
    const own = await adapters.openCutoverFile(folder)
    return decideAlone({ ...rest, lost: 'database_lost', own, endWriter })
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
    const { boundMs, ...rest } = options
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
      writeRecord: database.writeRecord.bind(database),
    }
    return decideAlone({ ...rest, lost: 'file_lost', own, endWriter })
  })
