import type pg from 'pg'
import { TABLE_NAMES } from '../../core/rows/rows.ts'
import { FfError } from '../../errors.ts'

const TABLES = [...TABLE_NAMES, 'audit', 'audit_head', 'feed', 'change_log', 'migration_ledger']
const FAULTS = `SELECT t.name, CASE
    WHEN c.oid IS NULL THEN 'is missing'
    WHEN c.relkind <> 'r' THEN 'is a view or another object, and no table'
    WHEN row_security_active(c.oid) THEN 'has row level security for this role'
    WHEN EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid) THEN 'has a rule'
    WHEN EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhparent, i.inhrelid)) THEN 'inherits, or is inherited from'
  END AS fault, COALESCE(row_security_active(c.oid), false)::text AS hidden
  FROM unnest($1::text[]) t (name)
  LEFT JOIN pg_class c ON c.relname = t.name AND c.relnamespace = to_regnamespace($2)`

/**
 * Checks that rows, audit, audit head, feed, change log and ledger of a schema are plain tables whose rows this role
 * sees all of, so that the service reads what a comparison reads. Read-only.
 * @throws FfError `rights_missing` for row level security, `target_unreachable` for a missing table, a view, a rule or
 * inheritance; the driver's error, unmapped
 */
export async function requirePlainTables(client: pg.ClientBase, schema: string): Promise<void> {
  const { rows } = await client.query<{ name: string; fault: string | null; hidden: string }>(
    FAULTS,
    [TABLES, schema],
  )
  const found = rows.find(({ fault }) => fault !== null)
  if (found === undefined) return
  const message = `The table ${schema}.${found.name} ${found.fault}, so what is read may not be what it holds.`
  throw found.hidden === 'true'
    ? new FfError('rights_missing', message, {
        hint: `Run \`ALTER TABLE ${schema}.${found.name} DISABLE ROW LEVEL SECURITY\`, or \`ALTER ROLE "role" BYPASSRLS\` for the role of the service.`,
      })
    : new FfError('target_unreachable', message, { hint: 'Run `ff migrate verify`.' })
}
