import { FfError } from '../../errors.ts'

/** A store that holds a row which breaks its schema can be asked, but it cannot be loaded into another one. */
export function refuseUnfitRow(table: string): never {
  throw new FfError(
    'row_refused',
    `A row of ${table} does not fit its schema, so it cannot be copied.`,
    {
      hint: 'Name both sides, or correct the row first.',
    },
  )
}
