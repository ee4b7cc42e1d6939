import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { importRows } from '../../../src/features/import-export/import-rows.ts'
import { parityDiff } from '../../../src/features/parity/parity-diff.ts'
import { parityFuzz } from '../../../src/features/parity/parity-fuzz.ts'
import { parityReplay } from '../../../src/features/parity/parity-replay.ts'
import {
  parityExhaustive,
  type ParityRequest,
  parityRun,
} from '../../../src/features/parity/parity.ts'
import type { Measure, Probe } from '../../../src/features/probes/framework/probe.ts'
import { PROBES } from '../../../src/features/probes/index.ts'
import { paritySelftest } from '../../../src/features/selftest/parity-selftest.ts'
import { startHarness } from '../../../src/features/serve/serve-harness.ts'
import { DEFAULT_SETTINGS } from '../../../src/core/settings/settings.ts'
import { type FailingOpens, failOpen, NEVER, OpenFailed } from '../../support/failing-opens.ts'
import { ROOT } from '../../support/run-ff.ts'
import { getService } from '../../support/service-here.ts'
import { flagLine, storeFolder } from '../../support/store-folder.ts'
import { toItem, toContext } from '../probes/context.ts'
import { adapters as real } from '../../../src/composition.ts'
import type { Adapters } from '../../../src/ports/adapters.ts'

const SCRATCH = { kind: 'file', folder: null } as const
const common = {
  root: ROOT,
  signal: new AbortController().signal,
  now: () => new Date(),
  allowSameKind: true,
  progress: () => undefined,
} as const
/** Ends a run before its first question: the run opens everything and measures nothing. */
const signal = AbortSignal.abort('interrupted')
const parity = { ...common, baseline: SCRATCH, candidate: SCRATCH }

let folders: readonly string[] = []
let requests = ''
beforeAll(async () => {
  const lines = [flagLine('ff.kept', 'boolean')]
  folders = [await storeFolder(lines), await storeFolder(lines)]
  requests = join(await mkdtemp(join(tmpdir(), 'ff-open-fails-')), 'requests.ndjson')
  await writeFile(requests, REQUESTS.map((one) => `${JSON.stringify(one)}\n`).join(''))
})
afterAll(async () => {
  await Promise.all(folders.map((one) => rm(one, { recursive: true })))
  await rm(join(requests, '..'), { recursive: true })
})
const REQUESTS = ['JWT-EX-01', 'JWT-EX-02'].map((fixture) => ({
  request: { flag_key: 'ff.kept', request_id: 'r-1' },
  recorded_at: '2026-01-15T09:00:00.000Z',
  credential: { fixture },
}))
const kept = (at: number) => ({ kind: 'file', folder: folders[at] ?? '' }) as const

type Run = (adapters: Adapters) => Promise<unknown>

const harness = (adapters: Adapters) => ({
  root: ROOT,
  adapters,
  settings: { ...DEFAULT_SETTINGS, FF_LISTEN: { host: '127.0.0.1', port: 0 } },
  now: () => new Date(),
  log: { info: () => undefined, warn: () => undefined, error: () => undefined, dropped: () => 0 },
})
/** Two harnesses in which no open fails. */
async function withServices(
  use: (sides: Pick<ParityRequest, 'baseline' | 'candidate'>) => Promise<unknown>,
): Promise<void> {
  const [left, right] = [await startHarness(harness(real)), await startHarness(harness(real))]
  try {
    await use({
      baseline: { kind: 'http', origin: left.origin },
      candidate: { kind: 'http', origin: right.origin },
    })
  } finally {
    await left.close()
    await right.close()
  }
}
const replay = () => ({ ...parity, file: requests, env: {}, maxDiffs: 10 })
const probing =
  (id: string, getMeasure: (probe: Probe) => Measure | undefined, change: object = {}): Run =>
  async (adapters) => {
    const { name, params } = toItem(id).probe
    const probe = PROBES[name]
    const measure = probe === undefined ? undefined : getMeasure(probe)
    await measure?.(toContext({ adapters, params: { ...params, ...change } }))
  }

const RUNS: Readonly<Record<string, Run>> = {
  'ff parity run': (adapters) => parityRun({ ...parity, adapters, more: [], only: null }),
  'ff parity run on services': (adapters) =>
    withServices((sides) =>
      parityRun({ ...parity, ...sides, signal, adapters, more: [], only: null }),
    ),
  'ff parity exhaustive': (adapters) =>
    parityExhaustive({ ...parity, signal, adapters, only: null }),
  'ff parity fuzz': (adapters) =>
    parityFuzz({ ...parity, adapters, runs: 1, seed: 1, timeMs: null }),
  'ff parity selftest': (adapters) => paritySelftest({ ...parity, signal, adapters }, []),
  'ff parity replay on stores': (adapters) =>
    parityReplay({ ...replay(), adapters, baseline: kept(0), candidate: kept(1) }),
  'ff parity diff': (adapters) =>
    parityDiff({
      ...common,
      adapters,
      baseline: kept(0),
      candidate: kept(1),
      maxDiffs: 10,
      sample: null,
    }),
  'ff import': (adapters) =>
    importRows({
      ...common,
      adapters,
      environment: 'prod',
      source: kept(0),
      database: kept(1),
      dryRun: true,
    }),
  'ff serve': async (adapters) => {
    const settings = {
      FF_ENV: 'dev',
      FF_JWKS_URL: 'http://127.0.0.1:9/jwks.json',
      FF_JWT_ISSUER: 'https://idp.test',
      FF_BACKING: 'file',
      FF_STORE_DIR: folders[0] ?? '',
      FF_ADMIN_LISTEN: '127.0.0.1:0',
    }
    await (await getService({ deps: adapters, settings })).close()
  },
  'ff serve --harness': async (adapters) => (await startHarness(harness(adapters))).close(),
  'ff probe run A1': probing('A1', ({ measure }) => measure),
  'a control of A3': probing('A3', ({ controls }) => controls.get('new_key_accepted_s')),
  'ff probe run F3': probing('F3', ({ measure }) => measure, { modes: 2 }),
}

/** Number of listening servers of this process. */
const listening = (): number =>
  process.getActiveResourcesInfo().filter((one) => one === 'TCPServerWrap').length

const toError = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => null,
    (thrown: unknown) => thrown,
  )
const CLOSE_FAILED = new Error('a close failed')

describe.each(Object.entries(RUNS))('%s closes everything', (_name, run) => {
  let before = 0
  beforeAll(() => {
    before = listening()
  })
  /** Work in parallel to the failed open may take a moment to end. */
  const expectClosed = (opens: FailingOpens): Promise<void> =>
    vi.waitFor(() => {
      expect(opens.stillOpen()).toEqual([])
      expect(listening()).toBe(before)
    })

  test('whichever open fails', async () => {
    let last = 0
    for (;;) {
      const opens = failOpen(last + 1)
      const error = await toError(run(opens.adapters))
      await expectClosed(opens)
      if (opens.calls.length <= last) break
      last += 1
      expect(error, `${opens.calls.join()} failed`).not.toBeNull()
    }
    expect(last).toBeGreaterThan(1)
  })

  test('and reports the open that failed, when every close fails as well', async () => {
    const opens = failOpen(2, () => Promise.reject(CLOSE_FAILED))
    const error = await toError(run(opens.adapters))
    await expectClosed(opens)
    expect(error).toBeInstanceOf(OpenFailed)
  })

  test('and reports a close that fails', async () => {
    const opens = failOpen(NEVER, () => Promise.reject(CLOSE_FAILED))
    const error = await toError(run(opens.adapters))
    await expectClosed(opens)
    expect(opens.calls.length).toBeGreaterThan(1)
    expect(error).not.toBeNull()
  })
})
