import { FfError } from '../../errors.ts'
import type { DatabaseLook } from '../../ports/cutover.ts'
import type { CutoverSides } from './read-sides.ts'

/**
 * Copies rows and records of the file, as of one head, into a database that has none, or has nothing but what `ff import`
 * brought from the file; nothing where its chain is a part of the file's already.
 *
 * @returns the number of records that were copied; null where there was nothing to do
 * @throws FfError `chains_forked` where the database holds rows of another chain, and the errors of both sides
 */
export async function fillIfEmpty(
  { chain, database }: CutoverSides,
  { head }: DatabaseLook,
): Promise<number | null> {
  if (head.seq > 0 && (await chain.hashAt(head.seq)) === head.hash) return null
  const content = await chain.content()
  try {
    await database.fill(content)
  } catch (error) {
    if (!(error instanceof FfError) || error.code !== 'rows_would_be_lost') throw error
    throw new FfError(
      'chains_forked',
      `The database is not a copy of the file, so it cannot join this cutover: ${error.message}`,
      {
        hint: 'Make an empty database and name it in FF_DATABASE_URL: `createdb NAME`, `ff migrate up`, then `ff cutover advance`.',
        cause: error,
      },
    )
  }
  return content.head.seq
}
