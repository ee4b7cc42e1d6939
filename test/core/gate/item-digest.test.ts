import { expect, test } from 'vitest'
import { digestItem } from '../../../src/core/gate/inputs.ts'
import { judgeGate } from '../../../src/core/gate/judge-gate.ts'
import type { ChecklistItem, EvidenceDraft } from '../../../src/core/gate/types.ts'
import {
  CHECKLIST,
  CONTROLS,
  detecting,
  digestItems,
  getHash,
  go,
  passing,
  toItem,
  whole,
} from './builders.ts'

const digest = (item: ChecklistItem): string => digestItem(item, (text) => text)
const A1 = toItem('A1')
const TEXTS = ['title', 'why', 'owner', 'remediation', 'docs']
const OTHERS = Object.keys(A1).filter((name) => !TEXTS.includes(name))

test.each(TEXTS)('the %s of an item is not in its digest', (name) => {
  expect(Object.keys(A1)).toContain(name)
  expect(digest({ ...A1, [name]: 'another' })).toBe(digest(A1))
})
test.each(OTHERS)('the %s of an item is in its digest', (name) => {
  expect(digest({ ...A1, [name]: 'another' } as ChecklistItem)).not.toBe(digest(A1))
})

/** The checklist with members of one item changed. */
const changed = (id: string, change: Partial<ChecklistItem>) => ({
  ...CHECKLIST,
  items: CHECKLIST.items.map((item) => (item.id === id ? { ...item, ...change } : item)),
})
const notPassed = (input: ReturnType<typeof go>) =>
  judgeGate(input).items.flatMap(({ id, state, codes }) =>
    state === 'pass' ? [] : [[id, state, codes]],
  )

test('a changed title leaves every record, a changed limit makes the records of its item stale', () => {
  const title = changed('E5', { title: 'another' })
  expect(notPassed(go({ checklist: title, item_digests: digestItems(title) }))).toEqual([])
  const strict = changed('E5', { min_sample: 1 + toItem('E5').min_sample })
  expect(notPassed(go({ checklist: strict, item_digests: digestItems(strict) }))).toMatchObject([
    ['E5', 'stale', ['item_changed']],
  ])
})

/** All items pass, but A1 by this record. */
const withA1 = (change: (draft: EvidenceDraft) => EvidenceDraft) =>
  go({
    evidence: whole(
      CHECKLIST.items.map((item) => (item.id === 'A1' ? change(passing(item)) : passing(item))),
    ),
  })
const without = ({ identity, ...draft }: EvidenceDraft): EvidenceDraft => {
  const { item_digest: _none, ...rest } = identity
  return { ...draft, identity: rest }
}

test('a record of an earlier version names no item, and is stale', () => {
  expect(notPassed(withA1(without))).toEqual([['A1', 'stale', ['item_changed']]])
})
test('a record for an item that the checklist lacks counts for none', () => {
  expect(notPassed(go({ item_digests: {} })).length).toBe(CHECKLIST.items.length)
})
test('a control of another form of the item counts no more', () => {
  const old = detecting(A1).map((draft): EvidenceDraft => ({
    ...draft,
    identity: { ...draft.identity, item_digest: getHash(1) },
  }))
  const drafts = CHECKLIST.items.map((item) => passing(item))
  expect(notPassed(go({ evidence: whole(drafts, [...CONTROLS, ...old]) }))).toEqual([
    ['A1', 'inconclusive', ['control_stale']],
  ])
})
