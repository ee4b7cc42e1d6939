import type pg from 'pg'
import type { AuditRecord } from '../../core/audit/record.ts'
import { instantFromMs } from '../../core/rows/instant.ts'
import { isScopeId } from '../../core/rows/grammar.ts'
import type { BoundaryEvent } from '../../ports/rows.ts'
import { sealBoundary } from '../store-files/seal-audit.ts'
import { appendAudit, parseAuditHead } from './append-audit.ts'
import {
  requireSupportedVersion,
  type DatabaseConfig,
  type SupportedVersions,
  withReading,
} from './connect.ts'
import { buildStatements } from './statements.ts'

/**
 * Appends a boundary record to a schema's audit chain, in the caller's transaction, and locks the head until its end.
 * Returns the record. The time is the server's; the actor is the session's role, or `ff` if its name is no scope id.
 *
 * @throws Error if the audit head is missing; the driver's error, unmapped
 */
export async function appendBoundary(
  client: pg.ClientBase,
  schema: string,
  event: BoundaryEvent,
): Promise<AuditRecord> {
  const { rows } = await client.query<{ actor: string; now: string }>(
    `SELECT session_user AS actor, floor(extract(epoch FROM clock_timestamp()) * 1000)::text AS now`,
  )
  const { actor = '', now } = rows[0] ?? {}
  const statements = buildStatements(schema)
  const head = parseAuditHead(await client.query(statements.lockHead))
  const record = sealBoundary(
    {
      phase: 'file',
      ...event,
      occurred_at: instantFromMs(Number(now)),
      // An audit record takes only actors in the form of a scope id; a role may have any name.
      actor: isScopeId(actor) ? actor : 'ff',
      auth_mode: null,
      action: 'audit.boundary',
      outcome: 'applied',
      before: null,
      approval_ref: null,
    },
    head,
  )
  await appendAudit(client, statements, record)
  return record
}

/**
 * Connects, and lists the digests of completely imported sources, oldest first, from the boundary records of `ff
 * import`; empty if there is none. Read-only.
 * @throws FfError `server_version_unsupported`, `target_unreachable` if the audit table is missing, or another of
 * `mapPgError`, such as `rights_missing` or `backing_unavailable`
 */
export async function listImportedDigests(
  database: DatabaseConfig,
  schema: string,
  versions: SupportedVersions,
): Promise<readonly string[]> {
  return withReading(database, async (client) => {
    await requireSupportedVersion(client, versions)
    const { rows } = await client.query<{ digest: string }>(
      `SELECT substr(target, length('import/') + 1) AS digest FROM ONLY "${schema}".audit
       WHERE action = 'audit.boundary' AND target LIKE 'import/%' ORDER BY seq`,
    )
    return rows.map(({ digest }) => digest)
  })
}
