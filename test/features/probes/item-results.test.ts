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

test('an item that may not disrupt staging comes with the command that lets it', () => {
  const item = toItem('C3')
  const refused = { result: 'inconclusive', codes: ['disrupt_not_allowed'] } as const
  const found = toCheckResult(
    item,
    { ...passing(item), ...refused },
    { controls: [], staging_database: null },
  )
  expect([found.state, found.next]).toEqual(['inconclusive', 'ff probe run C3 --allow-disrupt C3'])
})
