import { FfError } from '../../errors.ts'

/**
 * Never returns. A store with a row that breaks its schema can be read, but its rows cannot be copied into another
 * store.
 *
 * @throws FfError `row_refused`, always, naming the table
 */
export function refuseUnfitRow(table: string): never {
  throw new FfError('row_refused', `Cannot copy the rows of ${table}: a row breaks its schema.`, {
    hint: 'Correct the row, or name an existing store for each side: --baseline file:DIR --candidate env:FF_DATABASE_URL.',
  })
}
