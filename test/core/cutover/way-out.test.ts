import { describe, expect, test } from 'vitest'
import { CUTOVER_PHASES, type CutoverPhase, PHASE_RULES } from '../../../src/core/cutover/phases.ts'
import {
  isIntentOpen,
  isMirrorPartial,
  type PhaseRecord,
  type StepIntent,
} from '../../../src/core/cutover/record.ts'
import {
  findSwitchEnd,
  startSwitch,
  stepSwitch,
  type SwitchEffect,
  type SwitchEvent,
} from '../../../src/core/cutover/switch.ts'
import {
  type CutoverSituation,
  findAdvanceGoal,
  findStandingRecord,
  findWayOut,
} from '../../../src/core/cutover/way-out.ts'
import { makeRecord } from './records.ts'

type Database = NonNullable<CutoverSituation['database']>
const makeSituation = (
  file: Partial<PhaseRecord>,
  database: Partial<Database> | null = {},
  intent: StepIntent | null = null,
): CutoverSituation => {
  const record = makeRecord({ epoch: 5, ...file })
  return {
    file: record,
    intent,
    database: database === null ? null : { identity: 'db1', record, order: 'equal', ...database },
  }
}
const copy = (change: Partial<PhaseRecord>): Partial<Database> => ({
  record: makeRecord({ epoch: 5, ...change }),
})

describe('the command that leads out', () => {
  test.each<[what: string, CutoverSituation, standing: string, command: string]>([
    [
      'before the first step',
      makeSituation({ database: null }, { record: null }),
      'ready',
      'ff cutover advance',
    ],
    [
      'with a step left to take',
      makeSituation({ phase: 'shadow_read' }),
      'ready',
      'ff cutover advance',
    ],
    [
      'at the end',
      makeSituation({ phase: 'complete' }),
      'finished',
      'ff cutover rollback --to db_authoritative',
    ],
    [
      'without the database, which nothing needs',
      makeSituation({}, null),
      'database_unreachable',
      'ff migrate status',
    ],
    [
      'without the second side',
      makeSituation({ phase: 'dual_write' }, null),
      'database_unreachable',
      'ff cutover rollback --db-lost',
    ],
    [
      'without the only side',
      makeSituation({ phase: 'complete' }, null),
      'database_unreachable',
      'ff cutover rollback --db-lost --stopped TEXT',
    ],
    [
      'without the side that survives',
      makeSituation({ phase: 'db_authoritative', survivor: 'database' }, null),
      'database_unreachable',
      'ff cutover rollback --db-lost --stopped TEXT',
    ],
    [
      'with the URL of another database',
      makeSituation({}, { identity: 'db2' }),
      'other_database',
      'ff config show --origin',
    ],
    [
      'with a database that was left',
      makeSituation({ database: null }, copy({ phase: 'dual_write', closed: true })),
      'database_left',
      'ff cutover reconcile --dry-run',
    ],
    [
      'forked under the file',
      makeSituation({ phase: 'dual_write' }, { order: 'forked' }),
      'chains_forked',
      'ff cutover rollback --db-lost',
    ],
    [
      'forked under the database',
      makeSituation({ phase: 'db_authoritative' }, { order: 'forked' }),
      'chains_forked',
      'ff cutover advance --file-lost --stopped TEXT',
    ],
    [
      'forked under the database, which survives',
      makeSituation({ phase: 'db_authoritative', survivor: 'database' }, { order: 'forked' }),
      'chains_forked',
      'ff cutover advance --file-lost',
    ],
    [
      'in a drill',
      makeSituation({ phase: 'db_authoritative', drillEndsAt: 900 }),
      'drill',
      'ff cutover rollback --to shadow_read',
    ],
    [
      'in a drill that only the database has decided',
      makeSituation(
        { phase: 'shadow_read' },
        copy({ epoch: 6, phase: 'db_authoritative', drillEndsAt: 900 }),
      ),
      'copies_differ',
      'ff cutover rollback --to shadow_read',
    ],
    [
      'forked where one side counts',
      makeSituation({ phase: 'complete' }, { order: 'forked' }),
      'finished',
      'ff cutover rollback --to db_authoritative',
    ],
    [
      'between two copies, forwards',
      makeSituation({ phase: 'dual_write' }, copy({ epoch: 4 })),
      'copies_differ',
      'ff cutover advance',
    ],
    [
      'between two copies, without one',
      makeSituation({ phase: 'dual_write' }, { record: null }),
      'copies_differ',
      'ff cutover advance',
    ],
    [
      'between two copies, backwards',
      makeSituation({ phase: 'db_authoritative' }, copy({ epoch: 6, phase: 'shadow_read' })),
      'copies_differ',
      'ff cutover rollback --to shadow_read',
    ],
    [
      'armed, forwards: a drill on staging has no other one',
      makeSituation({ phase: 'shadow_read', armed: true }),
      'armed',
      'ff cutover rollback --to shadow_read',
    ],
    [
      'armed, backwards',
      makeSituation({ phase: 'db_authoritative', armed: true }),
      'armed',
      'ff cutover rollback --to shadow_read',
    ],
    [
      'with an intent, forwards',
      makeSituation(
        { phase: 'shadow_read', armed: true },
        {},
        { epoch: 6, phase: 'db_authoritative' },
      ),
      'intent_open',
      'ff cutover rollback --to shadow_read',
    ],
    [
      'with the intent of the last step',
      makeSituation({ phase: 'db_authoritative' }, {}, { epoch: 6, phase: 'complete' }),
      'intent_open',
      'ff cutover advance',
    ],
    [
      'with an intent, backwards',
      makeSituation(
        { phase: 'db_authoritative', armed: true },
        {},
        { epoch: 6, phase: 'shadow_read' },
      ),
      'intent_open',
      'ff cutover rollback --to shadow_read',
    ],
    [
      'with a mirror that is not whole yet',
      makeSituation({ phase: 'db_authoritative' }, {}, { epoch: 6, phase: 'db_authoritative' }),
      'intent_open',
      'ff cutover rollback --to db_authoritative',
    ],
    [
      'without the database, before the mirror is whole',
      makeSituation({ phase: 'db_authoritative' }, null, { epoch: 6, phase: 'db_authoritative' }),
      'database_unreachable',
      'ff cutover rollback --db-lost --stopped TEXT',
    ],
    [
      'with an intent that was carried out',
      makeSituation({ phase: 'db_authoritative' }, {}, { epoch: 5, phase: 'db_authoritative' }),
      'ready',
      'ff cutover advance',
    ],
  ])('%s', (_what, situation, standing, command) => {
    expect(findWayOut(situation)).toEqual({ standing, command })
  })
})

describe('the goal of advance', () => {
  test.each<[what: string, CutoverSituation, CutoverPhase | null]>([
    ['is the next phase', makeSituation({ phase: 'dual_write' }), 'shadow_read'],
    ['is none at the end', makeSituation({ phase: 'complete' }), null],
    [
      'is none in a drill, which goes back alone',
      makeSituation({ phase: 'db_authoritative', drillEndsAt: 900 }),
      null,
    ],
    [
      'is the step that was left',
      makeSituation({ phase: 'dual_write' }, copy({ epoch: 4 })),
      'dual_write',
    ],
    [
      'follows the copy that decides',
      makeSituation({ phase: 'shadow_read' }, copy({ epoch: 6, phase: 'db_authoritative' })),
      'db_authoritative',
    ],
  ])('%s', (_what, situation, goal) => {
    expect(findAdvanceGoal(situation)).toBe(goal)
  })
})

/** Every combination of what both sides can say, but for the numbers. */
function* listSituations(): Generator<CutoverSituation> {
  for (const phase of CUTOVER_PHASES)
    for (const armed of [false, true])
      for (const survivor of ['file', 'database'] as const)
        for (const drillEndsAt of phase === 'db_authoritative' ? [null, 900] : [null])
          for (const joined of ['db1', null])
            for (const intent of listIntents(phase))
              for (const database of listDatabases(phase)) {
                const record = { epoch: 5, phase, armed, survivor, drillEndsAt }
                const situation = {
                  file: makeRecord({ ...record, database: joined }),
                  intent,
                  database,
                }
                if (isReachable(situation)) yield situation
              }
}
/**
 * The file goes on alone in `file`, at rest, and only a database that it has left is closed. No drill begins before the
 * mirror is whole.
 */
const isReachable = ({ file, intent, database }: CutoverSituation): boolean =>
  file.database === null
    ? file.phase === 'file' && !file.armed && !isIntentOpen(file, intent)
    : database?.record?.closed !== true &&
      (file.drillEndsAt === null || !isMirrorPartial(file, intent))
function listIntents(phase: CutoverPhase): readonly (StepIntent | null)[] {
  const { back, forth } = PHASE_RULES[phase]
  const goals = [back, forth].filter((goal) => goal !== null)
  // Its own phase: the step out of complete is not finished.
  if (phase === 'db_authoritative') goals.push(phase)
  return [null, { epoch: 5, phase }, ...goals.map((goal) => ({ epoch: 6, phase: goal }))]
}
function listDatabases(phase: CutoverPhase): readonly CutoverSituation['database'][] {
  const { back, forth } = PHASE_RULES[phase]
  const records = [
    null,
    makeRecord({ epoch: 5, phase }),
    makeRecord({ epoch: 4, phase: back ?? phase }),
    makeRecord({ epoch: 6, phase: forth ?? phase }),
    makeRecord({ epoch: 6, phase: back ?? phase }),
    makeRecord({ epoch: 5, phase, closed: true }),
  ]
  const orders = ['equal', 'file_continues', 'database_continues', 'forked'] as const
  return [
    null,
    ...['db1', 'db2'].flatMap((identity) =>
      records.flatMap((record) => orders.map((order) => ({ identity, record, order }))),
    ),
  ]
}

/** Carries a command out where nothing disturbs it. */
function carryOut(situation: CutoverSituation, goal: CutoverPhase, raisesAttempt: boolean) {
  let { file, intent } = situation
  let record = situation.database?.record ?? null
  const run = (effect: SwitchEffect): SwitchEvent => {
    if (effect.do === 'read_records') return { type: 'records', file, database: record, intent }
    if (effect.do === 'write_intent') intent = effect.intent
    if (effect.do === 'decide' || effect.do === 'leave_mirror') record = effect.record
    if (effect.do === 'write_record' && effect.side === 'file') file = effect.record
    if (effect.do === 'write_record' && effect.side === 'database') record = effect.record
    return { type: 'done' }
  }
  const gatedAttempt = raisesAttempt ? null : findStandingRecord(situation).attempt
  const command = {
    goal,
    raisesAttempt,
    gatedAttempt,
    database: 'db1',
    drillEndsAt: null,
    endsDrill: false,
  }
  let [state, effect] = startSwitch(command, file)
  for (let steps = 0; effect !== null && steps < 100; steps++)
    [state, effect] = stepSwitch(state, run(effect))
  const after = {
    ...situation,
    file,
    intent,
    database: { identity: 'db1', record, order: 'equal' },
  }
  return { end: findSwitchEnd(state), after: after as CutoverSituation }
}

test('every state has a command that leads out of it, to the goal that it names', () => {
  let carried = 0
  for (const situation of listSituations()) {
    const { standing, command } = findWayOut(situation)
    expect(command).toMatch(/^ff [a-z]/)
    const steps = /^ff cutover (advance|rollback --to (\w+))$/.exec(command)
    if (steps === null) continue
    carried += 1
    const isAdvance = steps[1] === 'advance'
    const goal = isAdvance ? findAdvanceGoal(situation) : (steps[2] as CutoverPhase)
    expect(goal, JSON.stringify(situation)).not.toBeNull()
    const { end, after } = carryOut(situation, goal as CutoverPhase, !isAdvance)
    expect(end, JSON.stringify(situation)).toBe('done')
    const [before, now] = [findStandingRecord(situation), findStandingRecord(after)]
    expect(now.phase).toBe(goal)
    if (before.phase === goal) expect(now.attempt).toBe(before.attempt)
    expect(['ready', 'finished']).toContain(findWayOut(after).standing)
    expect(isIntentOpen(after.file, after.intent)).toBe(false)
    expect(standing).not.toBe('database_unreachable')
  }
  expect(carried).toBeGreaterThan(100)
})
