import { expect, test } from 'vitest'
import type { DrillStep } from '../../../src/core/report/cutover-documents.ts'
import { judgeDrill } from '../../../src/features/probes/testbed/cutover-drill.ts'
import { toItem } from './context.ts'

const COUNT = { requests: 2_000, failed: 0, stale: 0, acknowledged: 500 }
const BACK: DrillStep = {
  ...COUNT,
  from: 'db_authoritative',
  to: 'shadow_read',
  at_ms: 0,
  seconds: 1,
  paused_ms: 5,
  write_gap_ms: 50,
  lost: 0,
}
const SOUND = { steps: [BACK], count: COUNT, writes: { missing: 0, repeated: 0 }, differing: [] }
test.each([
  ['a sound drill', {}, 'pass'],
  ['a write that is not in the file', { writes: { missing: 1, repeated: 0 } }, 'fail'],
  ['a write that was made twice', { writes: { missing: 0, repeated: 1 } }, 'fail'],
  ['a value that a service does not know', { steps: [{ ...BACK, lost: 1 }] }, 'fail'],
  ['a decision that differs', { differing: ['question 0'] }, 'fail'],
  ['three failed requests of 2,000', { count: { ...COUNT, failed: 3 } }, 'fail'],
  ['a way back of 301 s', { steps: [{ ...BACK, seconds: 301 }] }, 'fail'],
  ['too few requests', { count: { ...COUNT, requests: 999 } }, 'inconclusive'],
  ['no request', { count: { ...COUNT, requests: 0 } }, 'fail'],
  ['no way back', { steps: [] }, 'inconclusive'],
])('%s', (_what, change, verdict) => {
  const judged = judgeDrill(toItem('I1'), { ...SOUND, ...change })
  expect(judged.verdict).toBe(verdict)
  expect(judged.because.length > 0).toBe(verdict !== 'pass')
})
