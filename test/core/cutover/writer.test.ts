import { describe, expect, test } from 'vitest'
import {
  IDLE_WRITER,
  type MirrorWriter,
  mayWriteFile,
  stepWriter,
  type WriterView,
} from '../../../src/core/cutover/writer.ts'
import { makeRecord } from './records.ts'

const head = (seq: number) => ({ seq, hash: `h${seq}` })
const WRITER: MirrorWriter = { term: 3, compared: null, copied: 0 }

type Database = NonNullable<WriterView['database']>
const database = (change: Partial<Database> = {}): Database => ({
  server: 's1',
  identity: 'db1',
  record: makeRecord({ phase: 'dual_write' }),
  heads: { file: head(2), database: head(2), common: 'h2' },
  publication: null,
  counters: { a: 4 },
  ...change,
})
const view = (change: Partial<WriterView> = {}): WriterView => ({
  lock: 'mine',
  record: makeRecord({ phase: 'dual_write' }),
  intent: null,
  segment: { epoch: 1, term: 3, follows: head(0) },
  head: head(2),
  database: database(),
  ...change,
})
const heads = (file: number, other: number) => ({
  file: head(file),
  database: head(other),
  common: `h${Math.min(file, other)}`,
})
const served = makeRecord({ phase: 'db_authoritative' })

describe('the lock of the file', () => {
  test.each([
    ['free', { do: 'take_file_lock', end: false }],
    ['abandoned', { do: 'take_file_lock', end: true }],
    ['held', null],
  ] as const)('where it is %s', (lock, effect) => {
    expect(stepWriter(WRITER, view({ lock }))).toEqual([IDLE_WRITER, effect])
  })
  test('a new writer begins a segment with the next term', () => {
    expect(stepWriter(IDLE_WRITER, view())).toEqual([
      { term: 4, compared: null, copied: 0 },
      { do: 'begin_segment', segment: { epoch: 1, term: 4 } },
    ])
  })
  test('a new epoch begins one with the same term, and heads are compared again', () => {
    const compared: MirrorWriter = { ...WRITER, compared: { epoch: 1, server: 's1' } }
    const record = makeRecord({ phase: 'dual_write', epoch: 2 })
    expect(stepWriter(compared, view({ record }))).toEqual([
      WRITER,
      { do: 'begin_segment', segment: { epoch: 2, term: 3 } },
    ])
  })
})

describe('without a database', () => {
  test('a writer of the phase file writes', () => {
    const record = makeRecord()
    const [state, effect] = stepWriter(WRITER, view({ record, database: null }))
    expect([mayWriteFile(state, record), effect]).toEqual([true, null])
  })
  test.each(['dual_write', 'complete'] as const)('one of %s does not', (phase) => {
    const record = makeRecord({ phase })
    const [state] = stepWriter(WRITER, view({ record, database: null }))
    expect(mayWriteFile(state, record)).toBe(false)
  })
})

describe('the two copies of the record', () => {
  test.each([
    ['the database is behind', 0, 'database', 1],
    ['the file is behind', 2, 'file', 2],
  ] as const)('%s', (_what, epoch, side, decides) => {
    const other = makeRecord({ phase: 'dual_write', epoch })
    expect(stepWriter(WRITER, view({ database: database({ record: other }) }))[1]).toMatchObject({
      do: 'write_record',
      side,
      record: { epoch: decides },
      over: decides - 1,
    })
  })
  test('a database without a record is given it', () => {
    expect(stepWriter(WRITER, view({ database: database({ record: null }) }))[1]).toMatchObject({
      do: 'write_record',
      side: 'database',
    })
  })
  test.each([
    [
      'closed at first contact',
      makeRecord({ epoch: 9 }),
      { do: 'close_database', identity: 'db1' },
    ],
    ['closed once', makeRecord({ epoch: 9, closed: true }), null],
    ['new', null, null],
  ])('a database that is not joined is %s', (_what, record, effect) => {
    const alone = makeRecord({ database: null })
    const [state, todo] = stepWriter(
      WRITER,
      view({ record: alone, database: database({ record }) }),
    )
    expect([todo, mayWriteFile(state, alone)]).toEqual([effect, true])
  })
})

describe('the chains', () => {
  test('in a phase with one side nothing is copied', () => {
    const other = database({ record: makeRecord(), heads: heads(5, 2) })
    expect(stepWriter(WRITER, view({ record: makeRecord(), database: other }))[1]).toBeNull()
  })
  test('forked ones stop everything', () => {
    const forked = { file: head(2), database: head(2), common: 'x' }
    expect(stepWriter(WRITER, view({ database: database({ heads: forked }) }))).toEqual([
      WRITER,
      { do: 'halt' },
    ])
  })
  test('equal ones let it write', () => {
    const compared = { epoch: 1, server: 's1' }
    expect(stepWriter(WRITER, view())).toEqual([{ term: 3, compared, copied: 2 }, null])
  })
  test('what the authority has more is copied while it writes', () => {
    expect(stepWriter(WRITER, view({ database: database({ heads: heads(5, 2) }) }))).toEqual([
      { term: 3, compared: { epoch: 1, server: 's1' }, copied: 2 },
      { do: 'copy', side: 'database', after: head(2), epoch: 1 },
    ])
  })
  test('an authority that lacks a tail is filled up before any write', () => {
    expect(stepWriter(WRITER, view({ database: database({ heads: heads(2, 5) }) }))).toEqual([
      { term: 3, compared: null, copied: 2 },
      { do: 'copy', side: 'file', after: head(2), epoch: 1 },
    ])
  })
})

describe('the publication', () => {
  const publication = { epoch: 1, server: 's1', seq: 2, counters: { a: 4 } }
  const publishes = (change: Partial<Database>) =>
    stepWriter(
      WRITER,
      view({ record: served, database: database({ record: served, ...change }) }),
    )[1]

  test('says how far the mirror is, and repeats the counters', () => {
    expect(publishes({})).toEqual({ do: 'publish', publication })
  })
  test('is made once', () => {
    expect(publishes({ publication })).toBeNull()
  })
  test.each([
    ['another epoch', { epoch: 0 }],
    ['another server', { server: 's0' }],
    ['an older head', { seq: 1 }],
    ['an older counter', { counters: { a: 3 } }],
  ])('is made again over one of %s', (_what, change) => {
    expect(publishes({ publication: { ...publication, ...change } })?.do).toBe('publish')
  })
  test('comes before more is copied', () => {
    expect(publishes({ heads: heads(2, 5) })?.do).toBe('publish')
    expect(publishes({ heads: heads(2, 5), publication })).toEqual({
      do: 'copy',
      side: 'file',
      after: head(2),
      epoch: 1,
    })
  })
  test('waits while the database lacks what the file has', () => {
    expect(publishes({ heads: heads(5, 2) })).toMatchObject({ do: 'copy', side: 'database' })
  })
})
