import { describe, expect, test } from 'vitest'
import { EMPTY_CHAIN, judgeChain } from '../../../src/core/gate/chain.ts'
import type { ChainHead, EvidenceEntry } from '../../../src/core/gate/types.ts'
import { chained, getHash, passing, toItem } from './builders.ts'

const ENTRIES = chained(['A1', 'B1', 'C1'].map((id) => passing(toItem(id))))
const [FIRST, SECOND, THIRD] = ENTRIES as [EvidenceEntry, EvidenceEntry, EvidenceEntry]
const HEAD: ChainHead = { seq: 3, hash: getHash(3) }

describe('a log is whole', () => {
  test.each<[situation: string, entries: readonly EvidenceEntry[], noted: ChainHead]>([
    ['with the head that was noted', ENTRIES, HEAD],
    ['with records after the head that was noted', ENTRIES, { seq: 2, hash: getHash(2) }],
    ['of which no head was noted', ENTRIES, EMPTY_CHAIN],
  ])('%s', (_situation, entries, noted) => {
    expect(judgeChain(entries, noted)).toEqual({ status: 'whole', entries, head: HEAD })
  })

  test('without a record', () => {
    expect(judgeChain([], EMPTY_CHAIN)).toEqual({ status: 'whole', entries: [], head: EMPTY_CHAIN })
  })
})

describe('a log is untrusted', () => {
  const other: EvidenceEntry = { ...SECOND, hash: getHash(9) }
  test.each<
    [
      situation: string,
      code: string,
      detail: string,
      entries: readonly EvidenceEntry[],
      noted?: ChainHead,
    ]
  >([
    ['in another order', 'evidence_reordered', 'at record 1', [SECOND, FIRST, THIRD]],
    ['without its first record', 'evidence_missing', 'at record 1', [SECOND, THIRD]],
    ['without one in the middle', 'evidence_missing', 'at record 2', [FIRST, THIRD]],
    ['with one twice', 'evidence_missing', 'at record 2', [FIRST, FIRST, SECOND]],
    ['with another record', 'evidence_recomputed', 'at record 3', [FIRST, other, THIRD]],
    ['without its last record', 'evidence_cut', '2 of 3 records are there', [FIRST, SECOND]],
    ['without any record', 'evidence_cut', '0 of 3 records are there', []],
    [
      'that ends in another record than the head',
      'evidence_recomputed',
      'at record 3',
      ENTRIES,
      { seq: 3, hash: getHash(9) },
    ],
  ])('%s', (_situation, code, detail, entries, noted = HEAD) => {
    expect(judgeChain(entries, noted)).toEqual({ status: 'untrusted', code, detail })
  })
})
