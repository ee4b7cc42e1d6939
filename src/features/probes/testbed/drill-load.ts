import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditRecord } from '../../../core/audit/record.ts'
import { STALENESS_MS } from '../../../core/feed/subscriber.ts'
import { compareRecords, type ExpectedRecord, toOverridePath } from './audited-changes.ts'
import type { ProbeContext } from '../framework/probe.ts'
import type { Asked, ServiceInstance } from './cached-services.ts'
import { ChangeLedger } from './change-ledger.ts'
import { LoadCounter } from './load-counter.ts'

/** A caller who may change the override of its own tenant; no other caller of the load has that tenant. */
export interface DrillCaller {
  readonly headers: Readonly<Record<string, string>>
  readonly tenant_id: string
}

export interface LoadWait extends Pick<ProbeContext, 'signal' | 'progress'> {
  /** At most so many milliseconds. */
  readonly mostMs: number
}

/** What failed: a write, an evaluation without a decision, or a decision that is wrong. */
type FaultKind = 'write' | 'evaluation' | 'decision'

/** A write of each client in so many requests. */
const WRITE_EVERY = 3
/** The default value comes from none. */
const NO_SERVICE = -1

/** Who sends a load, and how much. */
export interface LoadParts {
  /** Those without an override of the flag have its default value, 0. */
  readonly callers: readonly DrillCaller[]
  /** Of each client between two requests. */
  readonly pauseMs: number
  /** Clients of each caller that evaluate only, besides the one that writes too; 0 by default. */
  readonly readers?: number
}

/**
 * Evaluations and writes from one client for each caller, each at the services by turns. Each write has an
 * `Idempotency-Key`, and is sent again, at another service, until it is acknowledged; each of these requests counts.
 */
export class DrillLoad {
  /** What it was answered. */
  readonly counter = new LoadCounter()
  private readonly services: readonly ServiceInstance[]
  private readonly callers: readonly DrillCaller[]
  private readonly pauseMs: number
  private readonly ledger = new ChangeLedger()
  /** The record that each write is due, by its request id. */
  private readonly due = new Map<string, ExpectedRecord>()
  /** Of the ids of this load's requests. */
  private readonly name = `drill-${crypto.randomUUID()}`
  private readonly clients: readonly Promise<void>[]
  private readonly faults: Readonly<Record<FaultKind, string[]>> = {
    write: [],
    evaluation: [],
    decision: [],
  }
  /** The errors of clients that have ended with one. */
  private readonly broken: unknown[] = []
  private isRunning = true

  constructor(services: readonly ServiceInstance[], { callers, pauseMs, readers = 0 }: LoadParts) {
    this.services = services
    this.callers = callers
    this.pauseMs = pauseMs
    const { startedAt: sent_ms, startedAt: acknowledged_ms } = this.counter
    for (const { tenant_id } of callers)
      this.ledger.note(tenant_id, { value: 0, by: NO_SERVICE, sent_ms, acknowledged_ms })
    this.clients = [
      ...callers.map((caller, at) => this.work(caller, at)),
      ...callers.flatMap((caller) =>
        Array.from({ length: readers }, (_, at) => this.read(caller, at)),
      ),
    ]
    // It is the error of `untilSent` and of `stop` too, which the drill always comes to.
    for (const client of this.clients) client.catch((error: unknown) => this.broken.push(error))
  }

  /** The first failed requests of each kind, in words: writes first, wrong decisions last. */
  get examples(): readonly string[] {
    return Object.values(this.faults).flat()
  }

  /**
   * Waits until so many requests were answered or failed, or the time is over: then there are fewer.
   *
   * @throws the first error of a client that is no answer; the reason of the signal
   */
  async untilSent(requests: number, { mostMs, signal, progress }: LoadWait): Promise<void> {
    const until = performance.now() + mostMs
    while (this.counter.sent < requests && performance.now() < until) {
      signal.throwIfAborted()
      if (this.broken.length > 0) throw this.broken[0]
      progress(this.counter.sent, requests)
      await sleep(LOOK_MS)
    }
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
      if (turn % WRITE_EVERY === 0) {
        value += 1
        await this.write(caller, { value, turn, client })
      } else await this.evaluate(caller, turn)
      await sleep(this.pauseMs)
    }
  }

  private async read(caller: DrillCaller, client: number): Promise<void> {
    for (let turn = client; this.isRunning; turn += 1) {
      await this.evaluate(caller, turn)
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
      const sent = { value, by: service.at, sent_ms: performance.now() }
      // It may be in effect before it is answered.
      this.ledger.note(tenant_id, { ...sent, acknowledged_ms: Infinity })
      const response = await service.send({
        method: 'PUT',
        path: toOverridePath(encodeURIComponent(tenant_id)),
        headers: { ...headers, 'x-request-id': request_id, 'idempotency-key': request_id },
        body: JSON.stringify({ value }),
      })
      const ok = response !== null && response.status < 300
      this.note(
        ok ? null : `a write was answered ${response?.text.slice(0, 300) ?? 'not at all'}`,
        'write',
      )
      if (ok) {
        this.ledger.note(tenant_id, { ...sent, acknowledged_ms: performance.now() })
        return this.acknowledge(request_id)
      }
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
    if (isStale) this.counter.add('stale')
    this.note(isStale ? null : `an evaluation was answered ${why}`, 'evaluation')
  }

  private pick(turn: number): ServiceInstance {
    return this.services[turn % this.services.length] as ServiceInstance
  }

  private acknowledge(request_id: string): void {
    this.due.set(request_id, 'applied')
    this.counter.acknowledge()
  }

  private note(fault: string | null, kind: FaultKind): void {
    this.counter.add('requests')
    if (fault === null) return
    this.counter.add('failed')
    const known = this.faults[kind]
    if (known.length < MOST_EXAMPLES) known.push(fault)
  }
}
/** Of each kind. */
const MOST_EXAMPLES = 5
/** Between two looks at the count, in milliseconds. */
const LOOK_MS = 100
