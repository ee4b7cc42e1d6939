import { createHash } from 'node:crypto'
import { type AuditRecord, EMPTY_HEAD, hashRecord } from '../../../src/core/audit/record.ts'
import { loggedRecords, selectedRecords } from '../../adapters/store-contract/opened-store.ts'
import { connect } from '../../support/database.ts'
import type { ServiceTarget } from '../../support/service.ts'

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex')

type Shown = Omit<AuditRecord, 'after' | 'before'> & {
  readonly before: unknown
  readonly after: unknown
}

/** Reads the audit trail of a service directly from its store, and whether its hash chain is whole. */
export async function getAudit(
  target: ServiceTarget,
): Promise<{ readonly records: readonly Shown[]; readonly whole: boolean }> {
  const records = await getRecords(target)
  let link = EMPTY_HEAD
  let whole = true
  for (const { hash, ...hashed } of records) {
    whole &&= hashed.prev_hash === link.hash && hashed.seq === link.seq + 1
    whole &&= hashRecord(hashed, sha256) === hash
    link = { seq: hashed.seq, hash }
  }
  const shown = records.map((record) => ({
    ...record,
    before: getValue(record.before),
    after: getValue(record.after),
  }))
  return { records: shown, whole }
}
const getValue = (text: string | null): unknown => (text === null ? null : JSON.parse(text))

async function getRecords({ folder, database }: ServiceTarget): Promise<readonly AuditRecord[]> {
  if (folder !== null) return loggedRecords(folder)
  if (database === null) throw new Error('a target has a folder or a database')
  const sql = await connect(database.version, database.database)
  try {
    return await selectedRecords(sql, 'ff')
  } finally {
    await sql.end()
  }
}
