import { describe, expect, test } from 'vitest'
import { EMPTY_CHAIN, getLastRecord, judgeChain } from '../../../src/core/gate/chain.ts'
import type { ChainHead, EvidenceEntry } from '../../../src/core/gate/types.ts'
import { at, chained, getHash, passing, RUNNER, toItem, toLog } from './builders.ts'

const ENTRIES = chained(['A1', 'B1', 'C1'].map((id) => passing(toItem(id))))
const [FIRST, SECOND, THIRD] = ENTRIES as [EvidenceEntry, EvidenceEntry, EvidenceEntry]
const HEAD: ChainHead = { seq: 3, hash: getHash(3) }
/** Judges entries of the runner under a head at this record. */
const judge = (entries: readonly EvidenceEntry[], noted: ChainHead) =>
  judgeChain(entries, toLog([], noted))

describe('a log is whole', () => {
  test.each<[situation: string, entries: readonly EvidenceEntry[], noted: ChainHead]>([
    ['with the head that was noted', ENTRIES, HEAD],
    ['with records after the head that was noted', ENTRIES, { seq: 2, hash: getHash(2) }],
    ['of which no record was noted', ENTRIES, EMPTY_CHAIN],
    ['without a record', [], EMPTY_CHAIN],
  ])('%s', (_situation, entries, noted) => {
    expect(judge(entries, noted)).toEqual({ ...toLog([], noted), entries })
  })
  test('its last record is the place to go on', () => {
    expect([getLastRecord(ENTRIES), getLastRecord([])]).toEqual([HEAD, EMPTY_CHAIN])
  })
})

describe('a log is untrusted', () => {
  const other: EvidenceEntry = { ...SECOND, hash: getHash(9) }
  const strange: EvidenceEntry = { ...SECOND, runner: 's'.repeat(43) }
  const early: EvidenceEntry = {
    ...THIRD,
    record: { ...THIRD.record, recorded_at: at(-60_001) },
  }
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
    [
      'recorded before its predecessor',
      'evidence_reordered',
      'at record 3',
      [FIRST, SECOND, early],
    ],
    ['without its first record', 'evidence_missing', 'at record 1', [SECOND, THIRD]],
    ['without one in the middle', 'evidence_missing', 'at record 2', [FIRST, THIRD]],
    ['with one twice', 'evidence_missing', 'at record 2', [FIRST, FIRST, SECOND]],
    ['with another record', 'evidence_recomputed', 'at record 3', [FIRST, other, THIRD]],
    ['with a record of another key', 'evidence_recomputed', 'at record 2', [FIRST, strange, THIRD]],
    ['without its last record', 'evidence_cut', '2 of 3 records are there', [FIRST, SECOND]],
    ['without any record', 'evidence_cut', '0 of 3 records are there', []],
    [
      'that ends in another record than the head',
      'evidence_forked',
      'at record 3',
      ENTRIES,
      { seq: 3, hash: getHash(9) },
    ],
    [
      'under an empty head that names a hash',
      'evidence_forked',
      'at record 0',
      ENTRIES,
      { seq: 0, hash: getHash(9) },
    ],
  ])('%s', (_situation, code, detail, entries, noted = HEAD) => {
    expect(judge(entries, noted)).toEqual({ status: 'untrusted', code, detail })
  })
  test('of another key than its head', () => {
    const head = toLog([], { ...HEAD, kid: 's'.repeat(43) })
    expect(judgeChain(ENTRIES, head)).toMatchObject({ code: 'evidence_recomputed' })
    expect(RUNNER).not.toBe(head.kid)
  })
})
