import type { Migration } from '../../core/migrations/plan.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { type ErrorCode, FfError } from '../../errors.ts'
import { mapPgError, quoteServer } from './pg-error.ts'

/** A statement of a migration, numbered from 1 within its part; null before and after its statements. */
export interface RunningStatement {
  readonly migration: Migration
  readonly direction: 'up' | 'down'
  statement: { readonly number: number; readonly text: string } | null
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
  { migration, direction, statement }: RunningStatement,
): unknown {
  const mapped = mapPgError(error, target)
  if (!(mapped instanceof FfError)) return mapped
  const file = `contracts/migrations/${migration.name}.sql`
  const sqlstate = error instanceof Error && 'code' in error ? String(error.code) : ''
  const part = `the part "-- ff:${direction}" of ${file}`
  if (statement === null)
    return new FfError(
      mapped.code,
      `Outside of its statements (role, ledger, commit), ${part} failed. ${mapped.message}`,
      {
        hint: `${mapped.hint} A statement such as SET ROLE changes the rights of what follows it.`,
        cause: error,
      },
    )
  const where = `Statement ${statement.number} of ${part}`
  const details = [quoteValue(withoutComments(statement.text))]
  const said = quoteServer(error)
  const reason = `${said === '' ? '' : `${said}, `}SQLSTATE ${sqlstate}`
  const fail = (code: ErrorCode, what: string, hint: string): FfError =>
    new FfError(code, `${where} ${what}: ${reason}.`, {
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
