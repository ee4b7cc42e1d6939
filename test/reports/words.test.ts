import { describe, expect, test } from 'vitest'
import type { ParityReport } from '../../src/core/report/types.ts'
import { formatHeadline, formatSameKind } from '../../src/reports/words.ts'

type Backing = ParityReport['sides']['baseline']['backing']
const sides = (baseline: Backing, candidate: Backing): ParityReport['sides'] => ({
  baseline: { target: 'a', backing: baseline, server: null },
  candidate: { target: 'b', backing: candidate, server: null },
})

describe('a pass over two sides of one kind', () => {
  test.each<readonly [Backing, Backing, boolean]>([
    ['file', 'file', true],
    ['db', 'db', true],
    ['file', 'db', false],
    [null, null, false],
  ])('%s and %s says that it proves nothing about a move: %s', (one, other, said) => {
    const words = formatSameKind(sides(one, other))
    expect(words.includes('proves nothing about a move')).toBe(said)
    const report = { kind: 'parity_run', exitCode: 0, exitName: 'ok', sides: sides(one, other) }
    const headline = (verdict: string) => formatHeadline({ ...report, verdict } as ParityReport)
    expect(headline('pass')).toBe(`ff parity run: PASS (exit 0, ok)${words}`)
    expect(headline('fail')).toBe('ff parity run: FAIL (exit 0, ok)')
  })
})
