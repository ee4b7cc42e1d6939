import { isDeepStrictEqual } from 'node:util'
import type pg from 'pg'
import { PHASE_RULES } from '../../core/cutover/phases.ts'
import type { PhaseRecord } from '../../core/cutover/record.ts'
import { FfError } from '../../errors.ts'

/** Held shared where an instance registers, and exclusively where the record is replaced. */
const RECORD_KEY = `hashtextextended('ff phase', 0)`
export const SHARE_RECORD = `SELECT pg_advisory_xact_lock_shared(${RECORD_KEY})`
export const LOCK_RECORD = `SELECT pg_advisory_xact_lock(${RECORD_KEY})`

/** An SQL expression for the phase record of a schema as JSON of a `PhaseRecord`; null where there is none. */
export const formatRecordQuery = (schema: string): string =>
  `(SELECT json_build_object('epoch', p.epoch, 'phase', p.phase, 'armed', p.armed, 'attempt', p.attempt,` +
  ` 'database', p.database, 'survivor', p.survivor, 'scratch', p.scratch,` +
  ` 'drillEndsAt', floor(extract(epoch FROM p.drill_ends_at) * 1000), 'closed', p.closed)` +
  ` FROM ONLY "${schema}".phase p)`

/**
 * The phase record of a schema; null where there is none, also without its table. @throws the driver's error, unmapped
 */
export async function readPhaseRecord(
  client: pg.ClientBase,
  schema: string,
): Promise<PhaseRecord | null> {
  const { rows: tables } = await client.query<{ found: string | null }>(
    'SELECT to_regclass($1)::text AS found',
    [`"${schema}".phase`],
  )
  if (tables[0]?.found == null) return null
  const { rows } = await client.query<{ record: string | null }>(
    `SELECT ${formatRecordQuery(schema)}::text AS record`,
  )
  const text = rows[0]?.record ?? null
  return text === null ? null : (JSON.parse(text) as PhaseRecord)
}

/**
 * The number of the cutover attempt that the phase record of a schema holds; 1 where there is no phase record or no
 * table for it, as before the first cutover.
 * @throws the driver's error, unmapped
 */
export async function readAttempt(client: pg.ClientBase, schema: string): Promise<number> {
  return (await readPhaseRecord(client, schema))?.attempt ?? 1
}

/** Statements on the phase record, each with its parameters in the order of its comment. */
export interface RecordStatements {
  /**
   * epoch, phase, armed, attempt, database, survivor, scratch, ms of the drill's end, closed, over: replaces the record,
   * or makes the first one; `leave` only over a publication under `over` on the running server.
   */
  readonly replace: string
  readonly leave: string
  /** No parameter: the record as JSON; null where there is none. */
  readonly standing: string
  readonly close: string
}

/**
 * Replaces the record in the caller's transaction, which holds `LOCK_RECORD`, where its epoch is at most `over`; makes the
 * first one where there is none.
 *
 * @param replacement.leaves whether only over a publication that was made under `over` on the running server
 * @returns whether the whole record stands, also where it stood before
 * @throws the driver's error, unmapped
 */
export async function replaceRecord(
  client: pg.ClientBase,
  { replace, leave, standing }: RecordStatements,
  replacement: {
    readonly record: PhaseRecord
    readonly over: number
    readonly leaves?: boolean
  },
): Promise<boolean> {
  const { record, over, leaves = false } = replacement
  const { epoch, phase, armed, attempt, database, survivor, scratch, drillEndsAt, closed } = record
  await client.query(leaves ? leave : replace, [
    epoch,
    phase,
    armed,
    attempt,
    database,
    survivor,
    scratch,
    drillEndsAt,
    closed,
    over,
  ])
  const { rows } = await client.query<{ record: string | null }>(standing)
  return isDeepStrictEqual(JSON.parse(rows[0]?.record ?? 'null'), record)
}

/** An SQL query for the phase of a schema and whether its record is closed, for `refusePlainWrite`. */
export const formatPhaseQuery = (schema: string): string =>
  `SELECT phase, closed::text FROM ONLY "${schema}".phase`

/** A row of `formatPhaseQuery`. */
export interface PhaseRow {
  readonly phase: PhaseRecord['phase']
  readonly closed: string
}

/**
 * Does nothing where a writer of the database alone may write: without a cutover, or after it. Beside one its change
 * would be on one side alone, and part the two chains.
 *
 * @param name of the database in messages
 * @throws FfError `phase_refused`, also for a database that was left
 */
export function refusePlainWrite([row]: readonly PhaseRow[], name: string): void {
  if (row === undefined) return
  const { phase, closed } = row
  if (closed === 'true') throw new FfError('phase_refused', describeLeft(name), { hint: LEFT_HINT })
  const { authority, second } = PHASE_RULES[phase]
  if (authority === 'database' && second === null) return
  throw new FfError(
    'phase_refused',
    `The database ${name} is in the phase ${phase} of a cutover, in which no change goes to the database alone.`,
    {
      hint: 'Serve with FF_BACKING=managed, which writes to both sides; `ff cutover status` shows the phase.',
    },
  )
}

/** As `refusePlainWrite`, for the record as it stands. @throws also the driver's error, unmapped */
export async function requirePlainPhase(
  client: pg.ClientBase,
  schema: string,
  name: string,
): Promise<void> {
  refusePlainWrite((await client.query<PhaseRow>(formatPhaseQuery(schema))).rows, name)
}

const describeLeft = (name: string): string =>
  `The cutover has left the database ${name} as lost, and nothing joins it again.`
const LEFT_HINT =
  'List what it held alone with `ff cutover reconcile --dry-run`, then migrate an empty database and import into it.'
/** The error for a database that was left by `--db-lost`. @param name of the database in messages */
export const databaseLeftError = (name: string): FfError =>
  new FfError('database_left', describeLeft(name), { hint: LEFT_HINT })
