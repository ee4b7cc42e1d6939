import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { adapters } from '../../src/composition.ts'
import type { EvidenceDraft, EvidenceRecord } from '../../src/core/gate/types.ts'
import { FfError } from '../../src/errors.ts'
import { beginDrill, type DrillTools, drillTwice } from '../../src/features/cutover/drill.ts'
import { runProbe } from '../../src/features/probes/framework/run-probe.ts'
import { rollbackLossless } from '../../src/features/probes/rollback-lossless.ts'
import { defineSwitchBack } from '../../src/features/probes/switch-back.ts'
import { loadGateFiles } from '../../src/features/team-folder/load-gate-files.ts'
import type { Adapters } from '../../src/ports/adapters.ts'
import { CUTOVER_CLOCK } from '../../src/features/cutover/lease-clock.ts'
import { TERMS, toContext, toItem } from '../features/probes/context.ts'
import { TOOLS } from '../adapters/store-contract/opened-store.ts'
import { TestCutover } from '../support/cutover.ts'
import { CutoverServices } from '../support/cutover-services.ts'
import { BUILD, gateFolder } from '../support/gate-folder.ts'
import { ROOT, spawnFf, startFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'
import { ask } from '../support/service.ts'
import { getCheck, until } from './outcome.ts'

let cutover: TestCutover
let services: CutoverServices
beforeAll(async () => {
  cutover = (await TestCutover.open(true)).with({ env: { FF_ENV: 'staging' } })
  // The database of a test is made for production.
  expect((await cutover.type('migrate', 'up', '--adopt')).status).toBe(0)
  services = await CutoverServices.open(cutover.serviceEnv)
  await cutover.step('advance')
  await cutover.step('advance')
}, 60_000)
afterAll(async () => {
  await services.close()
  await cutover.close()
})

test('an instance or a command with another lease than the instances that live is refused', async () => {
  const other = { FF_CUTOVER_LEASE: '3' }
  await expect(services.start(other)).rejects.toThrow(/lease of 2 s/)
  const command = cutover.with({ env: other })
  const said = /has a lease of 2 s, and FF_CUTOVER_LEASE is 3 here/
  expect((await command.refused(20, 'advance')).message).toMatch(said)
  expect((await command.refused(20, ...DRILL, '8')).message).toMatch(said)
  const { blocks } = await command.status()
  expect(blocks[0]).toMatchObject({ code: 'other_lease', detail: expect.stringMatching(said) })
})

const DRILL = ['drill', '--staging', '--seconds'] as const

test('a drill that is killed before its decision is taken back by the printed command, in the same attempt', async () => {
  const killed = await cutover.killAt('writing the intent', ...DRILL, '60')
  expect(killed.signal, killed.stderr).toBe('SIGKILL')
  const { phase, next } = await cutover.status()
  expect([phase, next.command]).toEqual(['shadow_read', 'ff cutover rollback --to shadow_read'])
  expect(await cutover.step('rollback', '--to', 'shadow_read')).toMatchObject({ attempt: 1 })
  expect(await cutover.status()).toMatchObject({ armed: false, next: { standing: 'ready' } })
})

test('a drill goes back by itself when its command is killed, and loses no acknowledged write', async () => {
  const load = services.startLoad()
  try {
    await load.goesOn()
    // The decision and the file's copy are there, and the command is dead.
    const killed = await cutover.killAt('freeing the switch lock', ...DRILL, '8.0005')
    expect(killed.signal, killed.stderr).toBe('SIGKILL')
    expect(await cutover.status()).toMatchObject({
      phase: 'db_authoritative',
      attempt: 1,
      drill_ends_at: expect.any(String) as string,
      next: { standing: 'drill', command: 'ff cutover rollback --to shadow_read' },
      blocks: [{ code: 'drill' }],
    })
    await until('each instance says that it is in a drill', async () =>
      (await services.readMetric('ff_cutover_drill')).every((value) => value === 1),
    )
    expect((await cutover.refused(20, 'advance')).message).toContain('drill')
    expect((await cutover.refused(20, ...DRILL, '8')).message).toContain('drill')
    await load.goesOn()

    await until('the drill is over', async () => {
      const { phase, next } = await cutover.status()
      return phase === 'shadow_read' && next.standing === 'ready'
    })
    expect(await cutover.status()).toMatchObject({ attempt: 1, drill_ends_at: null })
    expect(await services.readMetric('ff_cutover_drill')).toEqual([0, 0])
    await load.goesOn()
    await services.expectCompared()

    const { steps } = await cutover.read('staging-drill', ...DRILL, '60')
    expect(steps.map(({ from, phase, attempt }) => [from, phase, attempt])).toEqual([
      ['shadow_read', 'db_authoritative', 1],
      ['db_authoritative', 'shadow_read', 1],
      ['shadow_read', 'db_authoritative', 1],
      ['db_authoritative', 'shadow_read', 1],
    ])

    const ended = await cutover.runUntil(
      'freeing the switch lock',
      (child) => child.kill('SIGINT'),
      [...DRILL, '60'],
    )
    expect(ended.status, ended.stderr).toBe(130)
    expect(await cutover.status()).toMatchObject({ phase: 'shadow_read', attempt: 1 })
  } finally {
    await load.stop()
  }
  await load.expectKept()
}, 90_000)

test('a copy of the folder is refused, although its record is the one that stands', async () => {
  const copy = await copyFolder()
  const { epoch } = await cutover.status()
  const elsewhere = cutover.with({ env: { FF_ENV: 'staging', FF_STORE_DIR: copy } })
  const { code, message } = await elsewhere.refused(20, ...DRILL, '60')
  expect([code, message]).toEqual(['phase_refused', expect.stringContaining('a copy of')])
  expect((await cutover.status()).epoch).toBe(epoch)
})

test('on a copy of the folder nothing goes back to the file', { timeout: 30_000 }, async () => {
  await beginDrill(toTools(), { seconds: 60, gate: null })
  const copy = await copyFolder()
  const elsewhere = cutover.with({ env: { FF_ENV: 'staging', FF_STORE_DIR: copy } })
  const { code, message } = await elsewhere.refused(22, 'rollback', '--to', 'shadow_read')
  expect([code, message]).toEqual(['step_backed_out', expect.stringContaining('a copy of')])
  expect(await cutover.step('rollback', '--to', 'shadow_read')).toMatchObject({ attempt: 1 })
})

async function copyFolder(): Promise<string> {
  const copy = join(cutover.root, `copy-${randomUUID()}`)
  await cp(cutover.folder, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') })
  return copy
}

/** What the command has at hand. */
const toTools = (): DrillTools => ({
  request: {
    root: ROOT,
    folder: cutover.folder,
    database: { kind: 'postgres', url: cutover.env['FF_DATABASE_URL'] ?? '', name: 'drilled' },
    environment: 'staging',
    tools: TOOLS,
    adapters,
    failed: (_place, error) => {
      throw error
    },
  },
  limits: { boundMs: 10_000, leaseMs: 2_000, drainMs: 0 },
  clock: CUTOVER_CLOCK,
  signal: new AbortController().signal,
  host: hostname(),
  observe: () => undefined,
})
const untilBack = (): Promise<void> =>
  until('the writer went back', async () => {
    const { phase, next } = await cutover.status()
    return phase === 'shadow_read' && next.standing === 'ready'
  })

test(
  'a drill whose way back the writer takes first was not timed',
  { timeout: 30_000 },
  async () => {
    const tools = toTools()
    let opened = 0
    const late: DrillTools['request']['adapters'] = {
      ...adapters,
      openCutoverFile: async (folder) => {
        opened += 1
        if (opened === 2) await untilBack()
        return adapters.openCutoverFile(folder)
      },
    }
    const drill = drillTwice(
      { ...tools, request: { ...tools.request, adapters: late } },
      { seconds: 0, gate: null },
    )
    await expect(drill).rejects.toMatchObject({ code: 'proof_inconclusive' })
  },
)

test('a step that fails and cannot go back says both', { timeout: 30_000 }, async () => {
  let failures = 0
  const observe: DrillTools['observe'] = ({ do: effect }) => {
    if (failures === 0 && effect !== 'free_lock') return
    failures += 1
    throw new FfError('step_unsettled', `failure ${failures}`, { hint: '' })
  }
  const drill = drillTwice({ ...toTools(), observe }, { seconds: 0, gate: null })
  await expect(drill).rejects.toMatchObject({
    message: 'failure 1 The way back failed too: failure 2',
  })
  await untilBack()
})

/** What `ff probe run I1` needs of a team's folder, and of its settings. */
async function openTeam() {
  const cwd = await gateFolder()
  const origins = services.running.map(({ origin }) => origin)
  const said = await ask(origins[0] ?? '', '/identity')
  const { database } = JSON.parse(said.text) as { readonly database: string }
  const path = join(cwd, 'checklists/plan.json')
  const plan = JSON.parse(await readFile(path, 'utf8')) as object
  await writeFile(path, JSON.stringify({ ...plan, staging_database: database }))
  const tokens = join(cwd, 'tokens')
  await writeFile(tokens, (await services.listTokens(3)).join('\n'), { mode: 0o600 })
  const env = {
    ...cutover.env,
    FF_STAGING_URL: origins.map((origin) => `${origin},${origin}`).join(' '),
    FF_STAGING_TOKEN_FILE: tokens,
  }
  return { cwd, env }
}

test('I1 measures the way back on the instances of staging', { timeout: 60_000 }, async () => {
  const { cwd, env } = await openTeam()
  const { epoch } = await cutover.status()
  const run = (...args: readonly string[]) =>
    spawnFf(['probe', 'run', 'I1', '--format', 'json', ...args], { cwd, env })
  expect((await run()).stdout).toContain('disrupt_not_allowed')
  expect((await cutover.status()).epoch).toBe(epoch)

  // Each limit has a control, which `ff probe selftest` runs.
  expect(getCheck(await run('--allow-disrupt', 'I1')).items[0]?.codes).toEqual(['control_not_run'])
  const [, record] = await readRecords(cwd)
  expect(record).toMatchObject({ result: 'pass', where: 'staging', example: null })
  expect(await cutover.status()).toMatchObject({ phase: 'shadow_read', attempt: 1 })
})

test('a run of I1 that is ended goes back first', { timeout: 60_000 }, async () => {
  const { cwd, env } = await openTeam()
  const child = startFf(['probe', 'run', 'I1', '--allow-disrupt', 'I1'], { cwd, env })
  const ended = once(child, 'close')
  try {
    const hasBegun = async () => (await cutover.status()).drill_ends_at !== null
    await until('the drill has begun', hasBegun, 40_000)
    child.kill('SIGINT')
    expect(await ended).toEqual([130, null])
  } finally {
    child.kill('SIGKILL')
  }
  expect(await cutover.status()).toMatchObject({ phase: 'shadow_read', drill_ends_at: null })
})

test('I1 is inconclusive where another one takes the way back', { timeout: 60_000 }, async () => {
  const { cwd, env } = await openTeam()
  let opened = 0
  const found = await measureHere(
    { cwd, env },
    {
      // For the check, the way forth, and the way back.
      openCutoverFile: async (folder) => {
        opened += 1
        if (opened === 3) await cutover.step('rollback', '--to', 'shadow_read')
        return adapters.openCutoverFile(folder)
      },
    },
  )
  expect(found).toMatchObject({ result: 'inconclusive', codes: ['proof_inconclusive'] })
  expect(await cutover.status()).toMatchObject({ phase: 'shadow_read', drill_ends_at: null })
})

test(
  'I1 is refused while an instance of the cutover is not named',
  { timeout: 60_000 },
  async () => {
    const team = await openTeam()
    const named = services.running
    const { epoch } = await cutover.status()
    await services.start()
    try {
      const found = await measureHere(team, {}, { named })
      expect(found).toMatchObject({ result: 'inconclusive', codes: ['target_missing'] })
      expect(found.example).toContain('3 take part in it, and 2 are named')
      expect((await cutover.status()).epoch).toBe(epoch)
    } finally {
      await services.kill(services.running.at(-1)?.child.pid ?? 0)
    }
  },
)

test(
  'I2 finds in the file what the database took during a drill',
  { timeout: 60_000 },
  async () => {
    const changes = FULL ? 200 : 20
    const whole = toItem('I2')
    const item = {
      ...whole,
      probe: { ...whole.probe, params: { changes } },
      limits: whole.limits.map((one) => (one.value === 200 ? { ...one, value: changes } : one)),
      min_sample: changes,
    }
    const found = await measureHere(await openTeam(), {}, { item })
    expect(found).toMatchObject({ result: 'pass', where: 'staging', example: null })
    expect(found.measured).toEqual({ changes_kept: changes, revisions_differing: 0 })
    expect(await cutover.status()).toMatchObject({ phase: 'shadow_read', drill_ends_at: null })
  },
)

/** The records of the one log of a folder. */
async function readRecords(cwd: string): Promise<readonly EvidenceRecord[]> {
  const [kid = ''] = await readdir(join(cwd, '.ff/evidence'))
  const text = await readFile(join(cwd, '.ff/evidence', kid, 'evidence.ndjson'), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { readonly record: EvidenceRecord }).record)
}

/** Measures I1 in this process with other adapters, under a smaller load. */
async function measureHere(
  { cwd, env }: Awaited<ReturnType<typeof openTeam>>,
  change: Partial<Adapters>,
  { named = services.running, item = toItem('I1') } = {},
): Promise<EvidenceDraft> {
  const { plan } = await loadGateFiles({ root: ROOT, cwd, checklist: null })
  const { request, limits } = toTools()
  const tokens = (await readFile(env.FF_STAGING_TOKEN_FILE, 'utf8')).split('\n')
  const instances = named.map(({ origin }) => ({ service: origin, admin: origin }))
  const absent = { redis: null, admin: null, approval: null, faults: null } as const
  const { leaseMs, drainMs } = limits
  const own = { leaseMs, drainMs, digestKey: TOOLS.digestKey }
  const context = toContext({
    cwd,
    plan,
    environment: 'staging',
    adapters: { ...adapters, ...change },
    mayDisrupt: new Set([item.id]),
    targets: {
      scratch: { kind: 'embedded' },
      database: request.database,
      store: { kind: 'file', folder: cutover.folder },
      staging: { instances, tokens, cutover: own, scopeClaim: 'scope', ...absent },
    },
  })
  const identity = { ...TERMS.identity, build: BUILD }
  const probe =
    item.id === 'I1' ? defineSwitchBack({ requests: 100, givenUpMs: 0 }) : rollbackLossless
  return runProbe(item, probe, { context, terms: { ...TERMS, identity } })
}
