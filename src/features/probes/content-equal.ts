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

/** Every store that holds a row holds a flag. The last bit of a revision is one byte of it, never carried and never 0. */
const FLIPPED = `UPDATE ff.flag_registry
  SET revision = CASE WHEN revision = 1 THEN 3 ELSE revision::bigint # 1 END
  WHERE flag_key = (SELECT min(flag_key::text) FROM ff.flag_registry)`
/** Rows that are on one side alone are C1's. */
const ABSENT: ReadonlySet<string> = new Set(['row_missing', 'row_extra'])

/** C2: whether what is on both sides is the same, field by field. */
export const contentEqual = defineProbe<StorePair>({
  version: 1,
  site: 'database',
  isolation: 'parallel',
  sound: withLiveStores,
  faulty: withCorruptedCopy(FLIPPED),
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

/** The row that a finding is about: the first steps of its pointer. */
const toRow = ({ table, pointer }: TableFinding): string =>
  (pointer ?? '')
    .split('/')
    .slice(0, table === 'flag_registry' ? 2 : 3)
    .join('/')
