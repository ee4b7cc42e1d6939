import { expect } from 'vitest'
import { until } from '../commands/outcome.ts'
import { CutoverLoad } from './cutover-load.ts'
import {
  ask,
  FLAG_BODY,
  type Issuer,
  openIssuer,
  startService,
  type StartedService,
} from './service.ts'

const FLAG = JSON.stringify({
  ...FLAG_BODY,
  value_type: 'number',
  default_value: 0,
  safe_value: 0,
  required_auth: 'any',
})

/** Managed instances of one host, in processes of their own. */
export class CutoverServices {
  running: readonly StartedService[] = []
  private readonly issuer: Issuer
  /** Of a caller with every scope. */
  readonly token: string
  private readonly env: Readonly<Record<string, string>>

  private constructor(issuer: Issuer, token: string, env: Readonly<Record<string, string>>) {
    this.issuer = issuer
    this.token = token
    this.env = { ...env, ...issuer.env }
  }

  /** Starts two instances, and writes a flag. */
  static async open(env: Readonly<Record<string, string>>): Promise<CutoverServices> {
    const issuer = await openIssuer()
    const services = new CutoverServices(issuer, await issuer.token(), env)
    await services.start()
    await services.start()
    const { token, running } = services
    const [first] = running as [StartedService]
    const made = await ask(first.origin, '/v1/flags/ff.count', { method: 'PUT', token, body: FLAG })
    expect(made.status, made.text).toBe(201)
    return services
  }

  /**
   * Starts an instance, and waits until it takes part: it holds a lease and an epoch.
   *
   * @param more settings of this instance alone
   * @throws where it does not start, with what it said
   */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const service = await startService({ ...this.env, ...more })
    this.running = [...this.running, service]
    await until('the instance is ready', async () => {
      const { status } = await ask(service.origin, '/health/ready')
      return status === 200
    })
  }

  /** Ends the instance of a process with SIGKILL. */
  async kill(pid: number): Promise<void> {
    const service = this.running.find(({ child }) => child.pid === pid)
    expect(service, `${pid} is an instance`).toBeDefined()
    await service?.stop('SIGKILL')
    this.dropEnded()
  }
  /** Forgets the instances whose process was ended. */
  dropEnded(): void {
    this.running = this.running.filter(
      ({ child }) => child.exitCode === null && child.signalCode === null,
    )
  }

  /** Tokens of so many users, each of another tenant, with every scope. */
  listTokens(count: number): Promise<readonly string[]> {
    const claims = Array.from({ length: count }, (_, at) => ({ sub: `U-${at}`, tid: `T-${at}` }))
    return Promise.all(claims.map((one) => this.issuer.token(one)))
  }

  /** Clients that write to the instances that run. */
  startLoad(): CutoverLoad {
    return new CutoverLoad(() => this.running, this.token)
  }

  /** Decisions are compared with those of the other side, under writes, and none differs. */
  async expectCompared(): Promise<void> {
    for (const { origin } of this.running) {
      const before = await countMetric(origin, 'ff_shadow_compared_total')
      await until('a decision is compared', async () => {
        const body = JSON.stringify({ flag_key: 'ff.count', tenant_id: 'T0' })
        await ask(origin, '/v1/flags/evaluate', { method: 'POST', token: this.token, body })
        return (await countMetric(origin, 'ff_shadow_compared_total')) > before
      })
      expect(await countMetric(origin, 'ff_shadow_divergences_total')).toBe(0)
      expect(await countMetric(origin, 'ff_shadow_failures_total')).toBe(0)
    }
  }

  /** The value of a metric without labels at each instance. */
  readMetric(metric: string): Promise<readonly number[]> {
    return Promise.all(this.running.map(({ origin }) => countMetric(origin, metric)))
  }

  async close(): Promise<void> {
    await Promise.all(this.running.map((one) => one.stop('SIGKILL')))
    await this.issuer.close()
  }
}

async function countMetric(origin: string, metric: string): Promise<number> {
  const { text } = await ask(origin, '/metrics', {})
  const samples = [...text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm)]
  return samples
    .filter(([, name]) => name === metric)
    .reduce((sum, [, , value]) => sum + Number(value), 0)
}
