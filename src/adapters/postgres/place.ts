import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'

/** What a database is: a random id, and the environment that it was made for. */
export interface Place {
  readonly id: string
  readonly environment: string
}
/** The place that a migration claims. */
export interface PlaceClaim {
  /** FF_ENV of the process. */
  readonly environment: string
  /** Whether a place that is there is replaced by a new one. */
  readonly adopt: boolean
}

/** One row; a copy of the database has it too, until it is adopted. */
export const PLACE_TABLE = `CREATE TABLE IF NOT EXISTS place (
  only_row boolean NOT NULL DEFAULT true,
  id text COLLATE "C" NOT NULL,
  environment text COLLATE "C" NOT NULL,
  CONSTRAINT place_pkey PRIMARY KEY (only_row),
  CONSTRAINT place_only_row CHECK (only_row)
)`

/**
 * The place of a database: its random id and its environment; null where none was claimed, also without the table.
 * @throws the driver's error, unmapped
 */
export async function readPlace(client: pg.ClientBase, schema: string): Promise<Place | null> {
  const table = `"${schema}".place`
  const { rows: tables } = await client.query<{ found: string | null }>(
    'SELECT to_regclass($1)::text AS found',
    [table],
  )
  if (tables[0]?.found == null) return null
  const { rows } = await client.query<Place>(`SELECT id, environment FROM ONLY ${table}`)
  return rows[0] ?? null
}

/**
 * Claims the place of the database whose schema is the search path: the first claim writes it, with a random id, and
 * one that adopts replaces it by a new one. Otherwise a place of the same environment stays as it is.
 * @param name of the database, in messages
 * @throws FfError `place_refused` for a place of another environment, unless it is adopted, and the driver's error,
 * unmapped
 */
export async function claimPlace(
  client: pg.ClientBase,
  { environment, adopt }: PlaceClaim,
  name: string,
): Promise<void> {
  const { rows } = await client.query<Place>('SELECT id, environment FROM place')
  const [found] = rows
  if (found !== undefined && !adopt) return refuseOtherPlace(found, environment, name)
  await client.query(
    `INSERT INTO place (id, environment) VALUES ($1, $2)
     ON CONFLICT (only_row) DO UPDATE SET id = EXCLUDED.id, environment = EXCLUDED.environment`,
    [randomBytes(8).toString('hex'), environment],
  )
}

/**
 * Does nothing for a place of this environment; `name` names the database in the message. @throws FfError
 * `place_refused` for a place of another environment
 */
export function refuseOtherPlace(
  { environment: own }: Pick<Place, 'environment'>,
  environment: string,
  name: string,
): void {
  if (own === environment) return
  throw new FfError(
    'place_refused',
    `The database ${name} was made for the environment ${quoteValue(own)}, and this process is of ${quoteValue(environment)}.`,
    {
      hint: `Use the database of ${quoteValue(environment)}, or run with \`export FF_ENV=${quoteForShell(own)}\`. A copy of another database gets a place of its own by \`ff migrate up --adopt\`.`,
    },
  )
}
