import { expect, test } from 'vitest'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import type { EvidenceDraft } from '../../../src/core/gate/types.ts'
import {
  CHECKLIST,
  CONTROLS,
  detecting,
  go,
  goBut,
  IDENTITY,
  passing,
  toItem,
  whole,
} from './builders.ts'

const A1 = toItem('A1')
const judgeA1 = (input: ReturnType<typeof go>) => {
  const found = judgeGate(input).items.find(({ id }) => id === 'A1')
  return [found?.state, found?.codes, found?.detail]
}

test('a record of another build is stale', () => {
  const input = goBut('A1', { identity: { ...IDENTITY, build: 'e'.repeat(64) } })
  const detail = `build ${'e'.repeat(16)}, now ${'b'.repeat(16)}`
  expect(judgeA1(input)).toEqual(['stale', ['build_differs'], detail])
})
test('a record of an earlier version names no build, and is stale', () => {
  const { build: _none, ...identity } = passing(A1).identity
  const drafts = CHECKLIST.items.map((item) =>
    item.id === 'A1' ? { ...passing(item), identity } : passing(item),
  )
  const detail = `build not said, now ${'b'.repeat(16)}`
  expect(judgeA1(go({ evidence: whole(drafts) }))).toEqual(['stale', ['build_differs'], detail])
})
test('at a gate of another build every record is stale', () => {
  const judged = judgeGate(go({ expected: { ...IDENTITY, build: 'e'.repeat(64) } }))
  expect(judged.verdict).toBe('not_ready')
  expect(new Set(judged.items.map(({ state }) => state))).toEqual(new Set(['stale']))
})
test('a control of another build counts no more', () => {
  const old = detecting(A1).map((draft): EvidenceDraft => ({
    ...draft,
    identity: { ...draft.identity, build: 'e'.repeat(64) },
  }))
  const drafts = CHECKLIST.items.map((item) => passing(item))
  const [state, codes] = judgeA1(go({ evidence: whole(drafts, [...CONTROLS, ...old]) }))
  expect([state, codes]).toEqual(['inconclusive', ['control_stale']])
})
