import type pg from 'pg'
import { type Catalogue, formatColumn } from '../../core/migrations/catalogue.ts'
import { hashSha256 } from '../store-files/seal-audit.ts'

// Each query yields (object, definition) pairs of one schema ($1). NOT NULL constraints, which PostgreSQL 18 lists in
// pg_constraint, are left out: the column has them on 15 and on 18. Deparsed definitions depend on search_path.
const LINES: readonly string[] = [
  `SELECT 'domain ' || t.typname, format_type(t.typbasetype, t.typtypmod)
     || CASE WHEN t.typcollation = b.typcollation THEN '' ELSE ' COLLATE ' || c.collname END
     || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END || COALESCE(' DEFAULT ' || t.typdefault, '')
   FROM pg_type t JOIN pg_type b ON b.oid = t.typbasetype LEFT JOIN pg_collation c ON c.oid = t.typcollation
   WHERE t.typtype = 'd' AND t.typnamespace = $1::regnamespace`,
  `SELECT 'domain ' || t.typname || ', check ' || c.conname, pg_get_constraintdef(c.oid)
   FROM pg_constraint c JOIN pg_type t ON t.oid = c.contypid
   WHERE c.contype = 'c' AND t.typnamespace = $1::regnamespace`,
  `SELECT 'type ' || t.typname, t.typtype::text FROM pg_type t
   WHERE t.typtype IN ('e', 'r', 'm') AND t.typnamespace = $1::regnamespace`,
  `SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', concat_ws(' ', l.lanname, p.prokind, p.provolatile,
     CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' END, p.proconfig, p.prosrc)
   FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace = $1::regnamespace`,
  `SELECT CASE WHEN c.relkind = 'r' THEN 'table ' ELSE 'relation ' END || c.relname,
     CASE WHEN c.relkind = 'r' THEN 'table' ELSE c.relkind::text END
     || CASE WHEN c.relpersistence = 'p' THEN '' ELSE ' UNLOGGED' END
     || CASE WHEN c.relrowsecurity OR c.relforcerowsecurity THEN ' ROW LEVEL SECURITY' ELSE '' END
   FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind NOT IN ('i', 'I', 't')`,
  `SELECT 'table ' || r.relname || ', owner', 'not the owner of the schema'
   FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
   WHERE r.relkind = 'r' AND r.relowner <> n.nspowner AND n.oid = $1::regnamespace`,
  `SELECT 'schema, grants to ' || COALESCE(g.rolname, 'PUBLIC'),
     string_agg(e.privilege_type, ', ' ORDER BY e.privilege_type COLLATE "C")
   FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) e LEFT JOIN pg_roles g ON g.oid = e.grantee
   WHERE e.grantee <> n.nspowner AND n.oid = $1::regnamespace GROUP BY g.rolname`,
  `SELECT 'table ' || r.relname || ', constraint ' || c.conname, pg_get_constraintdef(c.oid)
   FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
   WHERE c.contype <> 'n' AND r.relnamespace = $1::regnamespace AND r.relkind = 'r'`,
  `SELECT 'table ' || r.relname || ', index ' || i.relname, replace(pg_get_indexdef(i.oid), ' ON ' || $1 || '.', ' ON ')
     || CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END
   FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class r ON r.oid = x.indrelid
   WHERE r.relnamespace = $1::regnamespace`,
  `SELECT 'table ' || r.relname || ', trigger ' || t.tgname, pg_get_triggerdef(t.oid, true)
     || CASE WHEN t.tgenabled = 'O' THEN '' ELSE ' (not enabled: ' || t.tgenabled::text || ')' END
   FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid
   WHERE NOT t.tgisinternal AND r.relnamespace = $1::regnamespace`,
  `SELECT 'table ' || r.relname || ', enforcement of ' || c.conname, 'off'
   FROM pg_trigger t JOIN pg_constraint c ON c.oid = t.tgconstraint JOIN pg_class r ON r.oid = t.tgrelid
   WHERE t.tgisinternal AND t.tgenabled <> 'O' AND r.relnamespace = $1::regnamespace`,
  `SELECT 'table ' || r.relname || ', rule ' || w.rulename, pg_get_ruledef(w.oid)
   FROM pg_rewrite w JOIN pg_class r ON r.oid = w.ev_class
   WHERE r.relnamespace = $1::regnamespace AND r.relkind = 'r'`,
  `SELECT 'table ' || p.relname || ', child ' || c.relname, 'inherits' FROM pg_inherits i
   JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
   WHERE p.relkind = 'r' AND p.relnamespace = $1::regnamespace`,
  `SELECT 'table ' || c.relname || ', parent ' || p.relname, 'inherited' FROM pg_inherits i
   JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
   WHERE c.relkind = 'r' AND c.relnamespace = $1::regnamespace`,
  `SELECT 'table ' || r.relname || ', policy ' || p.polname, p.polcmd::text
   FROM pg_policy p JOIN pg_class r ON r.oid = p.polrelid WHERE r.relnamespace = $1::regnamespace`,
]

const COLUMNS = `SELECT r.relname, a.attname, format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attcollation IN (0, t.typcollation) THEN '' ELSE ' COLLATE ' || c.collname END,
    (NOT a.attnotnull)::text, pg_get_expr(d.adbin, d.adrelid)
  FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_collation c ON c.oid = a.attcollation
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE r.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND r.relnamespace = $1::regnamespace`

// Without the owner's own privileges. PUBLIC is role 0.
const GRANTS = `SELECT r.relname, COALESCE(g.rolname, 'PUBLIC'), string_agg(x.privilege, ', ' ORDER BY x.privilege COLLATE "C")
  FROM pg_class r CROSS JOIN LATERAL (
    SELECT grantee, privilege_type AS privilege FROM aclexplode(r.relacl)
    UNION ALL
    SELECT e.grantee, e.privilege_type || '(' || a.attname || ')'
    FROM pg_attribute a, aclexplode(a.attacl) e WHERE a.attrelid = r.oid AND NOT a.attisdropped
  ) x LEFT JOIN pg_roles g ON g.oid = x.grantee
  WHERE r.relkind = 'r' AND x.grantee <> r.relowner AND r.relnamespace = $1::regnamespace
  GROUP BY 1, 2`

/**
 * Reads the catalogue of a schema in the form of the contract: object to definition, a function's as SHA-256. Leaves
 * out the owner's privileges and NOT NULL constraints. The caller has a transaction open with `search_path` set to the
 * schema.
 *
 * @throws the driver's error, unmapped, also if the schema is missing
 */
export async function introspect(client: pg.ClientBase, schema: string): Promise<Catalogue> {
  const select = async (text: string): Promise<readonly string[][]> =>
    (await client.query<string[]>({ text, values: [schema], rowMode: 'array' })).rows
  const found = new Map<string, string>()
  for (const text of LINES) {
    for (const [object = '', definition = ''] of await select(text)) {
      found.set(object, object.startsWith('function ') ? hashSha256(definition) : definition)
    }
  }
  for (const [table, column, type = '', nullable, value] of await select(COLUMNS)) {
    found.set(
      `table ${table}, column ${column}`,
      formatColumn(type, nullable === 'true', value ?? null),
    )
  }
  for (const [table, role, privileges = ''] of await select(GRANTS)) {
    found.set(`table ${table}, grants to ${role}`, privileges)
  }
  return found
}
