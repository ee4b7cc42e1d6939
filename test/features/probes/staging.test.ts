import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ChecklistItem } from '../../../src/core/gate/types.ts'
import { findRecordingFolder } from '../../../src/features/observe/recording.ts'
import type { Probe, ProbeContext } from '../../../src/features/probes/framework/probe.ts'
import { switchBack } from '../../../src/features/probes/switch-back.ts'
import { runProbe } from '../../../src/features/probes/framework/run-probe.ts'
import type { StagingTarget } from '../../../src/features/probes/framework/staging-target.ts'
import { resolveStaging } from '../../../src/features/observe/staging-addresses.ts'
import {
  checkStaging,
  noteProbe,
  readCallers,
} from '../../../src/features/probes/framework/staging.ts'
import type { InstanceIdentity } from '../../../src/features/serve/identity.ts'
import type { HttpClient } from '../../../src/ports/http.ts'
import { NO_CUTOVER, planAhead, TERMS, toAdapters, toContext, toItem } from './context.ts'

const SCOPES = ['ff:operator', 'ff:tenant:any']
const NEEDS = { instances: 2, callers: 2, scopes: SCOPES, changes: 'nothing' }
const toToken = (claims: unknown): string =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`
const claims = (at: number, change: object = {}): object => ({
  sub: `U-${at}`,
  tid: `T-${at}`,
  scope: SCOPES.join(' '),
  ...change,
})
const TOKENS = [0, 1].map((at) => toToken(claims(at)))
const INSTANCES = ['a', 'b'].map((name) => ({
  service: `https://${name}.example`,
  admin: `https://${name}.example:9090`,
}))
const target = (change: Partial<StagingTarget> = {}): StagingTarget => ({
  instances: INSTANCES,
  tokens: TOKENS,
  redis: null,
  admin: null,
  approval: null,
  faults: null,
  scopeClaim: 'scope',
  cutover: NO_CUTOVER,
  ...change,
})

/** A client for each admin port, which answers with what `say` returns for it. */
const toOpenClient =
  (say: (origin: string) => { readonly status: number; readonly text: string }) =>
  (origin: string): Promise<HttpClient> =>
    Promise.resolve({
      origin,
      send: ({ path }) => {
        expect(path).toBe('/identity')
        return Promise.resolve({ ...say(origin), headers: {} })
      },
      close: () => undefined,
    })
const SCRATCH = { scratch: { kind: 'embedded' }, database: null, store: null } as const
/** A probe of D1 that calls `measure` and misses so many instances. */
const toProbe = (missed: number, measure: () => void): Probe => ({
  version: 1,
  site: 'scratch',
  staging: NEEDS,
  isolation: 'exclusive',
  controls: new Map(),
  measure: () => {
    measure()
    const measured = { p99_ms: 1, instances_missed: missed, kinds_unseen: 0 }
    return Promise.resolve({ measured, met: {}, sample_size: 209, example: null })
  },
})

describe('the callers of staging', () => {
  test('have their claims', () =>
    expect(readCallers(NEEDS, target())).toEqual([
      { headers: { authorization: `Bearer ${TOKENS[0]}` }, user_id: 'U-0', tenant_id: 'T-0' },
      { headers: { authorization: `Bearer ${TOKENS[1]}` }, user_id: 'U-1', tenant_id: 'T-1' },
    ]))
  test.each<readonly [string, readonly string[]]>([
    ['too few tokens', TOKENS.slice(1)],
    ['a text that is no token', ['x', ...TOKENS]],
    ['a token whose claims are no object', [toToken(null), ...TOKENS]],
    ['a token without a tenant', [toToken(claims(0, { tid: undefined })), ...TOKENS]],
    ['a token without a scope', [toToken(claims(0, { scope: 'ff:operator' })), ...TOKENS]],
    ['two tokens of one user', [toToken(claims(1, { tid: 'T-9' })), ...TOKENS.slice(1)]],
    ['tokens of one tenant', [toToken(claims(0, { tid: 'T-1' })), ...TOKENS.slice(1)]],
  ])('may not be %s', (_what, tokens) =>
    expect(() => readCallers(NEEDS, target({ tokens }))).toThrow(
      expect.objectContaining({ code: 'target_missing' }),
    ),
  )
})

test('no two callers may be of one tenant where each needs its own', () => {
  const own = { ...NEEDS, callers: 3, tenants: 'each' } as const
  const tokens = (second: string): readonly string[] => [
    TOKENS[0] ?? '',
    toToken(claims(2, { tid: second })),
    TOKENS[1] ?? '',
  ]
  expect(readCallers(own, target({ tokens: tokens('T-2') }))).toHaveLength(3)
  expect(readCallers({ ...NEEDS, callers: 3 }, target({ tokens: tokens('T-0') }))).toHaveLength(3)
  expect(() => readCallers(own, target({ tokens: tokens('T-0') }))).toThrow(
    expect.objectContaining({ code: 'target_missing' }),
  )
})

test.each<readonly [string, Partial<ProbeContext['targets']>]>([
  ['store', { database: { kind: 'postgres', url: 'postgres://127.0.0.1:1/x', name: 'x' } }],
  ['store that is a folder', { store: { kind: 'embedded' } }],
  ['database', { store: { kind: 'file', folder: '/nowhere' } }],
])('I1 on staging without a %s measures nothing on scratch in its place', async (_what, named) => {
  const staging = { ...target(), tokens: [0, 1, 2].map((at) => toToken(claims(at))) }
  const targets = { scratch: { kind: 'embedded' }, database: null, store: null, ...named } as const
  await expect(
    switchBack.measure(toContext({ targets: { ...targets, staging } })),
  ).rejects.toMatchObject({ code: 'target_missing' })
})

describe('the instances of staging', () => {
  const PLAN = planAhead({ staging_database: '9/1/ff/0' })
  const BUILD = 'b'.repeat(64)
  const SAID: InstanceIdentity = {
    environment: 'staging',
    code: 'sha256:aa',
    schema_head: '0004_feed',
    config_digest: 'c'.repeat(64),
    build: BUILD,
    database: '9/1/ff/0',
  }
  /** Asks two instances, of which the second answers so. */
  const check = async (
    second: object | string | number = {},
    {
      plan = PLAN,
      both = false,
      ...more
    }: { plan?: typeof PLAN; both?: boolean } & Partial<StagingTarget> = {},
  ) => {
    const answer = (origin: string): { status: number; text: string } => {
      if (origin === INSTANCES[0]?.admin && !both)
        return { status: 200, text: JSON.stringify(SAID) }
      if (typeof second === 'number') return { status: second, text: JSON.stringify(SAID) }
      const text = typeof second === 'string' ? second : JSON.stringify({ ...SAID, ...second })
      return { status: 200, text }
    }
    const context = toContext({ adapters: toAdapters({ openClient: toOpenClient(answer) }), plan })
    try {
      return await checkStaging(NEEDS, target(more), { context, build: BUILD })
    } catch (error) {
      return (error as { readonly code: string }).code
    }
  }

  test('that say the same give the identity of the record', async () => {
    const { environment: _, build: _own, ...said } = SAID
    expect(await check()).toEqual(said)
  })
  test.each<readonly [string, string, Parameters<typeof check>]>([
    ['production', 'production_refused', [{ environment: 'prod' }]],
    ['an environment named production', 'production_refused', [{ environment: 'production' }]],
    [
      'the server of production',
      'production_refused',
      [
        { database: `${PLAN.database.split('/')[0] ?? ''}/9/ff/0` },
        { plan: { ...PLAN, environment: 'production' } },
      ],
    ],
    [
      'the server of production, which the plan calls prod',
      'production_refused',
      [
        { database: `${PLAN.database.split('/')[0] ?? ''}/9/ff/0` },
        { plan: { ...PLAN, environment: 'prod' } },
      ],
    ],
    [
      'a database that the plan does not name for staging',
      'target_missing',
      [{}, { plan: planAhead({ staging_database: '8/1/ff/0' }) }],
    ],
    ['a plan that names none for staging', 'target_missing', [{}, { plan: planAhead() }]],
    ['another environment', 'identity_not_said', [{ environment: 'staging-2' }]],
    ['another code', 'identity_not_said', [{ code: null }]],
    ['another schema', 'identity_not_said', [{ schema_head: null }]],
    ['another configuration', 'identity_not_said', [{ config_digest: 'd'.repeat(64) }]],
    ['another build', 'identity_not_said', [{ build: 'd'.repeat(64) }]],
    ['another database', 'identity_not_said', [{ database: '8/1/ff/0' }]],
    [
      'a build that is not this one',
      'identity_not_said',
      [{ build: 'd'.repeat(64) }, { both: true }],
    ],
    ['a file store', 'identity_not_said', [{ database: null }, { both: true }]],
    ['no identity', 'identity_not_said', ['{}']],
    ['a refusal', 'identity_not_said', [503]],
    ['one instance twice', 'target_missing', [{}, { instances: [INSTANCES, INSTANCES].flat() }]],
    ['one instance alone', 'target_missing', [{}, { instances: INSTANCES.slice(1) }]],
    ['a token that lacks', 'target_missing', [{}, { tokens: [] }]],
  ])('of %s are refused: %s', async (_what, code, given) => {
    expect(await check(...given)).toBe(code)
  })
})

test.each<readonly [string, boolean, number, string, readonly string[]]>([
  ['the same after a pass', false, 0, 'pass', []],
  ['another one after a pass', true, 0, 'inconclusive', ['identity_not_said']],
  ['another one after a failure', true, 1, 'fail', ['limit_broken']],
])('instances that say %s', async (_what, isReplaced, missed, result, codes) => {
  let code = 'sha256:aa'
  const said = { environment: 'staging', schema_head: '0004_feed', database: '9/1/ff/0' }
  const digests = { config_digest: 'c'.repeat(64), build: TERMS.identity.build }
  const openClient = toOpenClient(() => ({
    status: 200,
    text: JSON.stringify({ ...said, ...digests, code }),
  }))
  const probe = toProbe(missed, () => {
    if (isReplaced) code = 'sha256:bb'
  })
  const context = toContext({
    adapters: toAdapters({ openClient }),
    targets: { ...SCRATCH, staging: target() },
  })
  const draft = await runProbe(toItem('D1'), probe, { context, terms: TERMS })
  expect([draft.result, draft.codes, draft.where]).toEqual([result, codes, 'staging'])
  expect(draft.identity.code).toBe('sha256:aa')
})

test.each<readonly [string, ChecklistItem['effect'], readonly string[], readonly unknown[]]>([
  ['disrupts and is not allowed', 'disrupt', [], [['disrupt_not_allowed'], 0, 0]],
  ['disrupts where another one is', 'disrupt', ['F5'], [['disrupt_not_allowed'], 0, 0]],
  ['disrupts and is allowed by name', 'disrupt', ['D1'], [[], 1, 2]],
  ['writes', 'write', [], [[], 1, 2]],
  ['only observes', 'observe', [], [[], 1, 0]],
  ['writes to instances of another build', 'write', [], [['identity_not_said'], 0, 0]],
])('an item that %s: measured, and noted beside the recording', async (what, effect, ids, then) => {
  const said = { environment: 'staging', schema_head: null, database: '9/1/ff/0', code: null }
  const text = JSON.stringify({
    ...said,
    config_digest: 'c'.repeat(64),
    build: what.includes('another build') ? `sha256:${'f'.repeat(64)}` : TERMS.identity.build,
  })
  const openClient = toOpenClient(() => ({ status: 200, text }))
  let measured = 0
  const probe = toProbe(0, () => (measured += 1))
  const cwd = await mkdtemp(join(tmpdir(), 'ff-staging-'))
  const context = toContext({
    adapters: toAdapters({ openClient }),
    cwd,
    targets: { ...SCRATCH, staging: target() },
    mayDisrupt: new Set(ids),
  })
  const item = { ...toItem('D1'), effect }
  const onStaging = () => noteProbe(item, context)
  const { codes } = await runProbe(item, probe, { context, terms: TERMS, onStaging })
  const notes = await readFile(join(findRecordingFolder(cwd), 'disturbances.ndjson'), 'utf8').catch(
    () => '',
  )
  await rm(cwd, { recursive: true })
  expect([codes, measured, notes.split('\n').filter((line) => line !== '').length]).toEqual(then)
})

const NO_SETTING = { FF_STAGING_URL: null }
test('an instance is named by two origins', () => {
  expect(resolveStaging(['https://a.example:8443,http://127.0.0.1:9090'], NO_SETTING, {})).toEqual([
    { service: 'https://a.example:8443', admin: 'http://127.0.0.1:9090' },
  ])
  for (const text of ['https://a.example', 'https://a.example,', 'https://a.example,file', 'a,b,c'])
    expect(() => resolveStaging([text], NO_SETTING, {})).toThrow(
      expect.objectContaining({ code: 'target_invalid' }),
    )
  expect(() => resolveStaging(['https://u:s3cret@a.example'], NO_SETTING, {})).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
  )
})
