import { quoteError } from '../../core/text/quote-error.ts'
import { type ErrorCode, FfError } from '../../errors.ts'

type Row = readonly [code: ErrorCode, what: string, hint: string]

const UNREACHABLE: Row = [
  'target_unreachable',
  'cannot be reached',
  'Check that the server runs, and host, port and database of the URL: `pg_isready -d "$FF_DATABASE_URL"`.',
]
const LOST: Row = [
  'backing_unavailable',
  'failed during the work',
  'Check the log of the server, and run again.',
]
const LOGIN_REFUSED: Row = [
  'rights_missing',
  'refuses the login',
  'Check the user, and the password in FF_DATABASE_URL or PGPASSFILE: `psql "$FF_DATABASE_URL" -c "SELECT 1"`.',
]
const NO_RIGHTS: Row = [
  'rights_missing',
  'denies this role a privilege',
  'Use a role that may read every row. A parity run also creates a schema: `GRANT CREATE ON DATABASE "name" TO "role"`.',
]
/** A column is missing, or the unique constraint that ON CONFLICT names. */
const ALTERED: Row = [
  'target_unreachable',
  'has tables that differ from the contract',
  'Run `ff migrate verify`.',
]
const NOT_MIGRATED = 'Run `ff migrate up` first.'
const REFUSED: Row = [
  'row_refused',
  'refuses a row that breaks its schema',
  "Correct the row and run again; --debug prints the server's whole error.",
]

/** By SQLSTATE (PostgreSQL manual, appendix A) or system error code. */
const BY_CODE: Readonly<Record<string, Row>> = {
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: LOST,
  EPIPE: LOST,
  ENOENT: UNREACHABLE,
  ENOTFOUND: UNREACHABLE,
  EAI_AGAIN: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EACCES: UNREACHABLE,
  '08P01': LOST,
  '25006': [
    'target_read_only',
    'is read-only',
    'Name the primary server, and a role without default_transaction_read_only.',
  ],
  '28000': LOGIN_REFUSED,
  '28P01': LOGIN_REFUSED,
  '3D000': [
    'target_unreachable',
    'does not exist',
    'Create it with createdb, or correct the database of the URL; psql -l lists the databases.',
  ],
  '3F000': ['target_unreachable', 'lacks the schema', NOT_MIGRATED],
  '42P01': ['target_unreachable', 'lacks a table of the contract', NOT_MIGRATED],
  '42501': NO_RIGHTS,
  '42703': ALTERED,
  '42P10': ALTERED,
  '53100': ['disk_full', 'is on a full disk', 'Free space on the server, and run again.'],
  '55000': [
    'target_unreachable',
    'accepts no connections',
    'Have its owner run `ALTER DATABASE "name" ALLOW_CONNECTIONS true`.',
  ],
  '53300': [
    'target_unreachable',
    'has no free connection',
    'Close idle sessions (SELECT pid, state FROM pg_stat_activity) or raise max_connections.',
  ],
  '55P03': [
    'lock_timeout',
    'did not grant a lock in time',
    'Find the session that holds it (SELECT pid, mode, relation::regclass FROM pg_locks), then run again.',
  ],
  '57014': [
    'backing_unavailable',
    'cancelled a statement',
    'Find what it waits for (SELECT pid, wait_event, query FROM pg_stat_activity), then run again.',
  ],
  '57P01': LOST,
  '57P02': LOST,
  '57P03': [
    'target_unreachable',
    'is starting up or shutting down',
    'Wait until it accepts connections: `pg_isready -d "$FF_DATABASE_URL"`.',
  ],
  // Raised by triggers of the contract's migrations.
  FFA01: ['rights_missing', 'keeps its audit table append-only', 'Do not change audit records.'],
  FFM01: [
    'rows_would_be_lost',
    'has rows that this migration step down would delete',
    'Keep a copy of them (pg_dump), delete them, and run again.',
  ],
}

/** By class, the first two characters: 08 connection, 22 data, 23 constraint, 53 resources, 58 system error. */
const BY_CLASS: Readonly<Record<string, Row>> = {
  '08': LOST,
  '22': REFUSED,
  '23': REFUSED,
  '53': LOST,
  '58': LOST,
}

/** Errors of the driver, which have no code. */
const BY_MESSAGE: readonly (readonly [RegExp, Row])[] = [
  [/timeout (expired|exceeded)|connection timeout/i, UNREACHABLE],
  [
    /Connection terminated|Client has encountered a connection error|Query read timeout|not queryable/i,
    LOST,
  ],
  [/authenticationOk|SASL/, UNREACHABLE],
  [/password must be a string|no password/i, NO_RIGHTS],
  [/invalid response|Unknown message|unexpected message|does not support SSL/i, UNREACHABLE],
]

/**
 * Returns the FfError for an error of the driver or the server that its tables know: `target_unreachable`,
 * `backing_unavailable`, `rights_missing`, `row_refused`, `lock_timeout`, `disk_full`, `target_read_only` or
 * `rows_would_be_lost`. The message quotes it; of class 22 only the SQLSTATE, because a text may contain a sensitive
 * value. Returns an FfError and every unknown error as it is; throws nothing.
 *
 * @param target the database's name in messages, without password
 */
export function mapPgError(error: unknown, target: string): unknown {
  if (!(error instanceof Error) || error instanceof FfError) return error
  const code = 'code' in error ? String(error.code) : ''
  const row =
    BY_CODE[code] ??
    BY_CLASS[code.slice(0, 2)] ??
    BY_MESSAGE.find(([pattern]) => pattern.test(error.message))?.[1]
  if (row === undefined) return error
  const [known, what, hint] = row
  // Messages of class 22 contain the rejected value, which may be a sensitive flag's.
  const reason = code.startsWith('22') ? `SQLSTATE ${code}` : quoteError(error)
  return new FfError(known, `The database ${target} ${what}: ${reason}.`, { hint, cause: error })
}

/** Runs `work` and returns its result. @throws its error, mapped by `mapPgError` */
export async function mapPgErrors<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw mapPgError(error, target)
  }
}
