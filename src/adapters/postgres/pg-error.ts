import { type ErrorCode, FfError } from '../../errors.ts'

type Row = readonly [code: ErrorCode, what: string, hint: string]

const UNREACHABLE: Row = [
  'target_unreachable',
  'cannot be reached',
  'Check that the server is up and that host, port and database are right.',
]
const LOST: Row = [
  'backing_unavailable',
  'was lost in the middle of the work',
  'Check the server and run again.',
]
const NO_RIGHTS: Row = [
  'rights_missing',
  'refuses this role',
  'Use a role that may read every row, and for a run create a schema, or have it granted.',
]

/** A column is not there, or no key is that a conflict could be about. */
const ALTERED: Row = [
  'target_unreachable',
  'has tables that are not as in the contract',
  'Run `ff migrate verify`.',
]

const REFUSED: Row = [
  'row_refused',
  'refuses a row that breaks its schema',
  'Look at the constraint that the cause names.',
]

/** SQLSTATE (PostgreSQL manual, appendix A) or system code to what it means for whoever ran `ff`. */
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
    'Point at the primary, and at a role without default_transaction_read_only.',
  ],
  '28000': [
    'rights_missing',
    'refuses the login',
    'Check the user, and the password in FF_DATABASE_URL or PGPASSFILE.',
  ],
  '28P01': [
    'rights_missing',
    'refuses the login',
    'Check the user, and the password in FF_DATABASE_URL or PGPASSFILE.',
  ],
  '3D000': ['target_unreachable', 'has no such database', 'Create the database or name another.'],
  '3F000': ['target_unreachable', 'has no such schema', 'Run `ff migrate up` first.'],
  '42P01': [
    'target_unreachable',
    'has not the tables that are needed',
    'Run `ff migrate up` first.',
  ],
  '42501': NO_RIGHTS,
  '42703': ALTERED,
  '42P10': ALTERED,
  '53100': ['disk_full', 'has a full disk', 'Free space on the server and run again.'],
  '55000': ['target_unreachable', 'takes no connections', 'Ask whoever closed it.'],
  '53300': [
    'target_unreachable',
    'has no connection left',
    'Raise max_connections or close idle ones.',
  ],
  '55P03': [
    'lock_timeout',
    'did not free a lock in time',
    'Find who holds it in pg_locks, then run again.',
  ],
  '57014': [
    'backing_unavailable',
    'cancelled a statement that took too long',
    'Check what it waits for in pg_stat_activity.',
  ],
  '57P01': LOST,
  '57P02': LOST,
  '57P03': [
    'target_unreachable',
    'is starting up or shutting down',
    'Wait until it accepts connections.',
  ],
  FFA01: ['rights_missing', 'keeps its audit table append-only', 'Do not change audit records.'],
  FFM01: [
    'rows_would_be_lost',
    'holds rows that this step down would delete',
    'Export and clear them first, if they may go.',
  ],
}

/** By the first two characters: 08 connections, 22 values, 23 constraints, 53 resources, 58 the system below. */
const BY_CLASS: Readonly<Record<string, Row>> = {
  '08': LOST,
  '22': REFUSED,
  '23': REFUSED,
  '53': LOST,
  '58': LOST,
}

// pg reports these without a code.
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

/** Turns what the driver or the server said into an error that callers branch on; a bug stays a bug. */
export function mapPgError(error: unknown, target: string): unknown {
  if (!(error instanceof Error) || error instanceof FfError) return error
  const code = 'code' in error ? String(error.code) : ''
  const row =
    BY_CODE[code] ??
    BY_CLASS[code.slice(0, 2)] ??
    BY_MESSAGE.find(([pattern]) => pattern.test(error.message))?.[1]
  if (row === undefined) return error
  const [known, what, hint] = row
  return new FfError(known, `The database ${target} ${what}.`, { hint, cause: error })
}

/** Runs `work` and passes on its errors in that form. */
export async function mapPgErrors<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw mapPgError(error, target)
  }
}
