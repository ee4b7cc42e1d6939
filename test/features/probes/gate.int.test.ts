import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runGateCheck } from '../../../src/features/gate/gate.ts'
import {
  type ProbeRequest,
  probeRun,
  probeSelftest,
} from '../../../src/features/probes/framework/run-probes.ts'
import { behaviouralSettings, loadSettings } from '../../../src/commands/settings.ts'
import { readRunnerKey } from '../../../src/adapters/evidence-log/runner-key.ts'
import { tools, trustText } from '../signoff/people.ts'
import { BUILD, CODE, gateFolder } from '../../support/gate-folder.ts'
import { ROOT } from '../../support/run-ff.ts'
import { ADAPTERS, requestIn, readTrust } from '../../support/signed-folder.ts'
import { NO_CUTOVER, toContext } from './context.ts'

let cwd = ''
beforeAll(async () => {
  cwd = await gateFolder()
  await mkdir(join(cwd, '.ff'), { recursive: true })
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

async function requestFor(ids: readonly string[]): Promise<ProbeRequest> {
  const { adapters, targets, environment, now, signal } = toContext()
  return {
    folder: { root: ROOT, cwd, checklist: null },
    evidence: join(cwd, '.ff/evidence'),
    key: { path: join(cwd, '.ff/runner.pem'), make: true },
    code: CODE,
    schema_head: '0006_cutover',
    build: BUILD,
    settings: behaviouralSettings(await loadSettings({}, cwd)),
    tool_version: '0.0.0',
    repeat: 1,
    may_disrupt: [],
    ids,
    trust_pin: null,
    adapters,
    targets,
    environment,
    now,
    signal,
    onRunner: () => undefined,
    progress: () => undefined,
  }
}
/** States and codes at the gate, with the runner in the trust file and no signature. */
async function getStates(ids: readonly string[]): Promise<readonly unknown[]> {
  const trust = trustText(readTrust(await readRunnerKey(join(cwd, '.ff/runner.pem'))))
  await writeFile(join(cwd, 'checklists/trust.json'), trust)
  const { items } = await runGateCheck(await requestIn(cwd, tools.sha256(trust)), ADAPTERS)
  return items
    .filter(({ id }) => ids.includes(id))
    .map(({ id, state, codes }) => [id, state, codes])
}

test('records of probes pass at the gate where the trust file names their runner', async () => {
  const groups: string[] = []
  const request = await requestFor(['A1', 'A2', 'A3', 'A4'])
  const report = await probeRun({
    ...request,
    progress: (all) =>
      groups.push([...all.groups].map(([id, count]) => `${id} ${count.join('/')}`).join()),
  })
  expect([report.exitCode, report.items.map(({ state }) => state)]).toEqual([
    0,
    ['pass', 'pass', 'pass', 'pass'],
  ])
  expect(groups).toEqual(['A 0/4', 'A 1/4', 'A 2/4', 'A 3/4', 'A 4/4'])
  expect(await getStates(['A1', 'A2', 'A3', 'A4', 'A5'])).toEqual([
    ['A1', 'pass', []],
    ['A2', 'pass', []],
    ['A3', 'pass', []],
    ['A4', 'pass', []],
    ['A5', 'pending', ['no_record']],
  ])
})

test('V2: a record of J1 counts at the gate until the runbook is another one', async () => {
  const report = await probeRun(await requestFor(['J1']))
  expect([report.exitCode, report.items.map(({ state }) => state)]).toEqual([0, ['pass']])
  expect(await getStates(['J1'])).toEqual([['J1', 'pending', ['attestation_missing']]])
  const path = join(cwd, 'checklists/runbook.md')
  const text = await readFile(path, 'utf8')
  await writeFile(path, 'another way')
  expect(await getStates(['J1'])).toEqual([['J1', 'stale', ['input_changed']]])
  await writeFile(path, text)
  expect(await getStates(['J1'])).toEqual([['J1', 'pending', ['attestation_missing']]])
})

test('a record of a control alone does not change the state of its item', async () => {
  const report = await probeSelftest(await requestFor(['A1']))
  expect([report.exitCode, report.kind]).toEqual([0, 'probe_selftest'])
  expect(await getStates(['A1'])).toEqual([['A1', 'pass', []]])
})

test('a terminated run is cancelled, and records no unfinished item', async () => {
  const controller = new AbortController()
  const request = await requestFor(['A1', 'A2', 'E3'])
  const running = probeRun({
    ...request,
    signal: controller.signal,
    progress: ({ running }) => {
      if (running.has('E3')) controller.abort('terminated')
    },
  })
  const report = await running
  expect([report.verdict, report.exitCode]).toEqual(['cancelled', 143])
  expect(report.items.at(-1)).toMatchObject({ id: 'E3', state: 'pending' })
  expect(await getStates(['E3'])).toEqual([['E3', 'pending', ['no_record']]])
})

test('of probes that measure staging one runs at a time, and none is left behind', async () => {
  const request = await requestFor(['F1', 'H1'])
  const controller = new AbortController()
  const open = { now: 0, most: 0 }
  const openClient = (origin: string) => {
    open.now += 1
    open.most = Math.max(open.most, open.now)
    return Promise.resolve({
      origin,
      send: async () => {
        await sleep(20)
        controller.abort('terminated')
        return { status: 503, text: '', headers: {} }
      },
      close: () => void (open.now -= 1),
    })
  }
  const tokens = ['U-0', 'U-1'].map((sub, at) => {
    const claims = { sub, tid: `T-${at}`, scope: 'ff:registry:write' }
    return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`
  })
  const instances = ['a', 'b'].map((name) => ({
    service: `https://${name}.example`,
    admin: `https://${name}.example:9090`,
  }))
  const unused = {
    redis: null,
    admin: null,
    approval: null,
    faults: null,
    scopeClaim: 'scope',
    cutover: NO_CUTOVER,
  } as const
  const targets = { ...request.targets, staging: { ...unused, instances, tokens } }
  const adapters = { ...request.adapters, openClient }
  const named = { ...request, adapters, targets }
  expect((await probeRun(named)).items.map(({ state }) => state)).toEqual([
    'inconclusive',
    'inconclusive',
  ])
  expect(open).toEqual({ now: 0, most: instances.length })
  const report = await probeRun({ ...named, signal: controller.signal })
  expect([report.exitCode, open.now]).toEqual([143, 0])
})
