import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askBy } from '../../src/app/ask.ts'
import type { Callers } from '../../src/app/fuzz-callers.ts'
import { type FuzzBench, type FuzzRequest, runFuzz } from '../../src/app/parity-fuzz.ts'
import { loadOrThrow } from '../../src/app/parity.ts'
import type { ParityInputs } from '../../src/app/parity-inputs.ts'
import { CATALOGUE } from '../../src/app/selftest/catalogue.ts'
import { HONEST } from '../../src/app/workings.ts'
import { buildVectors, type Fixture } from '../../src/artefacts/vectors.ts'
import { openDoorOn } from '../../src/auth/door.ts'
import { openScriptedDoor } from '../../src/auth/scripted-door.ts'
import { openScratch } from '../../src/backings/index.ts'
import { byContract } from '../../src/core/auth/contract.ts'
import { evaluate } from '../../src/core/evaluate/evaluate.ts'
import { RULES } from '../../src/core/evaluate/rules.ts'
import { readJson } from '../../src/core/json/read.ts'
import { fromMilliseconds, toMilliseconds } from '../../src/core/state/instant.ts'
import { FfError } from '../../src/errors.ts'
import { searchScenes } from '../../src/fuzz/search.ts'
import type { OpenDoor, Scratch } from '../../src/ports.ts'
import { ROOT } from '../support/run-ff.ts'

let inputs: ParityInputs
let bench: FuzzBench
const opened: (Scratch | OpenDoor)[] = []
beforeAll(async () => {
  inputs = await loadOrThrow(ROOT, [])
  const settings = byContract(inputs.auth.value, inputs.fixtures.value)
  const fixture = (id: string): Fixture =>
    inputs.fixtures.value.fixtures.find((one) => one.id === id) as Fixture
  const [verified, unverified] = [fixture('JWT-EX-01'), fixture('JWT-EX-02')]
  const doors = await Promise.all([
    openScriptedDoor(verified.jwks, settings),
    openScriptedDoor(unverified.jwks, settings),
    openDoorOn(null, settings),
  ])
  const needs = { migrations: inputs.migrations, versions: inputs.persistence.value.postgres }
  const folder = { kind: 'file', folder: null } as const
  const [baseline, candidate] = await Promise.all([
    openScratch(folder, needs),
    openScratch(folder, needs),
  ])
  opened.push(...doors, baseline, candidate)
  const [up, down, without] = doors
  const nobody = { door: without, token: null, fixture: null }
  const callers: Callers = {
    verified: { door: up, token: verified.token, fixture: verified.id, environment: 'prod' },
    'decode-only': {
      door: down,
      token: unverified.token,
      fixture: unverified.id,
      environment: 'dev+H',
    },
    'dev-headers': { ...nobody, environment: 'dev+H' },
    none: { ...nobody, environment: 'prod' },
  }
  bench = { sides: { baseline, candidate }, workings: HONEST, callers }
})
afterAll(() => Promise.all(opened.map((one) => one.close())))

const request = (more: Partial<FuzzRequest> = {}): FuzzRequest =>
  ({
    runs: 400,
    seed: 1,
    timeMs: null,
    signal: new AbortController().signal,
    now: () => new Date(0),
    progress: () => undefined,
    adapters: { searchScenes },
    ...more,
  }) as FuzzRequest

interface Matrix {
  readonly vectors: readonly {
    readonly given: Readonly<
      Record<'flags' | 'tenant_overrides' | 'user_overrides', readonly { expires_at?: string }[]>
    >
  }[]
}

describe('a fuzz', () => {
  test('that finds nothing says how much it looked at, and the same seed says the same', async () => {
    const [first, second] = [
      await runFuzz(request({ runs: 40 }), inputs, bench),
      await runFuzz(request({ runs: 40 }), inputs, bench),
    ]
    expect(first).toMatchObject({ verdict: 'pass', exitName: 'ok' })
    expect(first).toEqual(second)
    expect(first.items.map(({ title }) => title).join()).toMatch(
      /^40 scenes of seed 1, [1-9]\d+ decisions/,
    )
  })

  test('finds an expiry that is off by one, and makes it one flag with one override', async () => {
    const late = RULES.map((rule, at): typeof rule =>
      at === 4 || at === 5
        ? (facts, answer) =>
            rule({ ...facts, now: fromMilliseconds(toMilliseconds(facts.now) - 1) }, answer)
        : rule,
    )
    const candidate: typeof HONEST.ask.candidate = (counter, question) =>
      askBy((facts, answer) => evaluate(facts, answer, late), counter, question)
    const workings = { ...HONEST, ask: { ...HONEST.ask, candidate } }
    const found = await runFuzz(request(), inputs, { ...bench, workings })
    expect(found).toMatchObject({ verdict: 'fail', exitName: 'no_go' })
    expect(found.findings[0]?.code).toBe('divergence')
    const [vector] = (found.counterexample as Matrix).vectors
    const { flags, tenant_overrides, user_overrides } = vector?.given ?? {}
    const overrides = [...(tenant_overrides ?? []), ...(user_overrides ?? [])]
    expect([flags?.length, overrides.length]).toEqual([1, 1])
    expect(overrides[0]?.expires_at).toBe('2026-01-15T09:00:00.000Z')
  })

  test('prints a vector that holds to its schema and its rules', async () => {
    const fault = CATALOGUE.find(({ id }) => id === 'database.users-missing')
    const { sides, workings } = fault?.plant(bench) ?? bench
    const found = await runFuzz(request(), inputs, { ...bench, sides, workings })
    expect(found.exitName).toBe('no_go')
    const text = JSON.stringify(found.counterexample)
    const read = readJson(text)
    if (!read.ok) throw new Error(read.code)
    const value = JSON.parse(text) as Parameters<typeof buildVectors>[0]['value']
    expect(inputs.schemas.problems('parity-test-matrix', value, 'found.json')).toEqual([])
    const { problems } = buildVectors(
      { file: 'found.json', value, node: read.node },
      inputs.fixtures.value.fixtures,
    )
    expect(problems).toEqual([])
  })

  test.each([
    'database.expiry-later',
    'database.boolean-flipped',
    'database.text-decomposed',
    'reading.tenant-filter-lost',
    'reading.stale-entry',
    'answer.member-extra',
    'admin.unknown-as-allowed',
  ])('finds %s', async (id) => {
    const fault = CATALOGUE.find((one) => one.id === id)
    if (fault === undefined) throw new Error(`there is no fault ${id}`)
    const { sides, workings } = fault.plant(bench)
    const found = await runFuzz(request(), inputs, { ...bench, sides, workings })
    expect(found.exitName).toBe('no_go')
  })

  test('with a comparer that is blind is no pass', async () => {
    const blind = { ...HONEST, compare: () => ({ differences: [], fields: 1 }) }
    const done = await runFuzz(request({ runs: 5 }), inputs, { ...bench, workings: blind })
    // A blind comparer does not even see what has to differ, so it may fail before its control speaks.
    expect(done.exitName).not.toBe('ok')
    expect(done.findings.map(({ subject }) => subject)).toContain('control.comparer')
  })

  test('that may look at nothing is no pass', async () => {
    const nothing: FuzzRequest['adapters']['searchScenes'] = () =>
      Promise.resolve({ played: 0, smallest: null })
    const adapters = { searchScenes: nothing } as unknown as FuzzRequest['adapters']
    expect(await runFuzz(request({ adapters }), inputs, bench)).toMatchObject({
      exitName: 'inconclusive',
    })
  })

  test('takes a side that is lost for no divergence', async () => {
    const { baseline, candidate } = bench.sides
    const lost = new FfError('backing_unavailable', 'It is gone.', { hint: 'Look.' })
    const store = { ...candidate.store, kind: 'file' as const, load: () => Promise.reject(lost) }
    const sides = {
      baseline,
      candidate: { ...candidate, store: store as unknown as typeof candidate.store },
    }
    await expect(runFuzz(request(), inputs, { ...bench, sides })).rejects.toBe(lost)
  })

  test('that is ended says with which seed to go on', async () => {
    const controller = new AbortController()
    const progress = (): void => controller.abort('interrupted')
    const run = runFuzz(request({ signal: controller.signal, progress, seed: 77 }), inputs, bench)
    await expect(run).rejects.toMatchObject({
      code: 'interrupted',
      hint: expect.stringContaining('--seed 77') as string,
    })
  })
})
