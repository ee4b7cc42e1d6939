import { quoteError } from '../../core/text/quote-error.ts'
import { type ErrorCode, FfError } from '../../errors.ts'
import { driver } from './driver.ts'

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
  'Check the user, the password in FF_DATABASE_URL or PGPASSFILE, and sslmode: `psql "$FF_DATABASE_URL" -c "SELECT 1"`.',
]
const UNTRUSTED: Row = [
  'target_unreachable',
  'shows a certificate that cannot be verified',
  'Set sslrootcert in the URL, or PGSSLROOTCERT, to the certificate of its CA.',
]
const OTHER_NAME: Row = [
  'target_unreachable',
  'shows a certificate of another host',
  'Name the host as in the certificate, or set sslmode=verify-ca in the URL.',
]
const OUTDATED: Row = [
  'target_unreachable',
  'shows a certificate that is not valid now',
  'Renew the certificate of the server, or its CA in sslrootcert, and check the clock of this machine.',
]
const NO_TLS: Row = [
  'target_unreachable',
  'does not agree on TLS',
  'Check ssl=on and the log of the server, and sslmode, sslcert and sslkey of the URL; sslmode=disable goes without TLS.',
]
const NO_RIGHTS: Row = [
  'rights_missing',
  'denies this role a privilege',
  'Run what applies: `GRANT ff_app TO "role"` to read and write rows, `GRANT ff_owner TO "role"` to migrate, `GRANT ff_ship TO "role"` to ship audit records, `GRANT CREATE ON DATABASE "name" TO "role"` for a schema of a parity run, `ALTER ROLE "role" BYPASSRLS` for row level security.',
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

const ROLLED_BACK: Row = [
  'backing_unavailable',
  'rolled the transaction back',
  'Run again; nothing of it was kept.',
]
const IN_THE_WAY: Row = [
  'backing_unavailable',
  'is in a state that does not allow this',
  'Wait for what is under way there (SELECT pid, state, query FROM pg_stat_activity), then run again.',
]
const BROKEN: Row = [
  'backing_unavailable',
  'reports an error of its own',
  'Check the log of the server. XX001 and XX002 are damaged data: restore a backup.',
]
const TOO_LARGE: Row = [
  'row_refused',
  'has a limit that this exceeds',
  'Make the row smaller, or raise the limit that the message names.',
]
const TRIGGER_REFUSED: Row = [
  'row_refused',
  'refuses a row by a function or trigger of its own',
  'Correct the row, or the function: \\df and \\dy in psql list them.',
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
    'is not ready for this',
    'If it accepts no connections, have its owner run `ALTER DATABASE "name" ALLOW_CONNECTIONS true`.',
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
  FFA01: [
    'rights_missing',
    'keeps audit records, feed and change log append-only',
    'Do not change audit records; rows of the feed and of the change log may be deleted after a day.',
  ],
  FFC01: [
    'phase_refused',
    'keeps the newer phase record',
    'Look at both copies of the record: `ff cutover status`.',
  ],
  FFM01: [
    'rows_would_be_lost',
    'has rows that this migration step down would delete',
    'Keep a copy of them (pg_dump), delete them, and run again.',
  ],
}

/** By class, the first two characters of an SQLSTATE; a class that is missing here is `IN_THE_WAY`. */
const BY_CLASS: Readonly<Record<string, Row>> = {
  '08': LOST,
  '09': TRIGGER_REFUSED,
  '0A': ALTERED,
  '22': REFUSED,
  '23': REFUSED,
  '25': IN_THE_WAY,
  '27': TRIGGER_REFUSED,
  '28': LOGIN_REFUSED,
  '38': TRIGGER_REFUSED,
  '39': TRIGGER_REFUSED,
  '40': ROLLED_BACK,
  '42': ALTERED,
  '44': REFUSED,
  '53': LOST,
  '54': TOO_LARGE,
  '55': IN_THE_WAY,
  '57': LOST,
  '58': LOST,
  P0: TRIGGER_REFUSED,
  XX: BROKEN,
}
const SQLSTATE = /^[0-9A-Z]{5}$/

/** By code of the driver's TLS (Node's manual, "X509 certificate error codes"). */
const BY_TLS: readonly (readonly [RegExp, Row])[] = [
  [/^ERR_TLS_CERT_ALTNAME/, OTHER_NAME],
  [/^(CERT|CRL)_(HAS_EXPIRED|NOT_YET_VALID)/, OUTDATED],
  [/^(DEPTH_ZERO_|SELF_SIGNED|UNABLE_TO_|CERT_|CRL_|ERROR_IN_|INVALID_(CA|PURPOSE))/, UNTRUSTED],
  [/^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|EPROTO)/, NO_TLS],
]

/** PgBouncer has one code, protocol_violation, for all that it refuses; its messages are always in English. */
const POOLER_SAYS: readonly (readonly [RegExp, Row])[] = [
  [/password|auth|no such user/i, LOGIN_REFUSED],
  [/SSL|TLS/, NO_TLS],
  [/database|cannot connect|startup parameter|login/i, UNREACHABLE],
  [/./, LOST],
]

/** Errors of the driver, which have no code. */
const BY_MESSAGE: readonly (readonly [RegExp, Row])[] = [
  [/timeout (expired|exceeded)|connection timeout/i, UNREACHABLE],
  [
    /Connection terminated|Client has encountered a connection error|Query read timeout|not queryable/i,
    LOST,
  ],
  [/does not support SSL|establishing an SSL|sslnegotiation/, NO_TLS],
  [/password must be a string|SASL|SCRAM/, LOGIN_REFUSED],
  [/authenticationOk|invalid response|Unknown message|unexpected message/i, UNREACHABLE],
]

/**
 * Makes, without throwing it, the error of a write in a transaction that only reads, before the server gives one:
 * SQLSTATE 25006, which `mapPgError` maps to `target_read_only`.
 */
export const readOnlyError = (): Error =>
  Object.assign(new Error('its transactions are read-only'), { code: '25006' })

/**
 * Returns the FfError for every error of the server, by its SQLSTATE or that one's class, and for the errors of the
 * driver that its tables know: `target_unreachable`, `backing_unavailable`, `rights_missing`, `row_refused`,
 * `lock_timeout`, `disk_full`, `target_read_only` or `rows_would_be_lost`. The message quotes it; of class 22 as
 * `quoteServer`, because a text may contain a sensitive value. Returns an FfError and every unknown error as it is; throws
 * nothing.
 *
 * @param target the database's name in messages, without password
 */
export function mapPgError(error: unknown, target: string): unknown {
  if (!(error instanceof Error) || error instanceof FfError) return error
  const code = 'code' in error ? String(error.code) : ''
  const row = findRow(code, error)
  if (row === undefined) return error
  const [known, what, hint] = row
  const sqlstate = code.startsWith('22') ? [`SQLSTATE ${code}`] : []
  const reason = [quoteServer(error), ...sqlstate].filter((text) => text !== '').join(', ')
  return new FfError(known, `The database ${target} ${what}: ${reason}.`, { hint, cause: error })
}

/** Routines of the server that raise what a function of the database says, which may be any text. */
const RAISED = /^(exec_stmt_raise|PLy_|plperl|pltcl)/
/** invalid_parameter_value: of a setting or a role, not of a row. */
const OF_SETTING = '22023'

/**
 * Quotes an error of server or driver, without a value of a row: a message of class 22 may contain the rejected value,
 * which may be a sensitive flag's. It is quoted up to its first quote, colon, bracket or digit; the text is empty where
 * a function raised it.
 */
export function quoteServer(error: unknown): string {
  const [code, routine] =
    error instanceof driver.DatabaseError ? [error.code ?? '', error.routine ?? ''] : ['', '']
  if (!code.startsWith('22')) return quoteError(error)
  if (RAISED.test(routine)) return ''
  const text = quoteError(error)
  return code === OF_SETTING ? text : text.replace(/\s*["'«„“:(\d].*$/s, '')
}

function findRow(code: string, error: Error): Row | undefined {
  const said = code === '08P01' ? POOLER_SAYS : BY_MESSAGE
  const known =
    BY_CODE[code] ??
    BY_TLS.find(([pattern]) => pattern.test(code))?.[1] ??
    said.find(([pattern]) => pattern.test(error.message))?.[1]
  // No error of the server is a bug of this program, whatever a trigger or an extension raises.
  const ofServer = error instanceof driver.DatabaseError && SQLSTATE.test(code)
  return ofServer && BY_CODE[code] === undefined && code !== '08P01'
    ? (BY_CLASS[code.slice(0, 2)] ?? IN_THE_WAY)
    : known
}

/**
 * Runs `work` and returns its result.
 * @throws its error as `mapPgError` returns it: an FfError for what server and driver report, any other as it is
 */
export async function mapPgErrors<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw mapPgError(error, target)
  }
}
