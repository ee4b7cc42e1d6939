import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { adapters } from '../../../src/composition.ts'
import type { CutoverPhase } from '../../../src/core/cutover/phases.ts'
import { fillIfEmpty } from '../../../src/features/cutover/fill-if-empty.ts'
import { readLeaseClock } from '../../../src/features/cutover/lease-clock.ts'
import { type CutoverSides, readHeads } from '../../../src/features/cutover/read-sides.ts'
import { runSwitch, type SwitchOutcome } from '../../../src/features/cutover/run-switch.ts'
import { until } from '../../commands/outcome.ts'
import { FaultProxy } from '../../faults/tcp-proxy.ts'
import { openSide } from '../../support/cutover-database.ts'
import { connect } from '../../support/database.ts'
import { FULL, WRITE_PAUSE_MS } from '../../support/scale.ts'
import {
  type Answer,
  ask,
  FLAG_BODY,
  type Issuer,
  openDatabaseTarget,
  openFileTarget,
  openIssuer,
  type ServiceTarget,
  type StartedService,
  startService,
} from '../../support/service.ts'

/** Long enough for a machine that is busy with other tests. */
const LEASE_S = 2
const CLIENTS = 4
const FLAG = JSON.stringify({
  ...FLAG_BODY,
  value_type: 'number',
  default_value: 0,
  safe_value: 0,
  required_auth: 'any',
})

/** By the seed of the run (Park and Miller). */
let state = 1 + (Number(process.env['FF_TEST_SEED'] ?? '0') % 2_147_483_646)
const random = (): number => {
  state = (state * 48_271) % 2_147_483_647
  return state / 2_147_483_647
}
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T

interface Load {
  /** The acknowledged values, by tenant. */
  readonly acknowledged: ReadonlyMap<string, readonly number[]>
  stop(): Promise<void>
}

let issuer: Issuer
let token = ''
beforeAll(async () => {
  issuer = await openIssuer()
  token = await issuer.token()
})
afterAll(() => issuer.close())

let file: ServiceTarget
let database: ServiceTarget
let sides: CutoverSides
let observer: pg.Client
/** Those that clients ask; and all that were started, to be ended after the test. */
let services: StartedService[] = []
let started: StartedService[] = []

beforeEach(async () => {
  file = await openFileTarget()
  database = await openDatabaseTarget('15')
  const { folder } = file
  const { database: held } = database
  if (folder === null || held === null) throw new Error('no folder or no database')
  sides = {
    file: await adapters.openCutoverFile(folder),
    chain: await adapters.openFileChain(folder),
    database: await openSide(held),
  }
  observer = await connect('15', held.database)
})
afterEach(async () => {
  await Promise.all(started.map((one) => one.stop('SIGKILL')))
  services = started = []
  await sides.database.end()
  await observer.end()
  await Promise.all([file.remove(), database.remove()])
})

const startInstance = async (
  more: Readonly<Record<string, string>> = {},
): Promise<StartedService> => {
  const env = {
    ...database.env,
    ...file.env,
    ...issuer.env,
    FF_BACKING: 'managed',
    FF_CUTOVER_LEASE: String(LEASE_S),
    FF_STORE_DEADLINE: '5',
    ...more,
  }
  const service = await startService(env)
  services = [...services, service]
  started = [...started, service]
  return service
}

const advance = async (goal: CutoverPhase): Promise<SwitchOutcome> => {
  const look = await sides.database.look(0)
  if (look.record === null) await fillIfEmpty(sides, look)
  return runSwitch(
    {
      goal,
      raisesAttempt: false,
      gatedAttempt: 1,
      database: look.identity,
      drillEndsAt: null,
      endsDrill: false,
    },
    {
      sides,
      host: 'here',
      limits: { boundMs: 20_000, leaseMs: LEASE_S * 1_000, drainMs: 0 },
      clock: {
        now: readLeaseClock,
        rest: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
      },
      signal: new AbortController().signal,
      observe: () => undefined,
      writer: null,
    },
  )
}

const put = (
  service: StartedService,
  tenant: string,
  value: number,
  key?: string,
): Promise<Answer> =>
  ask(service.origin, `/v1/flags/override/tenant/${tenant}/ff.count`, {
    method: 'PUT',
    token,
    body: JSON.stringify({ value }),
    ...(key === undefined ? {} : { headers: { 'idempotency-key': `"${key}"` } }),
  })
const read = async (service: StartedService, tenant: string): Promise<number> => {
  const path = `/v1/flags/override/tenant/${tenant}/ff.count`
  const { status, text } = await ask(service.origin, path, { token })
  if (status !== 200) throw new Error(`${status} ${text}`)
  return (JSON.parse(text) as { readonly value: number }).value
}
const ready = async (service: StartedService) => {
  const { status, text } = await ask(service.origin, '/health/ready')
  const { dependencies } = JSON.parse(text) as {
    readonly dependencies: { readonly cutover: Record<string, unknown> }
  }
  return { ...dependencies.cutover, status } as { readonly status: number; readonly role: string }
}

/** Several clients that write to several instances; each raises the value of a tenant of its own. */
function load(targets: () => readonly StartedService[]): Load {
  const acknowledged = new Map<string, number[]>()
  let running = true
  const clients = Array.from({ length: CLIENTS }, async (_, at) => {
    const tenant = `T${at}`
    for (let value = 1; running; value += 1) {
      const open = targets()
      const service = open[(value + at) % open.length] as StartedService
      const sent = put(service, tenant, value, `${tenant}-${value}`)
      // A connection that was cut is no acknowledgement.
      const { status } = await sent.catch(() => ({ status: 0 }))
      if (status === 200 || status === 201)
        acknowledged.set(tenant, [...(acknowledged.get(tenant) ?? []), value])
      await sleep(status === 200 || status === 201 ? WRITE_PAUSE_MS : 20)
    }
  })
  return {
    acknowledged,
    stop: async () => {
      running = false
      await Promise.all(clients)
    },
  }
}

const untilEqual = (): Promise<void> =>
  until('both sides are equal', async () => {
    const { fileHead, look } = await readHeads(sides, 'file')
    return fileHead.seq === look.head.seq && fileHead.hash === look.head.hash
  })

/** Each acknowledged change is in the database's chain, which is the file's, and each instance shows the last one. */
async function expectNothingLost({ acknowledged }: Load): Promise<void> {
  await untilEqual()
  const { rows } = await observer.query<{ op_id: string }>('SELECT op_id FROM ff.change_log')
  const held = new Set(rows.map(({ op_id }) => op_id))
  expect(acknowledged.size).toBe(CLIENTS)
  for (const [tenant, values] of acknowledged) {
    expect(values.length).toBeGreaterThan(3)
    expect(values.filter((value) => !held.has(nameWrite(`${tenant}-${value}`)))).toEqual([])
    for (const service of services)
      expect(await read(service, tenant)).toBeGreaterThanOrEqual(values.at(-1) ?? 0)
  }
}

/** The name of a write under a key, in the logs of both sides. */
const nameWrite = (key: string): string =>
  createHash('sha256')
    .update(JSON.stringify(['U1', key]))
    .digest('hex')

/** A way to the database that can be cut, and the settings of an instance that goes it. */
async function cutOff() {
  const { config, database: name } = database.database ?? {}
  const proxy = await FaultProxy.to({ path: `${config?.host ?? ''}/.s.PGSQL.5432` })
  const [, user = ''] = /\/\/([^@]+)@/.exec(database.env['FF_DATABASE_URL'] ?? '') ?? []
  const url = `postgres://${user}@127.0.0.1:${proxy.port}/${name}`
  return { proxy, env: { FF_DATABASE_URL: url, FF_STORE_DEADLINE: '2' } }
}

const decide = async (service: StartedService) => {
  const body = JSON.stringify({ flag_key: 'ff.count', tenant_id: 'T9' })
  const { status, text } = await ask(service.origin, '/v1/flags/evaluate', {
    token: await issuer.token({ tid: 'T9' }),
    body,
  })
  expect([status, text]).toMatchObject([200, expect.any(String)])
  return JSON.parse(text) as { readonly value: unknown; readonly meta: object }
}

const writeFlag = async (service: StartedService): Promise<void> => {
  const made = await ask(service.origin, '/v1/flags/ff.count', { method: 'PUT', token, body: FLAG })
  expect([made.status, made.text]).toEqual([201, expect.any(String)])
}
const findWriter = async (): Promise<StartedService> => {
  let found: StartedService | undefined
  await until('an instance is the writer', async () => {
    for (const one of services) {
      const { role } = await ready(one).catch(() => ({ role: 'gone' }))
      if (role === 'writer') found = one
    }
    return found !== undefined
  })
  return found as StartedService
}
const move = async (goal: CutoverPhase): Promise<SwitchOutcome> => {
  const outcome = await advance(goal)
  expect(outcome).toMatchObject({ end: 'done', phase: goal })
  return outcome
}

/** Replaces a process that has ended by a new one. */
async function replaceService(ended: StartedService): Promise<void> {
  services = services.filter((one) => one !== ended)
  await startInstance()
}
const killWriter = async (): Promise<void> => {
  const writer = await findWriter()
  await writer.stop('SIGKILL')
  await replaceService(writer)
}
const DISTURBANCES: readonly (() => Promise<unknown>)[] = [
  killWriter,
  async () => {
    const { child } = await findWriter()
    child.kill('SIGSTOP')
    await sleep(random() * 2_000 * LEASE_S)
    child.kill('SIGCONT')
    await sleep(300)
    // Its successor has ended it where it was frozen for longer than a lease.
    const frozen = services.find((one) => one.child === child)
    if (frozen !== undefined && child.signalCode !== null) await replaceService(frozen)
  },
  () =>
    observer.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    ),
  () => advance(pick(WAY)),
  async () => {
    const moved = advance(pick(WAY))
    await sleep(random() * 300)
    await killWriter()
    await moved
  },
]

const WAY = ['dual_write', 'shadow_read', 'db_authoritative'] as const

describe('two instances in a cutover', () => {
  test('lose nothing where the writer is frozen, killed or told to stop under load', async () => {
    await startInstance()
    await writeFlag(await startInstance())
    await move('dual_write')
    const running = load(() => services)
    const frozen = await findWriter()
    frozen.child.kill('SIGSTOP')
    services = services.filter((one) => one !== frozen)
    const successor = await findWriter()
    expect(successor).not.toBe(frozen)
    frozen.child.kill('SIGCONT')
    // Its successor has ended it before it took over.
    await expect(frozen.ended).resolves.toMatchObject({ signal: 'SIGKILL' })
    await startInstance()
    await move('shadow_read')
    await move('db_authoritative')
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await sleep(300)
      const writer = await findWriter()
      services = services.filter((one) => one !== writer)
      // One that is told to stop frees the lock as its last act.
      expect(await writer.stop(signal)).toMatchObject({ status: signal === 'SIGTERM' ? 0 : null })
      await findWriter()
      await startInstance()
    }
    await sleep(300)
    await running.stop()
    await expectNothingLost(running)
  }, 120_000)

  test('with the database cut off: serve the file on, refuse to acknowledge, and catch up', async () => {
    const { proxy, env } = await cutOff()
    try {
      const [first, second] = [await startInstance(env), await startInstance(env)]
      await writeFlag(first)
      await move('dual_write')
      expect((await put(first, 'T9', 1)).status).toBe(201)
      await proxy.set({ kind: 'refuse' })
      const late = await put(second, 'T9', 2, 'k-2')
      expect([late.status, JSON.parse(late.text)]).toEqual([
        503,
        expect.objectContaining({ code: 'mirror_behind', seq: 3, revision: 2 }),
      ])
      // In effect, and decided by at once.
      expect(await decide(first)).toMatchObject({ value: 2 })
      await sleep(1_200 * LEASE_S)
      for (const one of [first, second]) {
        expect(await ready(one)).toMatchObject({ status: 200, phase: 'dual_write', stale: false })
        expect((await decide(one)).meta).not.toHaveProperty('stale')
      }
      await proxy.set({ kind: 'none' })
      await untilEqual()
      // The same request again writes nothing, and is acknowledged now.
      const again = await put(second, 'T9', 2, 'k-2')
      expect([again.status, JSON.parse(again.text)]).toMatchObject([200, { revision: 2, value: 2 }])
      expect(await put(first, 'T9', 3, 'k-2')).toMatchObject({ status: 422 })
      await expect(read(first, 'T9')).resolves.toBe(2)
      expect((await put(first, 'T9', 2, 'k"2')).status).toBe(400)

      await move('shadow_read')
      await move('db_authoritative')
      expect((await put(second, 'T9', 4, 'k-4')).status).toBe(200)
      await proxy.set({ kind: 'refuse' })
      await until('the lease has run out', async () => (await ready(first)).status === 503)
      expect(await decide(first)).toMatchObject({ meta: { stale: true } })
      expect((await put(first, 'T9', 5)).status).toBe(503)
      await proxy.set({ kind: 'none' })
      await until('both are ready', async () => {
        const states = await Promise.all([ready(first), ready(second)])
        return states.every(({ status }) => status === 200)
      })
      expect(await put(second, 'T9', 4, 'k-4')).toMatchObject({ status: 200 })
      expect((await put(first, 'T9', 6)).status).toBe(200)
      await expect(read(second, 'T9')).resolves.toBe(6)
    } finally {
      await proxy.close()
    }
  }, 90_000)

  test('lose nothing whatever is killed, frozen or cut while the phase moves forth and back', async () => {
    await startInstance()
    await startInstance()
    await writeFlag(services[0] as StartedService)
    await move('dual_write')
    const running = load(() => services)
    for (let round = 0; round < (FULL ? 60 : 1); round += 1) {
      await pick(DISTURBANCES)()
      await sleep(200)
    }
    // Whatever was left half done, the next command finishes.
    await move('db_authoritative')
    await sleep(500)
    await running.stop()
    await expectNothingLost(running)
  }, 600_000)

  test('acknowledge a dual write once both sides have it, and show it to the caller', async () => {
    const [first, second] = [await startInstance(), await startInstance()]
    await writeFlag(first)
    await move('dual_write')
    for (const [at, service] of [first, second, first, second].entries()) {
      const value = at + 1
      expect((await put(service, 'T9', value, `k-${value}`)).status).toBeLessThan(300)
      const { rows } = await observer.query('SELECT FROM ff.change_log WHERE op_id = $1', [
        nameWrite(`k-${value}`),
      ])
      expect(rows).toHaveLength(1)
      await expect(read(service, 'T9')).resolves.toBe(value)
    }
    const { text: identity } = await ask(second.origin, '/identity')
    expect(JSON.parse(identity)).toMatchObject({
      cutover: { phase: 'dual_write', role: expect.stringMatching(/^(writer|follower)$/) },
    })
    const { text: metrics } = await ask(first.origin, '/metrics')
    expect(metrics).toContain('ff_cutover_phase{phase="dual_write"} 1')
    // On another host than the file's there is nothing to serve in this phase.
    const remote = await startInstance({ FF_STORE_DIR: '' })
    expect(await ready(remote)).toMatchObject({
      status: 503,
      role: 'remote',
      detail: 'not_on_file_host',
    })
    expect(await put(remote, 'T9', 5)).toMatchObject({ status: 503 })
    await move('shadow_read')
    await move('db_authoritative')
    await until('the remote instance is ready', async () => (await ready(remote)).status === 200)
    expect(await put(remote, 'T9', 6)).toMatchObject({ status: 200 })
    await expect(read(remote, 'T9')).resolves.toBe(6)
    await expect(read(first, 'T9')).resolves.toBe(6)
  }, 60_000)
})
