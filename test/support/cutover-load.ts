import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { until } from '../commands/outcome.ts'
import { History } from './history.ts'
import { WRITE_PAUSE_MS } from './scale.ts'
import { ask, type StartedService } from './service.ts'

interface DecisionSeen {
  readonly decision: string
  readonly value: number
  readonly meta: { readonly stale?: true }
}

/** Writes to services by turns, each client to a tenant of its own, with values that only grow. */
export class CutoverLoad {
  /** The last acknowledged value of each tenant. */
  readonly acknowledged = new Map<string, number>()
  count = 0
  /** Evaluations that were answered with another status than 200. */
  readonly refused: string[] = []
  /** What the clients have seen of the rows of a store that held none of them before. */
  readonly history = new History()
  /** Writes that were in effect and did not reach the second side in time. */
  behind = 0
  private readonly services: () => readonly StartedService[]
  private readonly token: string
  private readonly clients: readonly Promise<void>[]
  private readonly reader: Promise<void>
  private running = true
  private lastAt = performance.now()
  private longestMs = 0

  /** @param services the instances that live, asked before each write */
  constructor(services: () => readonly StartedService[], token: string, clients = 4) {
    this.services = services
    this.token = token
    this.clients = Array.from({ length: clients }, (_, at) => this.write(at))
    this.reader = this.evaluate()
  }

  /** Longest time without an acknowledged write since the last call, in milliseconds. */
  takeSilence(): number {
    const longest = Math.max(this.longestMs, performance.now() - this.lastAt)
    this.longestMs = 0
    return longest
  }

  /** Ends once every client has been acknowledged again. */
  async goesOn(): Promise<void> {
    const before = new Map(this.acknowledged)
    await until('writes are acknowledged again', () =>
      Promise.resolve(
        this.clients.every(
          (_, at) => (this.acknowledged.get(`T${at}`) ?? 0) > (before.get(`T${at}`) ?? 0),
        ),
      ),
    )
  }

  /**
   * Asserts that each acknowledged value is there, or a later one, at every instance.
   *
   * @param acknowledged last values by tenant; those of the clients by default
   */
  async expectKept(acknowledged = [...this.acknowledged]): Promise<void> {
    expect(acknowledged.length).toBeGreaterThan(0)
    for (const service of this.services())
      for (const [tenant, value] of acknowledged)
        expect(await this.read(service, tenant), tenant).toBeGreaterThanOrEqual(value)
  }

  async stop(): Promise<void> {
    this.running = false
    await Promise.all([...this.clients, this.reader])
  }

  /** Asks the services by turns for a decision, and for the row behind it. */
  private async evaluate(): Promise<void> {
    for (let turn = 0; this.running; turn += 1) {
      const services = this.services()
      const service = services[turn % services.length] as StartedService
      await this.decide(service)
      await this.readRow(service)
      await sleep(WRITE_PAUSE_MS)
    }
  }

  private async decide({ origin, child }: StartedService): Promise<void> {
    const body = JSON.stringify({ flag_key: 'ff.count', tenant_id: 'T0' })
    const from = performance.now()
    // A service that is killed answers nothing.
    const asked = { token: this.token, body }
    const answer = await ask(origin, '/v1/flags/evaluate', asked).catch(() => null)
    if (answer === null) return
    if (answer.status !== 200) return void this.refused.push(`${answer.status} ${answer.text}`)
    const { decision, value, meta } = JSON.parse(answer.text) as DecisionSeen
    if (decision !== 'allow' || meta.stale !== undefined) return
    const call = { kind: 'read', value, from, to: performance.now() } as const
    this.history.addAtInstance(String(child.pid), 'T0', call)
  }

  private async readRow({ origin }: StartedService): Promise<void> {
    const from = performance.now()
    const answer = await ask(origin, toPath('T0'), { token: this.token }).catch(() => null)
    if (answer?.status !== 200) return
    const { value } = JSON.parse(answer.text) as Pick<DecisionSeen, 'value'>
    this.history.addCall('T0', { kind: 'read', value, from, to: performance.now() })
  }

  private async write(at: number): Promise<void> {
    for (let value = 1; this.running; value += 1) {
      const services = this.services()
      const service = services[(value + at) % services.length] as StartedService
      const call = { kind: 'write' as const, value, from: performance.now(), to: Infinity }
      // A reader may see it before it is answered.
      this.history.addCall(`T${at}`, call)
      // A service that is killed answers nothing.
      const answer = await ask(service.origin, toPath(`T${at}`), {
        method: 'PUT',
        token: this.token,
        body: JSON.stringify({ value }),
      }).catch(() => null)
      if (answer === null || answer.status >= 300) {
        if (answer?.text.includes('"mirror_behind"') === true) this.behind += 1
        await sleep(20)
        continue
      }
      this.acknowledged.set(`T${at}`, value)
      this.count += 1
      const now = performance.now()
      call.to = now
      this.history.addAtInstance(String(service.child.pid), `T${at}`, call)
      this.longestMs = Math.max(this.longestMs, now - this.lastAt)
      this.lastAt = now
      await sleep(WRITE_PAUSE_MS)
    }
  }

  private async read(service: StartedService, tenant: string): Promise<number> {
    const find = () => ask(service.origin, toPath(tenant), { token: this.token })
    let answer = await find()
    // An instance that opens the file again, or is started, needs a moment.
    await until('the service reads', async () => {
      if (answer.status !== 200) answer = await find()
      return answer.status === 200
    })
    return (JSON.parse(answer.text) as { readonly value: number }).value
  }
}

const toPath = (tenant: string): string => `/v1/flags/override/tenant/${tenant}/ff.count`
