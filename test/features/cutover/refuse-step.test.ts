import { describe, expect, test } from 'vitest'
import {
  refuseByGate,
  refuseDrill,
  refuseInDrill,
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
  test.each([
    ['rehearsal', 'rehearsal', true, true],
    ['rehearsal', 'rehearsal', false, false],
    ['rehearsal', 'production', true, false],
    ['production', 'rehearsal', true, false],
    ['staging', 'staging', true, false],
  ])(
    'with FF_ENV %s, a plan about %s and a scratch record %s needs no GO: %s',
    (environment, planned, scratch, open) => {
      const copy = { ...place, environment, record: makeRecord({ scratch }) }
      const identity = { ...IDENTITY, environment: planned }
      const gate = makeGate({ verdict: 'not_ready', identity }, place.database)
      expect(refuseByGate(copy, gate) === null).toBe(open)
    },
  )
  test('is not opened anywhere else by the GO of a rehearsal', () => {
    const go = makeGate({ identity: { ...IDENTITY, environment: 'rehearsal' } })
    for (const environment of ['prod', 'production', 'staging', 'dev'])
      expect(refuseByGate({ ...place, environment }, go)?.code).toBe('phase_refused')
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

describe('a drill', () => {
  const staging = { ...place, environment: 'staging', database: '1/5/ff/s' }
  const gate = makeGate({ verdict: 'no_go' }, '1/5/ff/s')

  test('is taken on staging as the plan names it, whatever the verdict is', () => {
    expect(refuseDrill(staging, gate)).toBeNull()
  })
  test('needs no plan on a scratch copy', () => {
    const record = makeRecord({ phase: 'shadow_read', scratch: true })
    expect(refuseDrill({ ...staging, database: '9/9/ff/c', record }, null)).toBeNull()
  })
  const inPhase = (record: Partial<typeof place.record>) => ({
    ...staging,
    record: makeRecord({ phase: 'shadow_read', ...record }),
  })
  test.each<[what: string, where: typeof place, gate: StepGate | null, named: string]>([
    ['in production', { ...staging, environment: 'prod' }, gate, 'FF_ENV'],
    ['without a team folder', staging, null, 'no plan'],
    [
      'without a plan',
      staging,
      makeGate({ identity: { ...IDENTITY, environment: null } }, '1/5/ff/s'),
      'no plan',
    ],
    ['without a staging database in the plan', staging, makeGate(), 'staging_database'],
    ['on another database', { ...staging, database: '1/6/ff/o' }, gate, '1/6/ff/o'],
    [
      'on a scratch copy that the plan names as the target',
      { ...inPhase({ scratch: true }), database: '1/2/ff/a' },
      gate,
      '1/2/ff/a',
    ],
    [
      'on the target',
      { ...staging, database: '1/2/ff/a' },
      makeGate({}, '1/2/ff/a'),
      'both as the target',
    ],
    [
      'in the environment of the target',
      { ...staging, environment: 'live' },
      makeGate({ identity: { ...IDENTITY, environment: 'live' } }, '1/5/ff/s'),
      '"live"',
    ],
    ['in a drill', inPhase({ phase: 'db_authoritative', drillEndsAt: 900 }), gate, 'under way'],
    ['before its phase', inPhase({ phase: 'dual_write' }), gate, 'dual_write'],
    ['after its phase', inPhase({ phase: 'complete' }), gate, 'complete'],
  ])('is refused %s', (_what, where, judged, named) => {
    const refusal = refuseDrill(where, judged)
    expect(refusal).toMatchObject({ code: 'phase_refused', exitName: 'no_go' })
    expect(refusal?.message).toContain(named)
  })
  test.each([
    ['dual_write', 'ff cutover advance'],
    ['db_authoritative', 'ff cutover rollback --to shadow_read'],
  ] as const)('in %s names the command that comes first', (phase, command) => {
    expect(refuseDrill(inPhase({ phase }), gate)?.hint).toContain(command)
  })
  test('leads nowhere but back', () => {
    const record = makeRecord({ phase: 'db_authoritative', drillEndsAt: 900 })
    expect(refuseInDrill(record)?.hint).toContain('ff cutover rollback --to shadow_read')
    expect(refuseInDrill(makeRecord())).toBeNull()
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
