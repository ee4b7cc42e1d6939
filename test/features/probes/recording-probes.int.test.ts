import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeRunnerKey } from '../../../src/adapters/evidence-log/runner-key.ts'
import { adapters } from '../../../src/composition.ts'
import { plantRecording } from '../../../src/features/probes/faults/planted-recording.ts'
import { digestIdentity } from '../../../src/features/observe/instances.ts'
import { openStagingRecording } from '../../../src/features/observe/recording.ts'
import { findProbe } from '../../../src/features/probes/index.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import type { InstanceIdentity } from '../../../src/features/serve/identity.ts'
import type { ObservedMinute } from '../../../src/core/observe/minute.ts'
import type { HttpClient } from '../../../src/ports/http.ts'
import {
  expectDetected,
  expectHeld,
  NO_CUTOVER,
  runFaults,
  toAdapters,
  toContext,
  toItem,
} from './context.ts'

const SAID: InstanceIdentity = {
  environment: 'staging',
  code: 'sha256:aa',
  schema_head: '0004_feed',
  config_digest: 'c'.repeat(64),
  build: 'b'.repeat(64),
  database: '9/1/ff/0',
}
const METRICS = '# TYPE ff_store_up gauge\nff_store_up 1\n'
const answer = (path: string): string => (path === '/identity' ? JSON.stringify(SAID) : METRICS)
const openClient = (origin: string): Promise<HttpClient> =>
  Promise.resolve({
    origin,
    send: ({ path }) => Promise.resolve({ status: 200, text: answer(path), headers: {} }),
    close: () => undefined,
  })

const base = await mkdtemp(join(tmpdir(), 'ff-recording-probes-'))
afterAll(() => rm(base, { recursive: true, force: true }))
const keyFile = join(base, 'runner.pem')
const { kid } = await makeRunnerKey(keyFile)

const INSTANCES = ['a', 'b'].map((name) => ({
  service: `https://${name}.example`,
  admin: `https://${name}.example:9090`,
}))
const STAGING = {
  instances: INSTANCES,
  tokens: [],
  redis: null,
  admin: null,
  approval: null,
  faults: null,
  scopeClaim: 'scope',
  cutover: NO_CUTOVER,
} as const

const getProbe = (id: string): Probe => {
  const found = findProbe(toItem(id))
  if (!found.ok) throw new Error(`no probe of ${id}`)
  return found.probe
}
const contextOf = (id: string, cwd: string, change: Partial<ProbeContext> = {}): ProbeContext =>
  toContext({
    cwd,
    runner: kid,
    adapters: toAdapters({ openClient }),
    params: toItem(id).probe.params,
    targets: { scratch: { kind: 'embedded' }, database: null, store: null, staging: STAGING },
    ...change,
  })

/** A team's folder with a recording of these minutes, by these instances. */
async function record(minutes: readonly ObservedMinute[]): Promise<string> {
  const cwd = await mkdtemp(join(base, 'team-'))
  const writer = await openStagingRecording(adapters, cwd, { path: keyFile, make: false })
  const identities = [digestIdentity(SAID)]
  for (const minute of minutes) await writer.append({ ...minute, identities })
  await writer.close()
  return cwd
}
const HOURS_48 = 48 * 60
let sound = ''
beforeAll(async () => {
  sound = await record(plantRecording(HOURS_48 + 5))
})

describe('H3 and H4 on a recording of 48 clean hours', () => {
  test('hold, as of the last minute', async () => {
    const measured = await getProbe('H3').measure(contextOf('H3', sound))
    expectHeld(toItem('H3'), measured)
    expect(measured.span).toEqual({
      from: '2026-01-01T00:05:00.000Z',
      until: '2026-01-03T00:05:00.000Z',
    })
    const leak = await getProbe('H4').measure(contextOf('H4', sound))
    expectHeld(toItem('H4'), leak)
    expect(leak.span).toEqual(measured.span)
  })

  test.each(['H3', 'H4', 'I4'])('each control of %s breaks its limit', async (id) => {
    expectDetected(toItem(id), await runFaults(getProbe(id), contextOf(id, sound)))
  })

  test.each<readonly [string, Partial<ProbeContext>]>([
    ['another runner', { runner: 'other' }],
    ['no runner', { adapters: toAdapters({ openClient }) }],
    ['a folder without a recording', { cwd: base }],
    ['no staging', { targets: { scratch: { kind: 'embedded' }, database: null, store: null } }],
  ])('say nothing for %s', async (what, change) => {
    const { runner: _, ...none } = contextOf('H3', sound, change)
    const context = what === 'no runner' ? none : contextOf('H3', sound, change)
    await expect(getProbe('H3').measure(context)).rejects.toMatchObject({ code: 'target_missing' })
  })
})

test('where the instances are in a cutover is no part of what they are', () => {
  const cutover = { phase: 'shadow_read', epoch: 7, role: 'writer' }
  expect(digestIdentity({ ...SAID, cutover } as InstanceIdentity)).toBe(digestIdentity(SAID))
})

describe('H3', () => {
  test('is inconclusive where time alone is missing, and fails for a divergence', async () => {
    const short = await record(plantRecording(600))
    await expect(getProbe('H3').measure(contextOf('H3', short))).rejects.toMatchObject({
      code: 'proof_inconclusive',
      message: 'The recording has 10 clean hours in a row, of 48.',
    })
    const wrong = await record(
      plantRecording(600, (at) => (at === 300 ? { divergences: { '/value': 1 } } : {})),
    )
    const { measured } = await getProbe('H3').measure(contextOf('H3', wrong))
    expect(measured).toMatchObject({ divergences: 1, contiguous_h: 4.98 })
  })

  test('fails where the instances are others by now', async () => {
    const other = (origin: string): Promise<HttpClient> =>
      Promise.resolve({
        origin,
        send: () =>
          Promise.resolve({
            status: 200,
            text: JSON.stringify({ ...SAID, code: 'sha256:bb' }),
            headers: {},
          }),
        close: () => undefined,
      })
    const context = contextOf('H3', sound, { adapters: toAdapters({ openClient: other }) })
    const { measured, example } = await getProbe('H3').measure(context)
    expect(measured['identities']).toBe(2)
    expect(example).toContain('the instances say')
  })

  test('fails for a recording that leaves an instance of staging out', async () => {
    const partial = await record(plantRecording(HOURS_48, () => ({ instances: 1 })))
    const { measured } = await getProbe('H3').measure(contextOf('H3', partial))
    expect(measured).toMatchObject({ contiguous_h: 0, bounds_broken: HOURS_48 })
    await expect(getProbe('H4').measure(contextOf('H4', partial))).rejects.toMatchObject({
      code: 'proof_inconclusive',
    })
  })

  test('is refused for a recording that was altered', async () => {
    const altered = await record(plantRecording(3))
    await appendFile(join(altered, '.ff', 'observation', 'minutes.ndjson'), '{}\n')
    await expect(getProbe('H3').measure(contextOf('H3', altered))).rejects.toMatchObject({
      code: 'evidence_untrusted',
    })
  })
})

describe('I4', () => {
  const trigger = {
    id: 'RT-1',
    metric: 'ff_store_up',
    op: 'at_least',
    limit: 1,
    window_s: 60,
    action: 'ff cutover rollback',
    owner: 'platform on-call',
  } as const
  const measure = (metric: string) =>
    getProbe('I4').measure(
      contextOf('I4', base, {
        triggers: {
          kind: 'rollback_triggers',
          schemaVersion: 1,
          triggers: [{ ...trigger, metric }],
        },
      }),
    )
  test('holds for a trigger on a metric of every instance, and fails for any other', async () => {
    expectHeld(toItem('I4'), await measure('ff_store_up'))
    expect((await measure('ff_none')).measured['series_missing']).toBe(1)
    await expect(getProbe('I4').measure(contextOf('I4', base))).rejects.toMatchObject({
      code: 'target_missing',
    })
  })
})
