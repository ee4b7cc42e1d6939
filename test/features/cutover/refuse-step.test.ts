import { describe, expect, test } from 'vitest'
import {
  refuseByGate,
  refuseMixed,
  type StepGate,
} from '../../../src/features/cutover/refuse-step.ts'
import { makeRecord } from '../../core/cutover/records.ts'

const IDENTITY = {
  environment: 'production',
  database: '1/2/ff/a',
  attempt: 1,
  code: 'v1',
  schema_head: '0006',
}
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
  configuration: 'c1',
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
    const scratch = { ...place, database: '9/9/ff/c', record: makeRecord({ scratch: true }) }
    expect(refuseByGate(scratch, makeGate({ verdict: 'no_go' }))).toBeNull()
    const unplanned = makeGate({ identity: { ...IDENTITY, database: null, environment: null } })
    expect(refuseByGate(scratch, unplanned)).toBeNull()
    expect(refuseByGate(scratch, null)).toBeNull()
  })
  test('needs one on a database that the plan names, also where its record says scratch', () => {
    const forged = { ...place, record: makeRecord({ scratch: true }) }
    expect(refuseByGate(forged, makeGate({ verdict: 'no_go' }))?.message).toContain('NO-GO')
    const staging = { ...forged, database: '1/5/ff/s' }
    expect(refuseByGate(staging, makeGate({}, '1/5/ff/s'))?.message).toContain('drill')
  })

  test.each<[what: string, gate: StepGate | null, named: string]>([
    ['without a team folder', null, 'plan'],
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

describe('the instances that live', () => {
  const FACTS = { host: 'h', pid: 1, code: 'v1', schema_head: 6, configuration: 'c1' }
  const live = (change: Partial<typeof FACTS> = {}) => ({
    id: 'one',
    facts: { ...FACTS, ...change },
  })

  test('run what the GO is about', () => {
    expect(refuseMixed([live(), live()], makeGate())).toBeNull()
    expect(refuseMixed([], makeGate())).toBeNull()
  })
  test.each([
    ['code', { code: 'v2' }],
    ['schema_head', { schema_head: 7 }],
    ['configuration', { configuration: 'c2' }],
  ])('all run with another %s than the GO is about', (member, change) => {
    const refusal = refuseMixed([live(change), live(change)], makeGate())
    expect(refusal?.code).toBe('phase_refused')
    expect(refusal?.message).toContain(member)
  })
  test('are alike on a scratch copy, which has no GO', () => {
    const other = live({ code: 'v2' })
    expect(refuseMixed([other, other], null)).toBeNull()
    expect(refuseMixed([live(), other], null)?.message).toContain('code')
  })
})
