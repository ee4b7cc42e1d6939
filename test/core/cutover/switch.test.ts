import { describe, expect, test } from 'vitest'
import { DRILL_RETURN } from '../../../src/core/cutover/drill.ts'
import type { PhaseRecord } from '../../../src/core/cutover/record.ts'
import {
  type CutoverSwitch,
  findSwitchEnd,
  startSwitch,
  stepSwitch,
  type SwitchCommand,
  type SwitchEffect,
  type SwitchEvent,
} from '../../../src/core/cutover/switch.ts'
import { makeRecord } from './records.ts'

const command = (change: Partial<SwitchCommand>): SwitchCommand => ({
  goal: 'db_authoritative',
  raisesAttempt: false,
  gatedAttempt: 1,
  database: 'db1',
  drillEndsAt: null,
  endsDrill: false,
  ...change,
})

/** Both sides of a cutover with nothing else, on which a command runs. */
class Sides {
  file: PhaseRecord
  database: PhaseRecord | null
  intent: { epoch: number; phase: PhaseRecord['phase'] } | null = null
  done: string[] = []
  state: CutoverSwitch
  effect: SwitchEffect | null

  constructor(
    file: PhaseRecord,
    goal: Partial<SwitchCommand>,
    database: PhaseRecord | null = file,
  ) {
    this.file = file
    this.database = database
    ;[this.state, this.effect] = startSwitch(command(goal), file)
  }

  send(event: SwitchEvent): void {
    ;[this.state, this.effect] = stepSwitch(this.state, event)
  }
  private carryOut(effect: SwitchEffect): SwitchEvent {
    if (effect.do === 'read_records')
      return { type: 'records', file: this.file, database: this.database, intent: this.intent }
    if (effect.do === 'write_intent') this.intent = effect.intent
    if (effect.do === 'decide' || effect.do === 'leave_mirror') this.database = effect.record
    if (effect.do === 'write_record') {
      const held = effect.side === 'file' ? this.file : this.database
      if (held !== null && held.epoch > effect.over) return { type: 'failed' }
      this[effect.side] = effect.record
    }
    return { type: 'done' }
  }
  /** Runs to the end, but for effects that end otherwise, each once. */
  run(
    ...faults: readonly (readonly [
      SwitchEffect['do'],
      SwitchEvent['type'] & ('failed' | 'unknown'),
      boolean?,
    ])[]
  ): this {
    const left = [...faults]
    for (let steps = 0; this.effect !== null; steps++) {
      expect(steps).toBeLessThan(80)
      const { effect } = this
      this.done.push(effect.do === 'write_record' ? `write_${effect.side}` : effect.do)
      const at = left.findIndex(([name]) => name === effect.do)
      const [, type, takesPlace = false] = left.splice(at, at < 0 ? 0 : 1)[0] ?? []
      const event = type === undefined || takesPlace ? this.carryOut(effect) : null
      this.send(type === undefined ? (event as SwitchEvent) : { type })
    }
    return this
  }
  get end() {
    return findSwitchEnd(this.state)
  }
}

const shadow = makeRecord({ phase: 'shadow_read', epoch: 5 })
const served = makeRecord({ phase: 'db_authoritative', epoch: 5 })

test('a change of authority is armed, closed, checked, decided and opened', () => {
  const sides = new Sides(shadow, {}).run()
  expect(sides.end).toBe('done')
  expect(sides.done).toEqual([
    'read_records',
    'write_file',
    'write_database',
    'await_held',
    'write_intent',
    'drain',
    'lock_exclusive',
    'await_writer',
    'check_heads',
    'decide',
    'write_file',
    'free_lock',
    'await_held',
    'await_caught_up',
    'read_records',
  ])
  expect(sides.file).toEqual(makeRecord({ phase: 'db_authoritative', epoch: 7 }))
  expect(sides.database).toEqual(sides.file)
  expect(sides.intent).toEqual({ epoch: 7, phase: 'db_authoritative' })
})

test('a step within one authority is published there first', () => {
  const sides = new Sides(
    makeRecord({ database: null }),
    { goal: 'dual_write', database: 'new' },
    null,
  )
  expect(sides.run().done).toEqual([
    'read_records',
    'write_file',
    'write_database',
    'await_held',
    'await_caught_up',
    'read_records',
  ])
  expect(sides.database).toEqual(makeRecord({ phase: 'dual_write', epoch: 2, database: 'new' }))
})

test('a phase with one side has nothing to catch up with', () => {
  const sides = new Sides(makeRecord({ phase: 'dual_write' }), { goal: 'file' }).run()
  expect(sides.done).not.toContain('await_caught_up')
})

test('the step into complete leaves its intent first', () => {
  expect(new Sides(served, { goal: 'complete' }).run().done.slice(1, 4)).toEqual([
    'write_intent',
    'leave_mirror',
    'write_file',
  ])
})

test('a rollback passes through each phase in between, and raises the attempt once', () => {
  const complete = makeRecord({ phase: 'complete', epoch: 5 })
  const sides = new Sides(complete, { goal: 'file', raisesAttempt: true }).run()
  expect(sides.end).toBe('done')
  expect(sides.done.slice(0, 4)).toEqual([
    'read_records',
    'rebuild_mirror',
    'write_intent',
    'write_database',
  ])
  expect(sides.file).toEqual(makeRecord({ phase: 'file', epoch: 12, attempt: 2 }))
})

describe('the step out of complete', () => {
  const complete = makeRecord({ phase: 'complete', epoch: 5 })
  const back = { goal: 'db_authoritative', raisesAttempt: true } as const

  test('keeps its intent open until the mirror has all that was acknowledged without it', () => {
    const sides = new Sides(complete, back).run(['await_caught_up', 'failed'])
    expect(sides.end).toBe('unsettled')
    expect([sides.file.epoch, sides.intent]).toEqual([6, { epoch: 7, phase: 'db_authoritative' }])
    const { file, intent } = sides
    const again = new Sides(file, { goal: 'complete' })
    again.intent = intent
    again.run(['await_held', 'failed'])
    expect([again.end, again.file, again.intent]).toEqual(['unsettled', file, intent])
  })
  test('is finished by the next command, before anything else', () => {
    const { file, intent } = new Sides(complete, back).run(['await_caught_up', 'failed'])
    const again = new Sides(file, back)
    again.intent = intent
    expect(again.run().done).toEqual([
      'read_records',
      'await_held',
      'await_caught_up',
      'write_database',
      'write_file',
      'read_records',
    ])
    expect([again.end, again.file]).toEqual(['done', { ...file, epoch: 8 }])
  })
  test('that published nothing leaves the phase as it was', () => {
    const { file, intent } = new Sides(complete, back).run(['write_record', 'failed'])
    const again = new Sides(file, { goal: 'complete' })
    again.intent = intent
    expect(again.run().file).toEqual({ ...complete, epoch: 8 })
  })
})

test('a rollback that begins with a change of authority raises the attempt', () => {
  const sides = new Sides(served, { goal: 'shadow_read', raisesAttempt: true }).run()
  expect(sides.file).toEqual(makeRecord({ phase: 'shadow_read', epoch: 7, attempt: 2 }))
})

test('a drill notes its end with the goal alone', () => {
  const forth = new Sides(shadow, { drillEndsAt: 99 }).run()
  expect(forth.file.drillEndsAt).toBe(99)
  expect(new Sides(shadow, { goal: 'complete', drillEndsAt: 99 }).run().file.drillEndsAt).toBeNull()
})

test.each([
  ['is judged for none', null, shadow],
  ['was judged for another attempt', 1, makeRecord({ phase: 'dual_write', attempt: 2 })],
])('a command that %s does not go over to the database', (_what, gatedAttempt, record) => {
  const sides = new Sides(record, { gatedAttempt }).run()
  expect([sides.end, sides.file.phase, sides.file.armed]).toEqual(['ungated', 'shadow_read', false])
  expect(sides.done).not.toContain('write_intent')
})

test('a command at its goal does nothing', () => {
  expect(new Sides(shadow, { goal: 'shadow_read' }).run().done).toEqual(['read_records'])
})

describe('a step that fails before it is decided', () => {
  test.each(['await_held', 'write_intent', 'drain', 'lock_exclusive', 'check_heads'] as const)(
    'at %s is backed out of, above what was promised',
    (name) => {
      const sides = new Sides(shadow, {}).run([name, 'failed'])
      expect(sides.end).toBe('backed_out')
      expect(sides.done.slice(-3)).toEqual(['write_database', 'write_file', 'free_lock'])
      expect(sides.file).toMatchObject({ phase: 'shadow_read', armed: false })
      expect(sides.file.epoch).toBeGreaterThan(sides.intent?.epoch ?? 0)
      expect(sides.database).toEqual(sides.file)
    },
  )
  test('while it arms is backed out of', () => {
    const sides = new Sides(shadow, {}).run(['write_record', 'unknown', true])
    expect([sides.end, sides.file.armed, sides.database]).toEqual(['backed_out', false, sides.file])
  })
  test('a lock that cannot be freed ends with its session', () => {
    const sides = new Sides(shadow, {}).run(['check_heads', 'failed'], ['free_lock', 'failed'])
    expect(sides.end).toBe('backed_out')
  })
})

describe('a decision without an answer', () => {
  test('that was taken is opened', () => {
    const sides = new Sides(shadow, {}).run(['decide', 'unknown', true])
    expect([sides.end, sides.file.phase]).toEqual(['done', 'db_authoritative'])
  })
  test('that was not taken is backed out of', () => {
    const sides = new Sides(shadow, {}).run(['decide', 'unknown'])
    expect([sides.end, sides.file.phase, sides.file.epoch]).toEqual([
      'backed_out',
      'shadow_read',
      8,
    ])
  })
  test('that arrives before the way back is finished', () => {
    const sides = new Sides(shadow, {})
    while (sides.state.stage !== 'decide') sides.send(answer(sides))
    sides.send({ type: 'unknown' })
    sides.send({
      type: 'records',
      file: sides.file,
      database: sides.database,
      intent: sides.intent,
    })
    expect(sides.state.stage).toBe('back')
    sides.database = makeRecord({ phase: 'db_authoritative', epoch: 7 })
    expect([sides.run().end, sides.file.phase]).toEqual(['done', 'db_authoritative'])
  })
  test('is left to the next command where the database does not answer', () => {
    const sides = new Sides(shadow, {})
    while (sides.state.stage !== 'decide') sides.send(answer(sides))
    sides.send({ type: 'unknown' })
    sides.send({ type: 'failed' })
    expect(sides.end).toBe('unreachable')
    expect(findSwitchEnd({ ...sides.state, stage: 'decide' })).toBeNull()
  })
})

/** The answer of the sides to the effect of a command, taken out of `run`. */
function answer(sides: Sides): SwitchEvent {
  const { effect } = sides
  if (effect?.do === 'read_records')
    return { type: 'records', file: sides.file, database: sides.database, intent: sides.intent }
  if (effect?.do === 'write_record') sides[effect.side] = effect.record
  if (effect?.do === 'write_intent') sides.intent = effect.intent
  return { type: 'done' }
}

test('a rollback that begins again raises the attempt all the same', () => {
  const sides = new Sides(served, { goal: 'shadow_read', raisesAttempt: true })
  sides.run(['write_record', 'failed'], ['write_record', 'failed'])
  expect([sides.end, sides.file.attempt]).toEqual(['done', 2])
})

test('a command that has ended stays so', () => {
  const sides = new Sides(shadow, { goal: 'shadow_read' }).run()
  expect(stepSwitch(sides.state, { type: 'failed' })).toEqual([sides.state, null])
})

describe('what an earlier command left', () => {
  test('a decision that the file does not show is opened', () => {
    const armed = makeRecord({ phase: 'shadow_read', epoch: 6, armed: true })
    const decided = makeRecord({ phase: 'db_authoritative', epoch: 7 })
    const sides = new Sides(armed, {}, decided).run()
    expect([sides.end, sides.file, sides.done.slice(0, 2)]).toEqual([
      'done',
      decided,
      ['read_records', 'write_file'],
    ])
  })
  test('a record that the database lacks is written there', () => {
    const sides = new Sides(shadow, { goal: 'shadow_read' }, makeRecord({ epoch: 4 })).run()
    expect([sides.end, sides.database]).toEqual(['done', shadow])
  })
  test('an intent without a decision is cleaned up, and the step begins again', () => {
    const armed = makeRecord({ phase: 'shadow_read', epoch: 6, armed: true })
    const sides = new Sides(armed, {})
    sides.intent = { epoch: 7, phase: 'db_authoritative' }
    expect(sides.run().file).toMatchObject({ phase: 'db_authoritative', epoch: 10 })
  })
  test('an armed record is disarmed', () => {
    const armed = makeRecord({ phase: 'shadow_read', epoch: 6, armed: true })
    const sides = new Sides(armed, { goal: 'shadow_read' }).run()
    expect([sides.end, sides.file]).toEqual([
      'done',
      makeRecord({ phase: 'shadow_read', epoch: 7 }),
    ])
  })
  test.each([true, false])('a database that was left is not joined (closed: %s)', (closed) => {
    const left = makeRecord({ epoch: 9, closed })
    const sides = new Sides(makeRecord({ database: null }), { goal: 'dual_write' }, left).run()
    expect(sides.end).toBe('database_left')
  })
})

test.each([
  ['read_records', 'unreachable', shadow, {}],
  ['rebuild_mirror', 'chains_forked', makeRecord({ phase: 'complete' }), { goal: 'file' }],
  ['await_held', 'unsettled', makeRecord({ phase: 'dual_write' }), { goal: 'shadow_read' }],
  ['await_caught_up', 'unsettled', makeRecord(), { goal: 'dual_write' }],
  ['write_record', 'unreachable', makeRecord(), { goal: 'dual_write' }],
  ['write_intent', 'backed_out', served, { goal: 'complete' }],
  ['leave_mirror', 'backed_out', served, { goal: 'complete' }],
  ['await_compared', 'backed_out', makeRecord({ phase: 'dual_write' }), { goal: 'file' }],
] as const)('where %s fails the command ends %s', (name, end, record, goal) => {
  expect(new Sides(record, goal).run([name, 'failed']).end).toBe(end)
})

describe('a drill', () => {
  const drill = makeRecord({ phase: 'db_authoritative', epoch: 5, drillEndsAt: 900 })
  const ends: Partial<SwitchCommand> = { ...DRILL_RETURN }

  test('is decided with its end', () => {
    const sides = new Sides(shadow, { drillEndsAt: 900 }).run()
    expect(sides.end).toBe('done')
    expect(sides.file).toEqual(makeRecord({ ...drill, epoch: 7 }))
    expect(sides.database).toEqual(sides.file)
  })
  test('is over with all five parts of a switch, under the same attempt', () => {
    const sides = new Sides(drill, ends).run()
    expect(sides.end).toBe('done')
    expect(sides.done).toEqual(new Sides(served, { goal: 'shadow_read' }).run().done)
    expect(sides.file).toEqual(makeRecord({ phase: 'shadow_read', epoch: 7 }))
    expect(sides.database).toEqual(sides.file)
  })
  test.each<[SwitchEffect['do']]>([
    ['await_held'],
    ['lock_exclusive'],
    ['check_heads'],
    ['decide'],
  ])('stands where its way back fails at %s, and is over at the next try', (effect) => {
    const sides = new Sides(drill, ends).run([effect, 'failed'])
    expect(sides.end).toBe('backed_out')
    expect(sides.file).toMatchObject({ phase: 'db_authoritative', drillEndsAt: 900 })
    const again = new Sides(sides.file, ends, sides.database).run()
    expect([again.end, again.file.phase, again.file.drillEndsAt]).toEqual([
      'done',
      'shadow_read',
      null,
    ])
  })
  test('that a killed command left armed is over too', () => {
    const armed = makeRecord({ ...drill, armed: true })
    const sides = new Sides(armed, ends).run()
    expect(sides.file).toMatchObject({ phase: 'shadow_read', armed: false, attempt: 1 })
  })
  test('whose way back only the database has decided is over', () => {
    const decided = makeRecord({ phase: 'shadow_read', epoch: 6 })
    const sides = new Sides(drill, ends, decided).run()
    expect([sides.end, sides.file]).toEqual(['done', decided])
  })
  test.each(['file', 'dual_write', 'shadow_read', 'db_authoritative', 'complete'] as const)(
    'is all that its way back leaves: nothing moves in %s',
    (phase) => {
      const record = makeRecord({ phase, epoch: 5, armed: phase === 'shadow_read' })
      const sides = new Sides(record, ends).run()
      expect(sides.done).toEqual(['read_records'])
      expect([sides.end, sides.file]).toEqual(['done', record])
    },
  )
  test('leads nowhere but back', () => {
    const sides = new Sides(drill, { goal: 'complete' }).run()
    expect(sides.end).toBe('in_drill')
    expect(sides.file).toEqual(drill)
  })
  test('is left by a rollback without a new attempt, which only the steps behind it raise', () => {
    const back = { raisesAttempt: true, gatedAttempt: null }
    const out = new Sides(drill, { ...back, goal: 'shadow_read' }).run()
    expect([out.end, out.file.phase, out.file.attempt]).toEqual(['done', 'shadow_read', 1])
    const farther = new Sides(drill, { ...back, goal: 'file' }).run()
    expect([farther.end, farther.file.phase, farther.file.attempt]).toEqual(['done', 'file', 2])
  })
})
