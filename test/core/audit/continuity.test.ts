import { describe, expect, test } from 'vitest'
import { HistoryWalk } from '../../../src/core/audit/continuity.ts'
import { appendToChain, type AuditRecord, EMPTY_HEAD } from '../../../src/core/audit/record.ts'
import { NOW, sha256 } from '../builders.ts'

function chain(...records: readonly (readonly [target: string, phase?: string])[]): AuditRecord[] {
  const all: AuditRecord[] = []
  for (const [at, [target, phase = 'file']] of records.entries()) {
    const event = {
      audit_id: `019bbf2e-0000-7000-8000-${String(at).padStart(12, '0')}`,
      occurred_at: NOW,
      actor: 'ops.bob',
      auth_mode: null,
      action: 'flag.put',
      outcome: 'applied',
      target,
      before: null,
      after: null,
      request_id: 'r',
      approval_ref: null,
      phase,
    } as const
    all.push(appendToChain(event, all.at(-1) ?? EMPTY_HEAD, sha256))
  }
  return all
}
function walk(records: readonly (AuditRecord | null)[]) {
  const history = new HistoryWalk()
  for (const one of records) history.take(one)
  return [history.boundaries, history.gaps, history.gapAt]
}

const HISTORY = chain(['migration/1'], ['import/x'], ['flag/ff.a'], ['flag/ff.b'])
const [M, I, A, B] = HISTORY as [AuditRecord, AuditRecord, AuditRecord, AuditRecord]

describe('a history', () => {
  test.each([
    ['spans an import', HISTORY, [1, 0, null]],
    ['spans a change of the phase', chain(['flag/ff.a'], ['flag/ff.a', 'db']), [1, 0, null]],
    ['spans two imports', chain(['m'], ['import/x'], ['import/y'], ['flag/ff.a']), [2, 0, null]],
    ['ends at the boundary', [M, I], [0, 0, null]],
    ['begins at the boundary', chain(['import/x'], ['flag/ff.a']), [0, 0, null]],
    ['has no boundary', chain(['flag/ff.a'], ['flag/ff.a']), [0, 0, null]],
    ['is empty', [], [0, 0, null]],
  ])('%s', (_what, records, expected) => {
    expect(walk(records)).toEqual(expected)
  })

  test.each([
    ['the first record after the boundary', [M, I, B], [1, 1, 3]],
    ['the boundary', [M, A, B], [0, 1, 2]],
    ['the first two', [A, B], [0, 2, 1]],
    ['a record that cannot be read', [M, I, null, B], [1, 2, 3]],
  ])('lacks %s', (_what, records, expected) => {
    expect(walk(records)).toEqual(expected)
  })

  test('has a record that does not follow the one before', () => {
    expect(walk([M, I, { ...A, prev_hash: M.hash }, B])).toEqual([1, 1, 3])
  })
  test.each([
    ['ends at the head that the store keeps', B, [0, null]],
    ['ends before it', { seq: 6, hash: A.hash }, [2, 5]],
    ['ends at another one', { seq: 4, hash: A.hash }, [1, 5]],
    ['ends behind it', A, [1, 5]],
  ])('%s', (_what, head, expected) => {
    const history = new HistoryWalk()
    for (const one of HISTORY) history.take(one)
    history.end(head)
    expect([history.gaps, history.gapAt]).toEqual(expected)
  })
  test('is lost as a whole', () => {
    const history = new HistoryWalk()
    history.end(B)
    expect([history.gaps, history.gapAt]).toEqual([4, 1])
  })
  test('has a record twice', () => {
    expect(walk([M, I, A, A, B])[1]).toBe(1)
  })
})
