import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditChainHead } from '../../core/audit/record.ts'
import type { TargetSpec } from '../../core/parity/target.ts'
import type { RowReadOptions } from '../../ports/adapters.ts'
import {
  type StorePair,
  compareStores,
  listTableFindings,
  withLiveStores,
  countRows,
  withCopyOfAnother,
  withCorruptedCopy,
  type TableFinding,
} from './testbed/store-pair.ts'
import { defineProbe, type ProbeContext } from './framework/probe.ts'

/** The planted faults: one row that is deleted, and one that is added. */
const spoiled = withCorruptedCopy(`INSERT INTO ff.user_override
    SELECT 'one-too-many', flag_key, value, NULL, NULL, NULL, created_by, updated_by, revision, created_at, updated_at
      FROM ff.tenant_override LIMIT 1;
  DELETE FROM ff.tenant_override WHERE tenant_id = (SELECT min(tenant_id::text) FROM ff.tenant_override)`)

/**
 * C1: rows of the named store that the named database lacks, rows that it has in excess, and whether the store
 * changed since its import; a database that a cutover has filled records no import, and has the store's audit chain.
 * Reads both, writes to neither. The controls delete and add one row in a copy in a scratch database, and compare a copy of another store. Inconclusive without a store or a database
 * (`target_missing`), and as `compareStores` throws.
 */
export const backfillComplete = defineProbe<StorePair, 'missing' | 'extra' | 'source_changed'>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: withLiveStores,
  faulty: { missing: spoiled, extra: spoiled, source_changed: withCopyOfAnother },
  measure: async (stores, context) => {
    const result = await compareStores(stores, context)
    const { inputs } = result
    const digest = await computeDigest(stores, inputs, context)
    const imported = await context.adapters.importedDigests(stores.database, inputs.versions)
    const findings = listTableFindings(result)
    const missing = findings.filter(({ code }) => code === 'row_missing')
    const extra = findings.filter(({ code }) => code === 'row_extra')
    // A changed store is accepted where the database holds its later writes too: only extra rows differ.
    const behind = findings.some(({ code }) => code !== 'row_extra')
    const changed =
      imported.length === 0
        ? !(await haveOneChain(stores, inputs, context))
        : !imported.includes(digest) && behind
    const [first] = [...missing, ...extra]
    const detail = imported.length === 0 ? NO_IMPORT : OTHER_STORE
    return {
      measured: { missing: missing.length, extra: extra.length, source_changed: changed },
      met: {
        rows: countRows(result),
        source_sha256: digest,
        imports: imported.length,
        missing_by: formatPlaces(missing),
        extra_by: formatPlaces(extra),
        to_the_end: result.complete,
      },
      sample_size: countRows(result),
      example:
        first !== undefined
          ? `${first.table}${first.pointer ?? ''}: ${first.detail}`
          : changed
            ? detail
            : null,
    }
  },
})

const NO_IMPORT = 'the database records no import'
const OTHER_STORE = 'the store is not the imported one, and the database lacks its later writes'

/** SHA-256 of the store's rows, as an import records it. */
async function computeDigest(
  { store }: StorePair,
  needs: RowReadOptions,
  { adapters }: ProbeContext,
): Promise<string> {
  const rows = await adapters.openRows(store, needs)
  try {
    const hash = createHash('sha256')
    for await (const { bytes } of rows.lines()) hash.update(bytes)
    return hash.digest('hex')
  } finally {
    await rows.close()
  }
}

/** Looks at both heads, of which the second follows the first by some milliseconds while writes go on. */
const LOOKS = 10
const LOOK_MS = 100
/** Whether both audit chains end with the same record, as on the two sides of a cutover. */
async function haveOneChain(
  { store, database }: StorePair,
  needs: RowReadOptions,
  { adapters }: ProbeContext,
): Promise<boolean> {
  const readHead = async (spec: TargetSpec): Promise<AuditChainHead> => {
    const rows = await adapters.openRows(spec, needs)
    await rows.close()
    return rows.head
  }
  for (let looks = 0; looks < LOOKS; looks++) {
    if (looks > 0) await sleep(LOOK_MS)
    const [first, second] = [await readHead(store), await readHead(database)]
    if (first.seq > 0 && first.seq === second.seq && first.hash === second.hash) return true
  }
  return false
}

const MAX_PLACES = 5
/** Counts the findings by table, and by tenant or user within it; the five largest places. */
function formatPlaces(findings: readonly TableFinding[]): string {
  const counts = new Map<string, number>()
  for (const { table, pointer } of findings) {
    const scope = table === 'flag_registry' ? '' : `/${(pointer ?? '').split('/')[1]}`
    counts.set(table + scope, (counts.get(table + scope) ?? 0) + 1)
  }
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, MAX_PLACES)
  const rest = counts.size - most.length
  const named = most.map(([place, count]) => `${place} ${count}`)
  return [...named, ...(rest > 0 ? [`${rest} more places`] : [])].join(', ') || 'none'
}
