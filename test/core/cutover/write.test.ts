import { describe, expect, test } from 'vitest'
import type { CutoverPhase } from '../../../src/core/cutover/phases.ts'
import {
  type CutoverWrite,
  findHeldEpoch,
  startWrite,
  stepWrite,
  type WriteEffect,
  type WriteEvent,
  type WriteView,
} from '../../../src/core/cutover/write.ts'
import { makeRecord } from './records.ts'

const view = (phase: CutoverPhase, more: Partial<WriteView['record']> = {}): WriteView => ({
  record: makeRecord({ phase, ...more }),
  refusal: null,
  server: 's1',
})
const durable = (digest = 'd') => ({ type: 'durable', seq: 7, digest }) as const

/** Sends events to a write, and returns it with the effects of the last one. */
function send(
  { record }: WriteView,
  ...events: readonly WriteEvent[]
): readonly [CutoverWrite, readonly WriteEffect[]] {
  let step = [startWrite({ op: 'w', digest: 'd' }, record), []] as ReturnType<typeof stepWrite>
  for (const event of events) step = stepWrite(step[0], event)
  return step
}
const names = (effects: readonly WriteEffect[]) =>
  effects.map((one) => (one.do === 'answer' ? one.answer.status : one.do))

const file = view('file')
const dual = view('dual_write')
const armed = view('shadow_read', { armed: true })
const database = view('db_authoritative')
const begin = (of: WriteView): WriteEvent => ({ type: 'begin', view: of })
const locked = (of: WriteView, epoch = 1): WriteEvent => ({ type: 'locked', epoch, view: of })
const moved = (of: WriteView): WriteEvent => ({ type: 'moved', view: of })

describe('a write', () => {
  test.each<[string, WriteView, readonly WriteEvent[], readonly string[]]>([
    ['appends to the file', file, [begin(file)], ['append_file']],
    ['is acknowledged by the file alone', file, [begin(file), durable()], ['acknowledged']],
    ['waits for the copy', dual, [begin(dual), durable()], ['await_copy']],
    [
      'is acknowledged with the copy',
      dual,
      [begin(dual), durable(), { type: 'mirrored' }],
      ['acknowledged'],
    ],
    [
      'is acknowledged by the file alone once that is enough',
      dual,
      [begin(dual), durable(), moved(view('file', { epoch: 2 }))],
      ['acknowledged'],
    ],
    [
      'waits on while the instance may not write in the newer epoch',
      dual,
      [begin(dual), durable(), moved({ ...view('file', { epoch: 2 }), refusal: 'not_writer' })],
      [],
    ],
    [
      'waits on in a newer phase with two sides',
      dual,
      [begin(dual), durable(), moved(view('shadow_read', { epoch: 2 }))],
      [],
    ],
    [
      'waits on where another side is enough',
      dual,
      [begin(dual), durable(), moved(view('complete', { epoch: 2 }))],
      [],
    ],
    [
      'of the database is not acknowledged by the file',
      database,
      [begin(database), locked(database), durable(), moved(view('file', { epoch: 2 }))],
      [],
    ],
    [
      'of the database is not acknowledged by a record that was read elsewhere',
      database,
      [begin(database), locked(database), durable(), moved(view('complete', { epoch: 2 }))],
      [],
    ],
    [
      'is not acknowledged by a newer record before it is durable',
      dual,
      [begin(dual), moved(view('file', { epoch: 2 }))],
      [],
    ],
    ['locks in an armed phase', armed, [begin(armed)], ['lock_shared']],
    ['appends under the lock', armed, [begin(armed), locked(armed)], ['append_file']],
    [
      'keeps the lock for the copy',
      armed,
      [begin(armed), locked(armed), durable()],
      ['await_copy'],
    ],
    [
      'frees the lock before its answer',
      armed,
      [begin(armed), locked(armed), durable(), { type: 'mirrored' }],
      ['free_lock', 'acknowledged'],
    ],
    ['locks where the database is the authority', database, [begin(database)], ['lock_shared']],
    ['commits under the lock', database, [begin(database), locked(database)], ['commit_database']],
    [
      'waits for the publication of the mirror',
      database,
      [begin(database), locked(database), durable()],
      ['await_publication'],
    ],
    [
      'needs no lock to free after its commit',
      database,
      [begin(database), locked(database), durable(), { type: 'mirrored' }],
      ['acknowledged'],
    ],
    [
      'is unknown where a promotion lacks it',
      database,
      [begin(database), locked(database), durable(), { type: 'gone' }],
      ['outcome_unknown'],
    ],
    [
      'is acknowledged by the database alone',
      view('complete'),
      [begin(view('complete')), locked(view('complete')), durable()],
      ['acknowledged'],
    ],
    ['begins again under another epoch', armed, [begin(armed), locked(armed, 2)], ['free_lock']],
    [
      'begins again where the instance holds another one',
      armed,
      [begin(armed), locked(view('shadow_read', { epoch: 2 }), 2)],
      ['free_lock'],
    ],
    ['is refused', file, [begin({ ...file, refusal: 'lease_over' })], ['refused']],
    [
      'begins again where the instance may not write under the lock',
      armed,
      [begin(armed), locked({ ...armed, refusal: 'no_consent' })],
      ['free_lock'],
    ],
    [
      'is refused then where that does not pass',
      armed,
      [
        begin(armed),
        locked({ ...armed, refusal: 'lease_over' }),
        begin({ ...armed, refusal: 'lease_over' }),
      ],
      ['refused'],
    ],
    ['is refused without the lock', armed, [begin(armed), { type: 'failed' }], ['refused']],
    [
      'is refused where the lock is not known',
      armed,
      [begin(armed), { type: 'unknown' }],
      ['refused'],
    ],
    ['is refused late', armed, [begin(armed), { type: 'late' }], ['refused']],
    [
      'is refused where the authority has failed',
      dual,
      [begin(dual), { type: 'failed' }],
      ['refused'],
    ],
    [
      'waits again where a wait has failed',
      dual,
      [begin(dual), durable(), { type: 'failed' }],
      ['await_copy'],
    ],
    ['is behind late', dual, [begin(dual), durable(), { type: 'late' }], ['mirror_behind']],
    ['is unknown late', dual, [begin(dual), { type: 'late' }], ['outcome_unknown']],
    [
      'is unknown without an answer',
      database,
      [begin(database), locked(database), { type: 'unknown' }],
      ['free_lock', 'outcome_unknown'],
    ],
    [
      'is refused under a used key',
      dual,
      [begin(dual), durable('other')],
      ['idempotency_key_reused'],
    ],
    [
      'frees the lock of a late append that ends',
      armed,
      [begin(armed), locked(armed), { type: 'late' }, durable()],
      ['free_lock'],
    ],
    [
      'frees the lock of a late append that fails',
      armed,
      [begin(armed), locked(armed), { type: 'late' }, { type: 'failed' }],
      ['free_lock'],
    ],
    ['has nothing to free without a lock', dual, [begin(dual), { type: 'late' }, durable()], []],
    ['does not begin twice', dual, [begin(dual), begin(dual)], []],
    ['takes no lock that it did not ask for', dual, [locked(dual)], []],
    ['is not mirrored before it is durable', dual, [begin(dual), { type: 'mirrored' }], []],
    ['is not gone before it is durable', dual, [begin(dual), { type: 'gone' }], []],
    ['takes nothing after its answer', file, [begin(file), durable(), durable()], []],
    ['is not late after its answer', file, [begin(file), durable(), { type: 'late' }], []],
    ['does not fail after its answer', file, [begin(file), durable(), { type: 'failed' }], []],
  ])('%s', (_what, of, events, effects) => {
    expect(names(send(of, ...events)[1])).toEqual(effects)
  })
  test('names what it writes, where and under which epoch', () => {
    expect(send(file, begin(file))[1]).toEqual([
      { do: 'append_file', op: 'w', digest: 'd', epoch: 1 },
    ])
    expect(send(database, begin(database), locked(database))[1]).toEqual([
      { do: 'commit_database', op: 'w', digest: 'd', server: 's1' },
    ])
  })
})

test('an instance does not hold an epoch before its older writes have ended', () => {
  const [begun] = send(dual, begin(dual))
  const newer = makeRecord({ epoch: 2 })
  expect(findHeldEpoch(newer, [])).toBe(2)
  expect(findHeldEpoch(newer, [begun])).toBe(1)
  const [late] = stepWrite(begun, { type: 'late' })
  expect(findHeldEpoch(newer, [late])).toBe(1)
  expect(findHeldEpoch(newer, [stepWrite(begun, durable())[0]])).toBe(2)
})
