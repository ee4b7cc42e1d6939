import type { Migration } from '../../core/migrations/plan.ts'
import { quoteError } from '../../core/text/quote-error.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { type ErrorCode, FfError } from '../../errors.ts'
import { mapPgError } from './pg-error.ts'

/** A statement of a migration, numbered from 1 within its part. */
export interface RunningStatement {
  readonly migration: Migration
  readonly direction: 'up' | 'down'
  readonly number: number
  readonly text: string
}

/**
 * SQLSTATEs of a statement that is right by itself, and does not fit what this database holds: a missing or a second
 * object, objects that depend on it, rows that break it.
 */
const DOES_NOT_FIT = /^(22|23|2B|P0|42(P01|P0[467]|701|703|704|710|723|883))/
/** SQLSTATEs of a statement that no database can run in a migration. */
const CANNOT_RUN = /^(0A|25|2D|42)/
/** The role lacks a right. */
const NO_RIGHT = '42501'

/**
 * Makes, without throwing it, the error of a statement that failed, with file, part and statement: `migration_invalid`
 * for one that cannot run, `migration_failed` for one that does not fit the database, else the error of `mapPgError`
 * with its code. Anything but an error of the server is returned as `mapPgError` returns it.
 *
 * @param target the name of the database in messages
 */
export function toMigrationError(
  error: unknown,
  target: string,
  { migration, direction, number, text }: RunningStatement,
): unknown {
  const mapped = mapPgError(error, target)
  if (!(mapped instanceof FfError)) return mapped
  const file = `contracts/migrations/${migration.name}.sql`
  const sqlstate = error instanceof Error && 'code' in error ? String(error.code) : ''
  const where = `Statement ${number} of the part "-- ff:${direction}" of ${file}`
  const details = [quoteValue(withoutComments(text))]
  // Messages of class 22 contain a value of a row, which may be sensitive.
  const said = sqlstate.startsWith('22') ? '' : `${quoteError(error)}, `
  const fail = (code: ErrorCode, what: string, hint: string): FfError =>
    new FfError(code, `${where} ${what}: ${said}SQLSTATE ${sqlstate}.`, {
      hint,
      details,
      cause: error,
    })
  if (DOES_NOT_FIT.test(sqlstate))
    return fail(
      'migration_failed',
      `does not fit what the database ${target} holds`,
      'Nothing of it was kept. Compare the database with the contract: `ff migrate verify`.',
    )
  if (CANNOT_RUN.test(sqlstate) && sqlstate !== NO_RIGHT && mapped.code !== 'target_read_only')
    return fail(
      'migration_invalid',
      'cannot run in a migration, which is one transaction',
      'Nothing of it was kept. Correct the statement, and run `ff migrate up` again.',
    )
  return new FfError(mapped.code, `${where} failed. ${mapped.message}`, {
    hint: mapped.hint,
    details,
    cause: error,
  })
}

const withoutComments = (text: string): string =>
  text.replace(/^(\s*(--[^\n]*(\n|$)|\/\*[\s\S]*?\*\/))+/, '').trim()
