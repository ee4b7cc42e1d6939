import { describe, expect, test } from 'vitest'
import { refuseByGate, type StepGate } from '../../../src/features/cutover/refuse-step.ts'
import { makeRecord } from '../../core/cutover/records.ts'

const IDENTITY = { environment: 'production', database: '1/2/ff/a', attempt: 1 }
type Report = StepGate['report']
const makeGate = (report: object = {}, stagingDatabase: string | null = null): StepGate => ({
  report: {
    verdict: 'go',
    identity: IDENTITY,
    items: [],
    findings: [],
    counts: { expected: 42 },
    next: null,
    ...report,
  } as unknown as Report,
  stagingDatabase,
})
const place = {
  environment: 'production',
  database: '1/2/ff/a',
  record: makeRecord({ phase: 'shadow_read' }),
}
const E1 = {
  id: 'E1',
  title: 'The 17 vectors',
  state: 'fail',
  codes: ['limit_broken'],
  measured: [
    { measure: 'divergences', required: 'at most 0', value: '1', held: false },
    { measure: 'vectors', required: 'at least 17', value: '17', held: true },
  ],
  evidence: { example: 'PT-05 /reason_chain/2' },
}

describe('the step into db_authoritative', () => {
  test('is taken with a GO about this place', () => {
    expect(refuseByGate(place, makeGate())).toBeNull()
  })
  test('knows production by both of its names', () => {
    expect(refuseByGate({ ...place, environment: 'prod' }, makeGate())).toBeNull()
  })
  test('needs none on a scratch copy', () => {
    const scratch = { ...place, record: makeRecord({ scratch: true }) }
    expect(refuseByGate(scratch, makeGate({ verdict: 'no_go' }))).toBeNull()
  })

  test.each<[what: string, gate: StepGate, named: string]>([
    ['without a plan', makeGate({ identity: { ...IDENTITY, environment: null } }), 'plan'],
    ['on staging', makeGate({}, '1/2/ff/a'), 'drill'],
    ['of another environment', makeGate({ identity: { ...IDENTITY, environment: 'qa' } }), '"qa"'],
    [
      'of another database',
      makeGate({ identity: { ...IDENTITY, database: '1/3/ff/b' } }),
      '1/3/ff/b',
    ],
    ['of another attempt', makeGate({ identity: { ...IDENTITY, attempt: 2 } }), 'attempt 1'],
    ['with a verdict that is pending', makeGate({ verdict: 'not_ready' }), 'NOT-READY'],
    ['with altered evidence', makeGate({ verdict: 'untrusted' }), 'UNTRUSTED'],
    ['with nothing measured', makeGate({ verdict: 'inconclusive' }), 'INCONCLUSIVE'],
  ])('is refused %s', (_what, gate, named) => {
    const refusal = refuseByGate(place, gate)
    expect(refusal).toMatchObject({ code: 'phase_refused', exitName: 'no_go' })
    expect(refusal?.message).toContain(named)
  })

  test('names each blocker with what was measured, and the way back first', () => {
    const passed = { ...E1, id: 'E2', state: 'pass' }
    const refusal = refuseByGate(
      place,
      makeGate({ verdict: 'no_go', items: [E1, passed], next: 'ff probe run E1' }),
    )
    expect(refusal?.hint).toContain('`ff probe run E1`')
    expect(refusal?.details).toEqual([
      expect.stringContaining('ff cutover rollback --to dual_write'),
      expect.stringContaining('ff cutover rollback --to file'),
      'E1 The 17 vectors: fail, limit_broken; divergences 1, required at most 0; PT-05 /reason_chain/2',
    ])
  })
})
