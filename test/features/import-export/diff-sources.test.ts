import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { compareJson } from '../../../src/core/parity/compare.ts'
import { formatRowLine } from '../../../src/core/row-format/row-line.ts'
import { diffSources } from '../../../src/features/import-export/diff-sources.ts'
import type { RowBatch, RowSource } from '../../../src/ports/rows.ts'

const line = (revision: number): string =>
  formatRowLine(
    'tenant_override',
    `{"created_at":"2026-01-01T00:00:00.000Z","created_by":"x","flag_key":"ff.a","revision":${revision},"tenant_id":"T1","updated_at":"2026-01-01T00:00:00.000Z","updated_by":"x","value":1}`,
  )
/** A side with one row, of which each look sees the next revision of `looks`; the last one stays. */
function createSource(looks: readonly number[]): RowSource {
  let look = 0
  const read = (): string => line(looks[Math.min(look++, looks.length - 1)] ?? 0)
  return {
    lines: () => {
      const bytes = Buffer.from(`${read()}\n`)
      return Readable.from([{ table: 'tenant_override', bytes, unsure: [] } satisfies RowBatch])
    },
    lookup: (table) => Promise.resolve(table === 'tenant_override' ? [read()] : []),
  } as Partial<RowSource> as RowSource
}
const diff = async (baseline: readonly number[], candidate: readonly number[]) => {
  const { tables } = await diffSources(
    { baseline: createSource(baseline), candidate: createSource(candidate) },
    {
      maxDiffs: 10,
      progress: () => undefined,
      stopped: () => false,
      compare: compareJson,
      pauseMs: 0,
      sample: null,
    },
  )
  const found = tables.find(({ table }) => table === 'tenant_override')
  if (found === undefined) throw new Error('the table was not compared')
  const { findings, settled, inFlight } = found
  return { codes: findings.map(({ pointer }) => pointer), settled, inFlight: inFlight.length }
}

describe('a row that differs at first', () => {
  const AT = '/T1/ff.a/revision'
  test.each([
    ['settles where both sides agree at the next look', [1], [2, 1], { settled: 1 }],
    ['settles where they agree at the third look', [1, 2, 3, 3], [2, 3, 4, 3], { settled: 1 }],
    ['is a finding where it stays', [1], [2], { codes: [AT] }],
    ['is a finding where it stays after a change', [1], [2, 3, 3], { codes: [AT] }],
    ['H10: is in flight where it changes at each look', [1], [2, 3, 4, 5], { inFlight: 1 }],
    ['H10: is in flight where both sides change', [1, 2, 3, 4], [9, 8, 7, 6], { inFlight: 1 }],
  ])('%s', async (_what, baseline, candidate, expected) => {
    const nothing = { codes: [], settled: 0, inFlight: 0 }
    expect(await diff(baseline, candidate)).toEqual({ ...nothing, ...expected })
  })
})
