import { Readable } from 'node:stream'
import { readLineKey, formatRowLine } from '../../core/row-format/row-line.ts'
import { formatRowKey, type TableName, TABLE_NAMES } from '../../core/rows/rows.ts'
import type { CheckItem } from '../../core/report/types.ts'
import { FfError } from '../../errors.ts'
import type { RowBatch, RowSource } from '../../ports/rows.ts'
import { diffSources } from '../import-export/diff-sources.ts'
import type { SelftestContext, StoredLine } from './fault.ts'

const AT = '"2026-01-15T09:00:00.000Z"'
const makeFlagLine = (key: string, type: string, value: string): StoredLine => ({
  table: 'flag_registry',
  line: formatRowLine(
    'flag_registry',
    `{"created_at":${AT},"default_value":${value},"description":"Made for the selftest","flag_key":"${key}","owner":"team-a","required_auth":"any","revision":4,"safe_value":${value},"sensitive":false,"state":"active","updated_at":${AT},"value_type":"${type}"}`,
  ),
})
type Override = readonly [key: string, more: string, value: string]
const makeOverrideLine = (table: TableName, [key, more, value]: Override): StoredLine => {
  const scope = table === 'tenant_override' ? '"tenant_id":"T-1",' : ''
  const user = table === 'user_override' ? ',"user_id":"U-1"' : ''
  return {
    table,
    line: formatRowLine(
      table,
      `{"approval_ref":"APP-1-a","created_at":${AT},"created_by":"U-a","expires_at":"2026-03-31T23:59:59.999Z","flag_key":"${key}",${more}"revision":4,${scope}"updated_at":${AT},"updated_by":"U-b"${user},"value":${value}}`,
    ),
  }
}
const VALUES: readonly (readonly [key: string, type: string, value: string])[] = [
  ['ff.big', 'number', '9007199254740992'],
  ['ff.bool', 'boolean', 'true'],
  ['ff.double', 'number', '0.30000000000000004'],
  ['ff.int', 'number', '1'],
  ['ff.object', 'object', '{"a":{},"b":[1,2,3],"c":{"d":1}}'],
  ['ff.text', 'string', '"caf\u00e9"'],
]

/** Rows with a value of each type that a fault can corrupt, sorted as in a snapshot. */
export const STORED_ROWS: readonly StoredLine[] = [
  ...VALUES.map(([key, type, value]) => makeFlagLine(key, type, value)),
  ...VALUES.map(([key, , value]) =>
    makeOverrideLine('tenant_override', [key, '"note":"as agreed",', value]),
  ),
  ...VALUES.map(([key, , value]) => makeOverrideLine('user_override', [key, '', value])),
]

/**
 * Diffs the stored rows of the context in memory, with its comparer. Returns the first finding; null if there is none.
 * Rows that the diff cannot read (`store_corrupt`) are a finding without a pointer. @throws other errors of the diff
 */
export async function findInRows({
  lines,
  dependencies,
}: SelftestContext): Promise<NonNullable<CheckItem['seen_by']> | null> {
  const sides = { baseline: toSource(lines.baseline), candidate: toSource(lines.candidate) }
  const options = {
    maxDiffs: 1_000,
    progress: () => undefined,
    stopped: () => false,
    compare: dependencies.compare,
    pauseMs: 0,
    sample: null,
  }
  try {
    const { tables } = await diffSources(sides, options)
    const found = tables.flatMap(({ table, findings }) =>
      findings.map((one) => ({ table, ...one })),
    )
    const [first] = found
    if (first === undefined) return null
    return { proof: 'rows', subject: `${first.table} ${first.code}`, pointer: first.pointer }
  } catch (error) {
    // Rows that the diff cannot read count as caught.
    if (error instanceof FfError && error.code === 'store_corrupt')
      return { proof: 'rows', subject: error.code, pointer: null }
    throw error
  }
}

function toSource(lines: readonly StoredLine[]): RowSource {
  const toText = (table: TableName): readonly string[] =>
    lines.filter((one) => one.table === table).map(({ line }) => line)
  return {
    facts: { target: 'selftest', backing: 'file', server: null },
    identity: '',
    counts: { flag_registry: 0, tenant_override: 0, user_override: 0 },
    head: { seq: 0, hash: '' },
    epoch: 0,
    lines: () =>
      Readable.from(
        TABLE_NAMES.map((table): RowBatch => {
          const bytes = Buffer.from(
            toText(table)
              .map((line) => `${line}\n`)
              .join(''),
          )
          return { table, bytes, unsure: null }
        }),
      ),
    faults: () => [],
    lookup: (table, keys) => {
      const wanted = new Set(keys.map(formatRowKey))
      const isWanted = (line: string): boolean =>
        wanted.has(formatRowKey(readLineKey(table, line)?.key ?? { scope_id: null, flag_key: '' }))
      return Promise.resolve(toText(table).filter(isWanted))
    },
    close: () => Promise.resolve(),
  }
}
