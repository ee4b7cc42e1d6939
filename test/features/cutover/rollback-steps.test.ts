import { expect, test } from 'vitest'
import { CUTOVER_PHASES } from '../../../src/core/cutover/phases.ts'
import { listRollbackSteps } from '../../../src/features/cutover/rollback-steps.ts'

test('a way back passes through each phase', () => {
  expect(listRollbackSteps('complete', 'file').map(({ to }) => to)).toEqual([
    'db_authoritative',
    'shadow_read',
    'dual_write',
    'file',
  ])
})

test.each(CUTOVER_PHASES)('from %s to itself there is no step', (phase) => {
  expect(listRollbackSteps(phase, phase)).toEqual([])
})
