import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { adapters } from '../../src/composition.ts'
import type { EvidenceDraft, EvidenceRecord } from '../../src/core/gate/types.ts'
import { runProbe } from '../../src/features/probes/framework/run-probe.ts'
import { rollbackLossless } from '../../src/features/probes/rollback-lossless.ts'
import { defineSwitchBack } from '../../src/features/probes/switch-back.ts'
import { loadGateFiles } from '../../src/features/team-folder/load-gate-files.ts'
import type { Adapters } from '../../src/ports/adapters.ts'
import { TERMS, toContext, toItem } from '../features/probes/context.ts'
import { TOOLS } from '../adapters/store-contract/opened-store.ts'
import type { TestCutover } from '../support/cutover.ts'
import type { CutoverServices } from '../support/cutover-services.ts'
import { BUILD, gateFolder } from '../support/gate-folder.ts'
import { ROOT, spawnFf, startFf } from '../support/run-ff.ts'
import { everyNth, FULL } from '../support/scale.ts'
import { ask } from '../support/service.ts'
import { openStagedCutover, toDrillTools } from '../support/staged-cutover.ts'
import { getCheck, until } from './outcome.ts'

let cutover: TestCutover
let services: CutoverServices
beforeAll(async () => {
  const opened = await openStagedCutover()
  cutover = opened.cutover
  services = opened.services
}, 60_000)
afterAll(async () => {
  await services.close()
  await cutover.close()
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

async function endI1(): Promise<void> {
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
}
async function takeWayBack(): Promise<void> {
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
}
const CUT_SHORT = [
  ['a run of I1 that is ended goes back first', endI1],
  ['I1 is inconclusive where another one takes the way back', takeWayBack],
] as const
test.each(everyNth(CUT_SHORT, 2))('%s', { timeout: 60_000 }, (_what, run) => run())

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
  const { request, limits } = toDrillTools(cutover)
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
