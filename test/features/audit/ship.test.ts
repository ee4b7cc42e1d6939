import { expect, test } from 'vitest'
import type { SentGroup, ShipRecord } from '../../../src/core/shipping/types.ts'
import { FfError } from '../../../src/errors.ts'
import { shipAudit, type ShipRequest } from '../../../src/features/audit/ship.ts'
import type { ShipEvent, ShipStore } from '../../../src/ports/shipping.ts'

const LEASE_MS = 1_000
const record = (seq: number): ShipRecord => ({
  seq,
  target: 'flag/ff.a',
  audit_id: `id-${seq}`,
  text: '{}',
  attempts: 0,
  waited_ms: null,
})

/** One slot of a store, its topic and a clock that only the test moves. */
class Stage {
  pending: readonly ShipRecord[] = [record(1), record(2)]
  now = 0
  isHeld = false
  readonly events: ShipEvent[] = []
  readonly sent: number[][] = []
  readonly stop = new AbortController()
  onClaim = (): void => undefined
  onRead = (): void => undefined
  onRest = (): void => undefined
  isLost = false
  outcome: 'acked' | 'unavailable' = 'acked'

  readonly store: ShipStore = {
    facts: { target: 'x', backing: 'db', server: null },
    claim: async () => {
      await Promise.resolve()
      this.onClaim()
      if (this.isHeld || this.pending.length === 0) return null
      this.isHeld = true
      return { slot: 0, token: 1 }
    },
    read: () => {
      this.onRead()
      return Promise.resolve(this.pending)
    },
    mark: (_, marks) => {
      if (this.isLost) return Promise.resolve(false)
      const done = marks.filter(({ kind }) => kind === 'delivered').map(({ seq }) => seq)
      this.pending = this.pending.filter(({ seq }) => !done.includes(seq))
      return Promise.resolve(true)
    },
    release: () => {
      this.isHeld = false
      return Promise.resolve()
    },
    backlog: () => Promise.reject(new Error('not asked')),
    redrive: () => Promise.reject(new Error('not asked')),
    close: () => Promise.resolve(),
  }

  run(more: Partial<ShipRequest> = {}) {
    return shipAudit({
      store: this.store,
      topic: {
        name: 't',
        send: (records) => {
          this.sent.push(records.map(({ seq }) => seq))
          const group: SentGroup = {
            records,
            outcome:
              this.outcome === 'acked'
                ? { kind: 'acked', partition: 0, offset: 0 }
                : { kind: 'unavailable', reason: 'away' },
          }
          return Promise.resolve([group])
        },
        countPartitions: () => Promise.resolve(1),
        close: () => Promise.resolve(),
      },
      lease_ms: LEASE_MS,
      tries: 2,
      follow: false,
      signal: this.stop.signal,
      timing: {
        now: () => this.now,
        rest: async () => {
          await Promise.resolve()
          this.onRest()
        },
        random: () => 0,
      },
      observe: (event) => this.events.push(event),
      ...more,
    })
  }
}
const kinds = ({ events }: Stage): readonly string[] => events.map(({ kind }) => kind)
const away = (): never => {
  throw new FfError('backing_unavailable', 'The database is away.', { hint: 'Wait.' })
}

test('a run sends what is pending, and reports each durable step in order', async () => {
  const stage = new Stage()
  const totals = await stage.run()
  expect(totals).toEqual({ delivered: 2, retried: 0, failed: 0, unavailable: null })
  expect(stage.sent).toEqual([[1, 2]])
  expect(kinds(stage)).toEqual(['claimed', 'sent', 'marked', 'released'])
})

test('no send begins after the lease, and the slot is given back', async () => {
  const stage = new Stage()
  stage.onRead = () => {
    stage.now += LEASE_MS
    if (stage.now >= 3 * LEASE_MS) stage.pending = []
  }
  await stage.run()
  expect(stage.sent).toEqual([])
  expect(stage.isHeld).toBe(false)
})

test('a slot that was taken over is marked with nothing', async () => {
  const stage = new Stage()
  stage.isLost = true
  stage.onClaim = () => void (stage.sent.length > 0 && (stage.pending = []))
  expect(await stage.run()).toMatchObject({ delivered: 0 })
  expect(kinds(stage)).toEqual(['claimed', 'sent', 'lost', 'released'])
})

test('without an answer a run ends, and says why', async () => {
  const stage = new Stage()
  stage.outcome = 'unavailable'
  expect(await stage.run()).toMatchObject({ delivered: 0, retried: 1, unavailable: 'away' })
})

test('with follow it rests without an answer, and goes on until the signal', async () => {
  const stage = new Stage()
  stage.outcome = 'unavailable'
  let rests = 0
  stage.onRest = () => {
    rests += 1
    if (rests === 20) stage.outcome = 'acked'
    if (stage.pending.length === 0) stage.stop.abort('terminated')
  }
  expect(await stage.run({ follow: true })).toMatchObject({ delivered: 2 })
  expect(kinds(stage)).toContain('suspended')
})

test('a store that is away ends a run, and with follow is waited for', async () => {
  const once = new Stage()
  once.onRead = away
  await expect(once.run()).rejects.toMatchObject({ code: 'backing_unavailable' })
  expect(once.isHeld).toBe(false)

  const stage = new Stage()
  stage.onRead = away
  stage.onRest = () => {
    if (kinds(stage).filter((kind) => kind === 'store_failed').length > 2)
      stage.onRead = () => undefined
    if (stage.pending.length === 0) stage.stop.abort('terminated')
  }
  expect(await stage.run({ follow: true })).toMatchObject({ delivered: 2 })
})

test('an error that no wait helps ends every worker, with follow too', async () => {
  const stage = new Stage()
  let claims = 0
  stage.onClaim = () => {
    claims += 1
    if (claims === 3) throw new FfError('rights_missing', 'No right.', { hint: 'Grant it.' })
  }
  await expect(stage.run({ follow: true })).rejects.toMatchObject({ code: 'rights_missing' })
})

test('at the signal the send under way is marked, and the slot given back', async () => {
  const stage = new Stage()
  stage.onRead = () => stage.stop.abort('terminated')
  expect(await stage.run({ follow: true })).toMatchObject({ delivered: 2 })
  expect(kinds(stage)).toEqual(['claimed', 'sent', 'marked', 'released'])
})
