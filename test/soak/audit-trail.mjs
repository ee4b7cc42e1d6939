// Reads an audit trail from its store, without the service, and verifies its hash chain.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Reads the trail of a file store's folder, or of a database by its `sql` client. */
export async function readAuditTrail({ folder, sql }) {
  const records = folder === undefined ? await readDatabase(sql) : readFolder(folder)
  let [seq, hash, whole] = [0, '0'.repeat(64), true]
  for (const record of records) {
    whole &&= record.seq === seq + 1 && record.prev_hash === hash
    whole &&= record.text === undefined || digest(record.text, record.prev_hash) === record.hash
    ;[seq, hash] = [record.seq, record.hash]
  }
  return { records, whole }
}

/** SHA-256 over `prev_hash` and the record's canonical form without `hash` and `prev_hash`. */
function digest(text, prev) {
  const hashed = text
    .replace(/"hash":"[0-9a-f]{64}",/, '')
    .replace(/"prev_hash":"[0-9a-f]{64}",/, '')
  return createHash('sha256')
    .update(prev + hashed)
    .digest('hex')
}

function readFolder(folder) {
  const names = readdirSync(folder)
    .filter((name) => name.startsWith('log-'))
    .sort()
  return names.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const text = /"audit":(\{.*?\}),"changes":\[/.exec(line)[1]
        return { ...JSON.parse(text), text }
      }),
  )
}

async function readDatabase(sql) {
  const { rows } = await sql.query(
    'SELECT seq::int, prev_hash, hash, request_id, outcome, target FROM ff.audit ORDER BY seq',
  )
  return rows
}
