import { expect, test } from 'vitest'
import { PROBE_GAPS } from '../../../src/features/item-states/probe-gaps.ts'
import { PROBES } from '../../../src/features/probes/index.ts'
import { CHECKLIST } from '../../core/gate/builders.ts'

test('each item whose probe measures elsewhere than the checklist wants is in the table', () => {
  const elsewhere = CHECKLIST.items.flatMap(({ probe: { name }, where }) => {
    const { site, staging } = PROBES[name] ?? {}
    return site === 'scratch' && where !== 'scratch' && staging === undefined ? [name] : []
  })
  expect(CHECKLIST.items.length).toBe(42)
  expect(Object.keys(PROBE_GAPS).toSorted()).toEqual(elsewhere.toSorted())
})
