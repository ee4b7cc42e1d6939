import { join } from 'node:path'
import { withAll } from '../../../concurrency/open-all.ts'
import { EMPTY_HEAD } from '../../../core/audit/record.ts'
import type { TargetSpec } from '../../../core/parity/target.ts'
import type { TableName } from '../../../core/rows/rows.ts'
import { FfError } from '../../../errors.ts'
import type { RowBatch } from '../../../ports/rows.ts'
import { loadPersistence } from '../../migrate/load-persistence.ts'
import type { WithResource } from '../framework/probe.ts'

/**
 * Lends a new file store with the rows of another store, which is only read, and no audit records; removes it afterwards.
 * The rows are in memory meanwhile.
 *
 * @throws FfError `store_corrupt` where the rows do not match their own digest or counts, and of opening and reading it
 */
export const withCopiedStore =
  (source: TargetSpec): WithResource<TargetSpec> =>
  ({ adapters, root }, use) =>
    adapters.withScratchFolder(async (parent) => {
      const folder = join(parent, 'store')
      const needs = await loadPersistence(root)
      const batches = await withAll([() => adapters.openRows(source, needs)], async (rows) => {
        const read: RowBatch[] = []
        for await (const batch of rows.lines()) read.push(batch)
        const [fault] = rows.faults()
        if (fault === undefined) return read
        throw new FfError('store_corrupt', `The store cannot be copied: ${fault.detail}.`, {
          hint: 'Restore the store, or leave --store out.',
        })
      })
      const about = { epoch: 0, head: EMPTY_HEAD, counts: countLines(batches) }
      await adapters.writeNewStore(folder, about, streamBytes(batches))
      return use({ kind: 'file', folder })
    })

function countLines(batches: readonly RowBatch[]): Record<TableName, number> {
  const counts = { flag_registry: 0, tenant_override: 0, user_override: 0 }
  for (const { table, bytes } of batches)
    for (const byte of bytes) if (byte === LINE_FEED) counts[table] += 1
  return counts
}
const LINE_FEED = 10

async function* streamBytes(batches: readonly RowBatch[]): AsyncGenerator<Buffer> {
  for (const { bytes } of batches) yield bytes
}
