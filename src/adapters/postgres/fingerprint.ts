import { hashSha256 } from '../store-files/seal-audit.ts'
import { type DatabaseConfig, MIGRATION_BOUNDS, withClient } from './connect.ts'
import { introspect } from './introspect.ts'

/**
 * Hashes the rows of each table of a schema, independent of their order on disk, and its catalogue, under the name
 * `schema`. SHA-256 in hexadecimal, `empty` for a table without rows; an empty map if the schema is missing or has no
 * tables. Connects for itself; read-only, in one snapshot.
 * @throws FfError of `mapPgError`, such as `target_unreachable`, `rights_missing` or `backing_unavailable`
 */
export async function fingerprintSchema(
  database: DatabaseConfig,
  schema: string,
): Promise<ReadonlyMap<string, string>> {
  return withClient(
    database,
    async (client) => {
      // The texts of times, names and floats depend on these settings.
      await client.query(
        `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = "${schema}";
         SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL extra_float_digits = 1`,
      )
      const { rows: tables } = await client.query<{ name: string }>(
        `SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'`,
        [schema],
      )
      const found = new Map<string, string>()
      if (tables.length === 0) return found
      for (const { name } of tables) {
        const { rows } = await client.query<{ digest: string | null }>(
          `SELECT encode(sha256(string_agg(hash, ''::bytea ORDER BY hash)), 'hex') AS digest
           FROM (SELECT sha256(convert_to(r::text, 'UTF8')) AS hash FROM ONLY "${schema}"."${name}" r) q`,
        )
        found.set(name, rows[0]?.digest ?? 'empty')
      }
      const lines = [...(await introspect(client, schema))].map((pair) => JSON.stringify(pair))
      return found.set('schema', hashSha256(lines.sort().join('\n')))
    },
    MIGRATION_BOUNDS,
  )
}
