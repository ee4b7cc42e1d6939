import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  MOST_RECORDS,
  planSend,
  selectSendable,
  settleSend,
} from '../../../src/core/shipping/slot.ts'
import type { SentGroup, ShipRecord, SinkState } from '../../../src/core/shipping/types.ts'
import { examples } from '../../support/scale.ts'

/**
 * A slot, its topic and two shippers, one step at a time. What makes it hard: an answer may be lost after the broker
 * has appended, a send may arrive long after its shipper has lost the slot, and a shipper may die before it marks.
 */
class World {
  now = 0
  token = 0
  readonly rows: Row[] = []
  /** What each partition holds: numbers of records. */
  readonly log = new Map<number, number[]>()
  readonly shippers: [Shipper, Shipper] = [newShipper(), newShipper()]
  /** Sends that are still on their way to the broker. */
  readonly late: (readonly Row[])[] = []
  private readonly select: typeof selectSendable

  constructor(select: typeof selectSendable) {
    this.select = select
  }

  append(target: string): void {
    const sink: SinkState = { status: 'pending', next_try_ms: null }
    this.rows.push({ seq: this.rows.length + 1, target, sink, attempts: 0, waited_ms: null })
  }

  claim(shipper: Shipper): void {
    this.token += 1
    Object.assign(shipper, { token: this.token, limit: MOST_RECORDS, batch: [] })
  }

  /** Reads what may be sent, also of a slot that another has taken over: the lease is not what keeps the order. */
  plan(shipper: Shipper): void {
    const sendable = [...this.select(this.rows, this.now)].map(toRecord)
    if (shipper.token === this.token) shipper.batch = planSend(sendable, shipper.limit)
  }

  send(shipper: Shipper, outcomes: readonly Outcome[], dies: boolean): void {
    const groups = this.deliver(shipper.batch, outcomes)
    shipper.batch = []
    if (dies) shipper.token = -1
    const { marks, limit } = settleSend(groups, { limit: shipper.limit, tries: 2, random: () => 0 })
    shipper.limit = limit
    // The transaction of the mark checks the token.
    if (shipper.token !== this.token) return
    for (const mark of marks) {
      const row = this.rows[mark.seq - 1] as Row
      const waits = mark.kind === 'waiting'
      row.sink = {
        status: waits ? 'pending' : mark.kind,
        next_try_ms: waits ? this.now + mark.delay_ms : null,
      }
      if (mark.kind !== 'delivered') row.attempts = mark.attempts
      row.waited_ms = waits ? mark.delay_ms : null
    }
  }

  arrive(): void {
    this.store(this.late.shift() ?? [])
  }

  redrive(): void {
    for (const row of this.rows)
      if (row.sink.status === 'failed') {
        row.sink = { status: 'pending', next_try_ms: null }
        row.attempts = 0
      }
  }

  /** Everything works from now on. */
  settle(): void {
    while (this.late.length > 0) this.arrive()
    this.redrive()
    const [shipper] = this.shippers
    this.claim(shipper)
    for (let turn = 0; turn < 2 * this.rows.length + 2; turn += 1) {
      this.now += 60_000
      this.plan(shipper)
      this.send(shipper, ['acked'], false)
    }
  }

  private deliver(
    batch: readonly ShipRecord[],
    outcomes: readonly Outcome[],
  ): readonly SentGroup[] {
    const partitions = [...new Set(batch.map(({ target }) => partitionOf(target)))]
    return partitions.map((partition) => {
      const records = batch.filter(({ target }) => partitionOf(target) === partition)
      const outcome = outcomes[partition % outcomes.length] as Outcome
      const rows = records.map(({ seq }) => this.rows[seq - 1] as Row)
      if (outcome === 'late') this.late.push(rows)
      const offset = this.log.get(partition)?.length ?? 0
      if (outcome === 'acked' || outcome === 'lost') this.store(rows)
      if (outcome === 'acked') return { records, outcome: { kind: 'acked', partition, offset } }
      const kind = outcome === 'refused' ? 'refused' : 'unavailable'
      return { records, outcome: { kind, reason: outcome } }
    })
  }

  private store(rows: readonly Row[]): void {
    for (const { seq, target } of rows) {
      const log = this.log.get(partitionOf(target)) ?? []
      this.log.set(partitionOf(target), log)
      log.push(seq)
    }
  }
}

interface Row {
  readonly seq: number
  readonly target: string
  sink: SinkState
  attempts: number
  waited_ms: number | null
}
interface Shipper {
  token: number
  limit: number
  batch: readonly ShipRecord[]
}
const newShipper = (): Shipper => ({ token: -1, limit: MOST_RECORDS, batch: [] })
const toRecord = ({ seq, target, attempts, waited_ms }: Row): ShipRecord => ({
  seq,
  target,
  attempts,
  waited_ms,
  audit_id: `id-${seq}`,
  text: '',
})

const OUTCOMES = ['acked', 'lost', 'late', 'down', 'refused'] as const
type Outcome = (typeof OUTCOMES)[number]
const TARGETS = ['a', 'b', 'c', 'd']
const partitionOf = (target: string): number => TARGETS.indexOf(target) % 2

type Step = (world: World) => void
const shipper = fc.constantFrom<0 | 1>(0, 1)
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...TARGETS).map(
      (t): Step =>
        (w) =>
          w.append(t),
    ),
  },
  {
    weight: 2,
    arbitrary: shipper.map(
      (at): Step =>
        (w) =>
          w.claim(w.shippers[at]),
    ),
  },
  {
    weight: 6,
    arbitrary: shipper.map(
      (at): Step =>
        (w) =>
          w.plan(w.shippers[at]),
    ),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        shipper,
        fc.array(fc.constantFrom(...OUTCOMES), { minLength: 1, maxLength: 2 }),
        fc.boolean(),
      )
      .map(
        ([at, outcomes, dies]): Step =>
          (w) =>
            w.send(w.shippers[at], outcomes, dies),
      ),
  },
  { weight: 2, arbitrary: fc.constant<Step>((w) => w.arrive()) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 2_000 }).map(
      (ms): Step =>
        (w) =>
          (w.now += ms),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((w) => w.redrive()) },
)

/** What a consumer would complain of; null for nothing. */
function findFault(steps: readonly Step[], select: typeof selectSendable): string | null {
  const world = new World(select)
  for (const step of steps) step(world)
  world.settle()
  for (const target of TARGETS) {
    const sent = world.rows.filter((row) => row.target === target).map(({ seq }) => seq)
    const log = world.log.get(partitionOf(target)) ?? []
    const seen = [...new Set(log)].filter((seq) => sent.includes(seq))
    if (seen.join() !== sent.join()) return `${target}: sent ${sent.join()}, seen ${seen.join()}`
  }
  const open = world.rows.filter(({ sink }) => sink.status !== 'delivered')
  return open.length === 0 ? null : `not delivered: ${open.map(({ seq }) => seq).join()}`
}
const STEPS = fc.array(STEP, { minLength: 20, maxLength: 80 })

test('whatever happens to sends, each target appears in order, and nothing is lost', () => {
  fc.assert(
    fc.property(STEPS, (steps) => findFault(steps, selectSendable) === null),
    examples(5_000),
  )
})

test.each<[string, typeof selectSendable]>([
  [
    'a failed record does not hold back its target',
    function* (records, now) {
      for (const record of records)
        if (record.sink.status === 'pending' && (record.sink.next_try_ms ?? 0) <= now) yield record
    },
  ],
  [
    'the newest record goes first',
    function* (records, now) {
      yield* [...selectSendable(records, now)].reverse()
    },
  ],
  [
    'a record that waited is forgotten',
    function* (records, now) {
      for (const record of selectSendable(records, now))
        if (record.sink.next_try_ms === null) yield record
    },
  ],
])('the model notices that %s', (_, select) => {
  const run = fc.check(
    fc.property(STEPS, (steps) => findFault(steps, select) === null),
    examples(5_000),
  )
  expect(run.failed).toBe(true)
})
