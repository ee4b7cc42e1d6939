import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestCutover } from '../support/cutover.ts'
import { connect } from '../support/database.ts'
import { everyNth } from '../support/scale.ts'
import { CutoverLoad } from '../support/cutover-load.ts'
import {
  ask,
  FLAG_BODY,
  type Issuer,
  openIssuer,
  startService,
  type StartedService,
} from '../support/service.ts'
import { until } from '../commands/outcome.ts'
import { type Outcome, writeResults } from './results.ts'

/** Kills at each point. `npm run crash` sets it and writes RESULTS.md; other runs kill once, at one point of the command in turns. */
const KILLS = Number(process.env['FF_CRASHES'] ?? 1)
const WHOLE = process.env['FF_CRASHES'] !== undefined
/** What a command says on stderr before each effect. */
const COMMAND_POINTS = [
  'reading both records',
  'publishing an epoch',
  'waiting until every instance holds the epoch',
  'writing the intent',
  'waiting for the switch lock',
  'asking the instance that writes to the file',
  'comparing the heads of both sides',
  'deciding',
  'freeing the switch lock',
]
const LIMIT_MS = 3_600_000
const FLAG = JSON.stringify({
  ...FLAG_BODY,
  value_type: 'number',
  default_value: 0,
  safe_value: 0,
  required_auth: 'any',
})
/** The two phases between which the authority changes; each round takes that step, forth or back. */
const [FILE_PHASE, DATABASE_PHASE] = ['shadow_read', 'db_authoritative'] as const

let cutover: TestCutover
let issuer: Issuer
let env: Readonly<Record<string, string>> = {}
let services: readonly StartedService[] = []
let load: CutoverLoad
const outcomes: Outcome[] = []
beforeAll(async () => {
  ;[cutover, issuer] = await Promise.all([TestCutover.open(true), openIssuer()])
  const token = await issuer.token()
  env = { ...cutover.serviceEnv, ...issuer.env }
  services = [await startInstance(), await startInstance()]
  const { origin } = services[0] as StartedService
  const put = { method: 'PUT', token, body: FLAG }
  expect(await ask(origin, '/v1/flags/ff.count', put)).toMatchObject({ status: 201 })
  load = new CutoverLoad(() => services, token)
  for (const phase of ['dual_write', FILE_PHASE])
    expect(await cutover.step('advance')).toMatchObject({ phase })
}, 120_000)
afterAll(async () => {
  await load.stop()
  await Promise.all(services.map((one) => one.stop('SIGKILL')))
  await issuer.close()
  await cutover.close()
  if (WHOLE) await writeResults(outcomes, { writes: load.count, history: load.history })
})

async function startInstance(): Promise<StartedService> {
  const service = await startService(env)
  await until('the instance is ready', async () => {
    const { status } = await ask(service.origin, '/health/ready')
    return status === 200
  })
  return service
}

/** The words of the command for the next step between the two phases, and where it leads. */
async function findStep(): Promise<{ readonly words: readonly string[]; readonly to: string }> {
  const { phase } = await cutover.status()
  return phase === FILE_PHASE
    ? { words: ['advance'], to: DATABASE_PHASE }
    : { words: ['rollback', '--to', FILE_PHASE], to: FILE_PHASE }
}

/** Gives the commands that the status names until a phase is settled. @returns how many, and the phase */
async function settle(): Promise<{ readonly commands: number; readonly phase: string }> {
  for (let commands = 0; commands < 5; commands += 1) {
    const { phase, next } = await cutover.status()
    if (next.standing === 'ready') return { commands, phase }
    await cutover.run(...next.command.split(' ').slice(2))
  }
  throw new Error(`not settled: ${JSON.stringify(await cutover.status())}`)
}

/** Does `kill` again and again, and asserts after each that writes go on, that none is lost, and that the phase settles. */
async function crash(
  point: string,
  kill: (step: { readonly words: readonly string[] }) => Promise<void>,
): Promise<void> {
  let [stood, most, silenceMs] = [0, 0, 0]
  for (let round = 0; round < KILLS; round += 1) {
    await load.goesOn()
    load.takeSilence()
    const step = await findStep()
    await kill(step)
    const { commands, phase } = await settle()
    expect([FILE_PHASE, DATABASE_PHASE]).toContain(phase)
    await load.goesOn()
    await load.expectKept()
    expect(load.history.findFaults()).toEqual([])
    stood += phase === step.to ? 1 : 0
    most = Math.max(most, commands)
    silenceMs = Math.max(silenceMs, load.takeSilence())
  }
  outcomes.push({ point, kills: KILLS, stood, commands: most, silenceMs })
}

test('a write that was lost would be noticed', async () => {
  await load.goesOn()
  await expect(load.expectKept([['T0', 1_000_000_000]])).rejects.toThrow('T0')
})

test.each(WHOLE ? COMMAND_POINTS : everyNth(COMMAND_POINTS, 8))(
  'the command is killed at: %s',
  (line) =>
    crash(`command, ${line}`, async ({ words }) => {
      expect((await cutover.killAt(line, ...words)).signal).toBe('SIGKILL')
    }),
  LIMIT_MS,
)

/** Ends an instance with SIGKILL, and starts another one in its place. */
async function killInstance(isWriter: boolean): Promise<void> {
  const { instances } = await cutover.status()
  const found = services.find(
    ({ child }) => instances.find(({ pid }) => pid === child.pid)?.writer === isWriter,
  )
  if (found === undefined) throw new Error('no such instance')
  await found.stop('SIGKILL')
  services = services.filter((one) => one !== found)
  services = [...services, await startInstance()]
}

test.each([
  ['the writer', true],
  ['a follower', false],
] as const)(
  '%s is killed while the command takes the step',
  (point, isWriter) =>
    crash(point, async ({ words }) => {
      await Promise.all([cutover.run(...words), killInstance(isWriter)])
    }),
  LIMIT_MS,
)

test(
  'all sessions of the database are ended while the command takes the step',
  () =>
    crash('sessions of the database', async ({ words }) => {
      const sql = await connect('18')
      const ended: Promise<unknown>[] = []
      const end = () =>
        ended.push(
          sql.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`,
            [cutover.database.database],
          ),
        )
      await cutover.runUntil('waiting for the switch lock', end, words)
      expect(await Promise.all(ended)).toHaveLength(1)
      await sql.end()
    }),
  LIMIT_MS,
)

test('at the end both sides are one chain, and a rollback reaches the file', async () => {
  await load.stop()
  await until('both sides are equal', async () => {
    const { file, database } = await cutover.status()
    return file.hash === database.hash
  })
  expect(await cutover.step('rollback')).toMatchObject({ phase: 'file' })
  await load.expectKept()
  const { history } = load
  expect(history.findFaults()).toEqual([])
  expect(Math.min(history.reads, history.decisions)).toBeGreaterThan(10)
})
