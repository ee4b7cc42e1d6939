import type { KeepOpen } from '../../concurrency/open-all.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { Adapters, RowReadOptions } from '../../ports/adapters.ts'
import type { RowSource } from '../../ports/rows.ts'

/**
 * Opens the rows of two stores one after the other, registers both with `keep`, and returns them in the given order.
 * Of a folder and a database the folder is opened first: reading a long log takes a minute, while the snapshot of a
 * database is a transaction that the server ends when it idles.
 *
 * @throws the error of the store that cannot be opened
 */
export async function openBoth(
  keep: KeepOpen,
  [first, second]: readonly [TargetSpec, TargetSpec],
  { adapters, needs }: { readonly adapters: Adapters; readonly needs: RowReadOptions },
): Promise<readonly [RowSource, RowSource]> {
  const open = (spec: TargetSpec): Promise<RowSource> => keep(adapters.openRows(spec, needs))
  if (first.kind === 'postgres') {
    const other = await open(second)
    return [await open(first), other]
  }
  const one = await open(first)
  return [one, await open(second)]
}
