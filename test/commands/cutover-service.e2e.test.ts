import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestCutover } from '../support/cutover.ts'
import {
  ask,
  FLAG_BODY,
  type Issuer,
  openIssuer,
  startService,
  type StartedService,
} from '../support/service.ts'
import { until } from './outcome.ts'

const FLAG = JSON.stringify({
  ...FLAG_BODY,
  value_type: 'number',
  default_value: 0,
  safe_value: 0,
  required_auth: 'any',
})
const CLIENTS = 4

let cutover: TestCutover
let issuer: Issuer
let token = ''
let env: Readonly<Record<string, string>> = {}
let services: readonly StartedService[] = []
beforeAll(async () => {
  ;[cutover, issuer] = await Promise.all([TestCutover.open(true), openIssuer()])
  token = await issuer.token()
  env = { ...cutover.serviceEnv, ...issuer.env }
  services = [await startInstance(), await startInstance()]
}, 60_000)
afterAll(async () => {
  await Promise.all(services.map((one) => one.stop('SIGKILL')))
  await issuer.close()
  await cutover.close()
})

/** Starts an instance that takes part: it holds a lease and an epoch. */
async function startInstance(): Promise<StartedService> {
  const service = await startService(env)
  await until('the instance is ready', async () => {
    const { status } = await ask(service.origin, '/health/ready')
    return status === 200
  })
  return service
}

const put = (service: StartedService, tenant: string, value: number) =>
  ask(service.origin, `/v1/flags/override/tenant/${tenant}/ff.count`, {
    method: 'PUT',
    token,
    body: JSON.stringify({ value }),
  })
async function read(service: StartedService, tenant: string): Promise<number> {
  const path = `/v1/flags/override/tenant/${tenant}/ff.count`
  let answer = await ask(service.origin, path, { token })
  // An instance that opens the file again, behind `complete`, needs a moment.
  await until('the service reads', async () => {
    answer = await ask(service.origin, path, { token })
    return answer.status === 200
  })
  return (JSON.parse(answer.text) as { readonly value: number }).value
}

interface Load {
  /** The last acknowledged value of each tenant, which only grows. */
  readonly acknowledged: ReadonlyMap<string, number>
  /** Number of acknowledged writes. */
  count(): number
  stop(): Promise<void>
}
/** Clients that write to the services by turns, each to a tenant of its own. */
function startLoad(): Load {
  const acknowledged = new Map<string, number>()
  let [running, count] = [true, 0]
  const clients = Array.from({ length: CLIENTS }, async (_, at) => {
    for (let value = 1; running; value++) {
      const service = services[(value + at) % services.length] as StartedService
      // A service that is killed answers nothing.
      const answer = await put(service, `T${at}`, value).catch(() => null)
      if (answer === null || answer.status >= 300) {
        await sleep(20)
        continue
      }
      acknowledged.set(`T${at}`, value)
      count += 1
    }
  })
  const stop = async (): Promise<void> => {
    running = false
    await Promise.all(clients)
  }
  return { acknowledged, count: () => count, stop }
}

/** Each acknowledged value is there, or a later one, at every service. */
async function expectKept({ acknowledged }: Load): Promise<void> {
  expect(acknowledged.size).toBe(CLIENTS)
  for (const service of services)
    for (const [tenant, value] of acknowledged)
      expect(await read(service, tenant), tenant).toBeGreaterThanOrEqual(value)
}
/** Writes go on after a step. */
async function expectGoingOn(load: Load): Promise<void> {
  const before = load.count()
  await until('writes are acknowledged again', async () => load.count() > before + CLIENTS)
}

test('two services go forth and back under load by the commands, and lose no acknowledged write', async () => {
  const [first] = services as [StartedService]
  expect(
    await ask(first.origin, '/v1/flags/ff.count', { method: 'PUT', token, body: FLAG }),
  ).toMatchObject({ status: 201 })
  const load = startLoad()
  try {
    for (const phase of ['dual_write', 'shadow_read', 'db_authoritative']) {
      expect(await cutover.step('advance')).toMatchObject({ phase })
      await expectGoingOn(load)
      if (phase !== 'dual_write') await expectCompared()
    }
    const { instances, next } = await cutover.status()
    expect(instances.filter(({ live }) => live)).toHaveLength(2)
    expect(instances.filter(({ writer }) => writer)).toHaveLength(1)
    expect(next.command).toBe('ff cutover advance')

    await killWriter()
    await expectGoingOn(load)
    const killed = await cutover.killAt('deciding', 'rollback', '--to', 'shadow_read')
    expect(killed.signal).toBe('SIGKILL')
    await finish('shadow_read')
    await expectGoingOn(load)
    for (const phase of ['db_authoritative', 'complete']) {
      expect(await cutover.step('advance')).toMatchObject({ phase })
      await expectGoingOn(load)
    }
    expect(await cutover.step('rollback')).toMatchObject({ from: 'complete', phase: 'file' })
    await expectGoingOn(load)
  } finally {
    await load.stop()
  }
  await expectKept(load)
}, 120_000)

/** Decisions are compared with the other side, under writes, and none differs. */
async function expectCompared(): Promise<void> {
  for (const { origin } of services) {
    const before = await count(origin, 'ff_shadow_compared_total')
    await until('a decision is compared', async () => {
      const body = JSON.stringify({ flag_key: 'ff.count', tenant_id: 'T0' })
      await ask(origin, '/v1/flags/evaluate', { method: 'POST', token, body })
      return (await count(origin, 'ff_shadow_compared_total')) > before
    })
    expect(await count(origin, 'ff_shadow_divergences_total')).toBe(0)
    expect(await count(origin, 'ff_shadow_failures_total')).toBe(0)
  }
}
async function count(origin: string, metric: string): Promise<number> {
  const { text } = await ask(origin, '/metrics', {})
  const samples = [...text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm)]
  return samples
    .filter(([, name]) => name === metric)
    .reduce((sum, [, , value]) => sum + Number(value), 0)
}

/** Ends the writer with SIGKILL, and starts another instance. */
async function killWriter(): Promise<void> {
  const { instances } = await cutover.status()
  const writer = instances.find((one) => one.writer === true)
  const service = services.find(({ child }) => child.pid === writer?.pid)
  expect(service).toBeDefined()
  await service?.stop('SIGKILL')
  services = [...services.filter((one) => one !== service), await startInstance()]
}

/** Gives the command that the status prints, until the phase is reached. */
async function finish(goal: string): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    const { phase, next } = await cutover.status()
    if (phase === goal && next.standing === 'ready') return
    const words =
      next.standing === 'ready' ? ['rollback', '--to', goal] : next.command.split(' ').slice(2)
    await cutover.step(...words)
  }
  expect(await cutover.status()).toMatchObject({ phase: goal })
}
