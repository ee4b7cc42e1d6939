import type { FlagReader } from '../../ports/store.ts'
import type { RowsByTable } from '../../core/rows/rows.ts'
import { TABLE_NAMES } from '../../core/rows/rows.ts'
import { refuseUnfitRow } from '../store-files/unfit-rows.ts'
import { replayStore } from './replay-store.ts'
import { identifyFolder } from './folder-identity.ts'
import type { RowIndex } from './row-index.ts'
import { toStoreError } from './store-error.ts'

/**
 * The rows of a file store at the time of `open`, read without the store's lock while a service may write. That is
 * safe: a replaced snapshot stays whole for a process that has it open, a segment with a line is never deleted, and an
 * unfinished last line is left out.
 */
export class FileReader implements FlagReader {
  readonly kind = 'file'
  /** The identity of its folder: `device/inode`. */
  readonly identity: string
  private readonly index: RowIndex

  private constructor(index: RowIndex, identity: string) {
    this.index = index
    this.identity = identity
  }

  /**
   * Reads snapshot and log into memory.
   *
   * @throws FfError `target_unreachable` for a missing folder, `store_corrupt` for damage, or another of
   *   `toStoreError`
   */
  static async open(folder: string): Promise<FileReader> {
    try {
      const { snapshot } = await replayStore(folder)
      return new FileReader(snapshot.index, await identifyFolder(folder))
    } catch (error) {
      throw toStoreError(error, folder)
    }
  }

  /**
   * The rows of one flag as of `open`: null for a missing row or an id of null, `broken` for one that breaks its
   * schema.
   */
  read(query: Parameters<FlagReader['read']>[0]): ReturnType<FlagReader['read']> {
    return Promise.resolve(this.index.read(query))
  }

  /**
   * Every row by table, sorted by scope id and flag key.
   *
   * @throws FfError `row_refused`, at the call itself, if a row breaks its schema
   */
  state(): Promise<RowsByTable> {
    const rows = TABLE_NAMES.map((table) => [
      table,
      this.index.sorted(table).map((held) => held.row ?? refuseUnfitRow(table)),
    ])
    return Promise.resolve(Object.fromEntries(rows) as RowsByTable)
  }
}
