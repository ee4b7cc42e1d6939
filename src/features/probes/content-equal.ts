import {
  type StorePair,
  compareStores,
  listTableFindings,
  withLiveStores,
  countRows,
  withCorruptedCopy,
  type TableFinding,
} from './testbed/store-pair.ts'
import { defineProbe } from './framework/probe.ts'

/** The planted fault: flips the last bit of the revision of one flag, without a carry and never to 0. */
const FLIPPED = `UPDATE ff.flag_registry
  SET revision = CASE WHEN revision = 1 THEN 3 ELSE revision::bigint # 1 END
  WHERE flag_key = (SELECT min(flag_key::text) FROM ff.flag_registry)`
/** Rows on one side only: C1 measures them. */
const ABSENT: ReadonlySet<string> = new Set(['row_missing', 'row_extra'])

/**
 * C2: rows on both sides, the named store and the named database, that differ in a field; rows on one side only
 * belong to C1. Reads both, writes to neither. The control flips one bit of a revision in a copy in a scratch
 * database. Inconclusive without a store or a database (`target_missing`), and as `compareStores` throws.
 */
export const contentEqual = defineProbe<StorePair, 'differing'>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: withLiveStores,
  faulty: { differing: withCorruptedCopy(FLIPPED) },
  measure: async (stores, context) => {
    const result = await compareStores(stores, context)
    const findings = listTableFindings(result).filter(({ code }) => !ABSENT.has(code))
    const differing = new Set(findings.map((one) => `${one.table} ${toRow(one)}`))
    const [first] = findings
    return {
      measured: { differing: differing.size },
      met: {
        rows: countRows(result),
        fields_differing: findings.length,
        to_the_end: result.complete,
      },
      sample_size: countRows(result),
      example:
        first === undefined
          ? null
          : `${first.table}${first.pointer ?? ''}: ${first.code}, ${first.detail}`,
    }
  },
})

/** The row of a finding: the first segments of its pointer. */
const toRow = ({ table, pointer }: TableFinding): string =>
  (pointer ?? '')
    .split('/')
    .slice(0, table === 'flag_registry' ? 2 : 3)
    .join('/')
