import { expect, test } from 'vitest'
import { toCheckResult } from '../../../src/features/probes/framework/item-results.ts'
import type { EvidenceDraft } from '../../../src/core/gate/types.ts'
import { IDENTITY, passing, toItem } from '../../core/gate/builders.ts'

test.each<readonly [string, Partial<EvidenceDraft>, string | null, string, string | null]>([
  ['D1', {}, IDENTITY.database, 'pass', null],
  ['D1', {}, null, 'inconclusive', 'ff probe explain D1'],
  ['D1', {}, '8/1/ff/0', 'inconclusive', 'ff probe explain D1'],
  ['D1', { where: 'scratch' }, IDENTITY.database, 'inconclusive', 'ff probe explain D1'],
  ['D1', { where: 'scratch', result: 'fail', codes: ['limit_broken'] }, null, 'fail', null],
  ['B1', { where: 'scratch' }, null, 'inconclusive', 'ff plan check'],
  ['A1', {}, null, 'pass', null],
])('%s measured with %j, where staging is on %s: %s', (id, change, staging, state, next) => {
  const item = toItem(id)
  const draft = { ...passing(item), ...change }
  const found = toCheckResult(item, draft, { controls: [], staging_database: staging })
  expect(found.state).toBe(state)
  if (next !== null)
    expect(found).toMatchObject({ next, findings: [{ code: 'measured_elsewhere' }] })
})
