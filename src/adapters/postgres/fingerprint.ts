import { hashSha256 } from '../store-files/seal-audit.ts'
import { type DatabaseConfig, MIGRATION_BOUNDS, withClient } from './connect.ts'
import { introspect } from './introspect.ts'

/** A digest of each table's rows, whatever their order on disk, and of the schema's catalogue; nothing where there is no schema. */
export async function fingerprintSchema(
  database: DatabaseConfig,
  schema: string,
): Promise<ReadonlyMap<string, string>> {
  return withClient(
    database,
    async (client) => {
      // Times and names are written relative to these.
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
           FROM (SELECT sha256(convert_to(r::text, 'UTF8')) AS hash FROM "${schema}"."${name}" r) q`,
        )
        found.set(name, rows[0]?.digest ?? 'empty')
      }
      const lines = [...(await introspect(client, schema))].map((pair) => JSON.stringify(pair))
      return found.set('schema', hashSha256(lines.sort().join('\n')))
    },
    MIGRATION_BOUNDS,
  )
}
