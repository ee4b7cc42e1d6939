import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditRecord } from '../../../core/audit/record.ts'
import { STALENESS_MS } from '../../../core/feed/subscriber.ts'
import { compareRecords, type ExpectedRecord, toOverridePath } from './audited-changes.ts'
import type { ProbeContext } from '../framework/probe.ts'
import type { Asked, ServiceInstance } from './cached-services.ts'
import { ChangeLedger } from './change-ledger.ts'

/** A caller who may change the override of its own tenant; no other caller of the load has that tenant. */
export interface DrillCaller {
  readonly headers: Readonly<Record<string, string>>
  readonly tenant_id: string
}

/** What a load was answered in some time. */
export interface LoadCount {
  readonly requests: number
  /** No whole answer, another status than 2xx, or a value that a known change had replaced and that is not marked stale. */
  readonly failed: number
  /** Decisions by the last known rows, marked as such. */
  readonly stale: number
  readonly acknowledged: number
  /** Longest time without an acknowledged write, in milliseconds. */
  readonly write_gap_ms: number
}

/** What a load was answered in one slice of its time. */
export interface LoadSlice extends Omit<LoadCount, 'write_gap_ms'> {
  /** Milliseconds from the start of the load to the start of the slice. */
  readonly at_ms: number
}

export interface LoadWait extends Pick<ProbeContext, 'signal' | 'progress'> {
  /** At most so many milliseconds. */
  readonly mostMs: number
}

/** What failed: a write, an evaluation without a decision, or a decision that is wrong. */
type FaultKind = 'write' | 'evaluation' | 'decision'

/** A write of each client in so many requests. */
const WRITE_EVERY = 3
const SLICE_MS = 250
const NO_COUNT = { requests: 0, failed: 0, stale: 0, acknowledged: 0 }

/**
 * Evaluations and writes from one client for each caller, each at the services by turns. Each write has an
 * `Idempotency-Key`, and is sent again, at another service, until it is acknowledged; each of these requests counts.
 */
export class DrillLoad {
  readonly startedAt = performance.now()
  private readonly services: readonly ServiceInstance[]
  private readonly callers: readonly DrillCaller[]
  private readonly pauseMs: number
  private readonly ledger = new ChangeLedger()
  /** The record that each write is due, by its request id. */
  private readonly due = new Map<string, ExpectedRecord>()
  /** Of the ids of this load's requests. */
  private readonly name = `drill-${crypto.randomUUID()}`
  private readonly clients: readonly Promise<void>[]
  private readonly slices: (typeof NO_COUNT)[] = []
  private readonly faults: Readonly<Record<FaultKind, string[]>> = {
    write: [],
    evaluation: [],
    decision: [],
  }
  /** The errors of clients that have ended with one. */
  private readonly broken: unknown[] = []
  private isRunning = true
  private count = { ...NO_COUNT }
  private acknowledgedAt = this.startedAt
  private gapMs = 0

  /** @param pauseMs of each client between two requests */
  constructor(
    services: readonly ServiceInstance[],
    { callers, pauseMs }: { readonly callers: readonly DrillCaller[]; readonly pauseMs: number },
  ) {
    this.services = services
    this.callers = callers
    this.pauseMs = pauseMs
    this.clients = callers.map((caller, at) => this.work(caller, at))
    // It is the error of `untilSent` and of `stop` too, which the drill always comes to.
    for (const client of this.clients) client.catch((error: unknown) => this.broken.push(error))
  }

  /** The first failed requests of each kind, in words: writes first, wrong decisions last. */
  get examples(): readonly string[] {
    return Object.values(this.faults).flat()
  }

  /** Requests that were answered, or failed, since the last call of `take`. */
  get sent(): number {
    return this.count.requests
  }

  /**
   * Waits until so many requests were answered or failed, or the time is over: then there are fewer.
   *
   * @throws the first error of a client that is no answer; the reason of the signal
   */
  async untilSent(requests: number, { mostMs, signal, progress }: LoadWait): Promise<void> {
    const until = performance.now() + mostMs
    while (this.sent < requests && performance.now() < until) {
      signal.throwIfAborted()
      if (this.broken.length > 0) throw this.broken[0]
      progress(this.sent, requests)
      await sleep(LOOK_MS)
    }
  }

  /** What was answered since the last call, or since the start. */
  take(): LoadCount {
    const gap = Math.max(this.gapMs, performance.now() - this.acknowledgedAt)
    const { count } = this
    this.count = { ...NO_COUNT }
    this.gapMs = 0
    return { ...count, write_gap_ms: Math.round(gap) }
  }

  /** What was answered in each slice of 250 ms; one without an answer has zeros. */
  listSlices(): readonly LoadSlice[] {
    return Array.from(this.slices, (slice, at) => ({
      at_ms: at * SLICE_MS,
      ...NO_COUNT,
      ...slice,
    }))
  }

  /**
   * Counts the callers for whom a service does not know the last acknowledged value, or a later one, within `STALENESS_MS`.
   * Asked while the load goes on; an answer that is no decision is a failed request, and says nothing of the value.
   */
  async countLost(): Promise<number> {
    let lost = 0
    for (const { headers, tenant_id } of this.callers)
      for (const service of this.services) {
        const least = this.ledger.last(tenant_id)?.value ?? 0
        const until = performance.now() + STALENESS_MS
        let asked = await service.evaluate(headers)
        while (asked.ok && asked.answer.value < least && asked.answer.asked_ms < until) {
          await sleep(this.pauseMs)
          asked = await service.evaluate(headers)
        }
        if (!asked.ok) this.noteUndecided(asked)
        else if (asked.answer.value < least) lost += 1
      }
    return lost
  }

  /** Ends the load. @throws the first error of a client that is no answer */
  async stop(): Promise<void> {
    this.isRunning = false
    await Promise.all(this.clients)
  }

  /** The acknowledged writes that these records lack, and the writes that they have more than once. */
  compare(records: readonly AuditRecord[]): {
    readonly missing: readonly string[]
    readonly tooMany: readonly string[]
  } {
    return compareRecords(
      this.due,
      records.filter(({ request_id }) => this.due.has(request_id)),
    )
  }

  private async work(caller: DrillCaller, client: number): Promise<void> {
    let value = 0
    for (let turn = client; this.isRunning; turn += 1) {
      // Before its first change a tenant has no value to compare with.
      if (value === 0 || turn % WRITE_EVERY === 0) {
        value += 1
        await this.write(caller, { value, turn, client })
      } else await this.evaluate(caller, turn)
      await sleep(this.pauseMs)
    }
  }

  private async write(
    { headers, tenant_id }: DrillCaller,
    { value, turn, client }: Readonly<Record<'value' | 'turn' | 'client', number>>,
  ): Promise<void> {
    const request_id = `${this.name}-${client}-${value}`
    this.due.set(request_id, 'either')
    for (let at = turn; this.isRunning; at += 1) {
      const service = this.pick(at)
      const sent_ms = performance.now()
      const response = await service.send({
        method: 'PUT',
        path: toOverridePath(encodeURIComponent(tenant_id)),
        headers: { ...headers, 'x-request-id': request_id, 'idempotency-key': request_id },
        body: JSON.stringify({ value }),
      })
      const ok = response !== null && response.status < 300
      const acknowledged_ms = ok ? performance.now() : Infinity
      this.ledger.note(tenant_id, { value, by: service.at, sent_ms, acknowledged_ms })
      this.note(
        ok ? null : `a write was answered ${response?.text.slice(0, 300) ?? 'not at all'}`,
        'write',
      )
      if (ok) return this.acknowledge(request_id)
      await sleep(this.pauseMs)
    }
  }

  private async evaluate({ headers, tenant_id }: DrillCaller, turn: number): Promise<void> {
    const service = this.pick(turn)
    const asked = await service.evaluate(headers)
    if (!asked.ok) return this.noteUndecided(asked)
    this.note(
      this.ledger.allows(tenant_id, asked.answer)
        ? null
        : `instance ${service.at} decided ${asked.answer.value} for ${tenant_id}, which was ${this.ledger.last(tenant_id)?.value ?? 'never set'}`,
      'decision',
    )
  }

  private noteUndecided({ isStale, why }: Extract<Asked, { ok: false }>): void {
    if (isStale) this.add('stale')
    this.note(isStale ? null : `an evaluation was answered ${why}`, 'evaluation')
  }

  private pick(turn: number): ServiceInstance {
    return this.services[turn % this.services.length] as ServiceInstance
  }

  private acknowledge(request_id: string): void {
    this.due.set(request_id, 'applied')
    const now = performance.now()
    this.gapMs = Math.max(this.gapMs, now - this.acknowledgedAt)
    this.acknowledgedAt = now
    this.add('acknowledged')
  }

  private note(fault: string | null, kind: FaultKind): void {
    this.add('requests')
    if (fault === null) return
    this.add('failed')
    const known = this.faults[kind]
    if (known.length < MOST_EXAMPLES) known.push(fault)
  }

  private add(what: keyof typeof NO_COUNT): void {
    const at = Math.floor((performance.now() - this.startedAt) / SLICE_MS)
    const slice = this.slices[at] ?? NO_COUNT
    this.slices[at] = { ...slice, [what]: slice[what] + 1 }
    this.count[what] += 1
  }
}
/** Of each kind. */
const MOST_EXAMPLES = 5
/** Between two looks at the count, in milliseconds. */
const LOOK_MS = 100
