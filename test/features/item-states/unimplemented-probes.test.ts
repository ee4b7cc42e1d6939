import { expect, test } from 'vitest'
import { PROBE_GAPS } from '../../../src/features/item-states/unimplemented-probes.ts'
import { PROBES } from '../../../src/features/probes/index.ts'
import { CHECKLIST } from '../../core/gate/builders.ts'

const listGaps = (wanted: string): readonly string[] =>
  Object.entries(PROBE_GAPS)
    .filter(([, { gap }]) => gap === wanted)
    .map(([name]) => name)
    .sort()

test('each item whose probe does not exist, or measures elsewhere, is in the one table', () => {
  const found = CHECKLIST.items.map(({ probe: { name }, where }) => {
    const { site, staging } = PROBES[name] ?? {}
    const isElsewhere = site === 'scratch' && where !== 'scratch' && staging === undefined
    return [name, site === undefined ? 'no_probe' : isElsewhere ? 'scratch_only' : 'none'] as const
  })
  const list = (gap: string): readonly string[] =>
    [...new Set(found.filter(([, one]) => one === gap).map(([name]) => name))].sort()
  expect(found.length).toBe(42)
  expect(listGaps('no_probe')).toEqual(list('no_probe'))
  expect(listGaps('scratch_only')).toEqual(list('scratch_only'))
})
