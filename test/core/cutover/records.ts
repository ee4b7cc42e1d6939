import type { PhaseRecord } from '../../../src/core/cutover/record.ts'

/** A phase record of a cutover at rest in `file`, with other members. */
export const makeRecord = (change: Partial<PhaseRecord> = {}): PhaseRecord => ({
  epoch: 1,
  phase: 'file',
  armed: false,
  attempt: 1,
  database: 'db1',
  survivor: 'file',
  scratch: false,
  drillEndsAt: null,
  closed: false,
  ...change,
})
