import { describe, expect, test } from 'vitest'
import {
  fromValue,
  defineProbe,
  type ProbeSpec,
  withParams,
} from '../../../src/features/probes/framework/probe.ts'
import { runControls } from '../../../src/features/probes/framework/run-controls.ts'
import { runProbe } from '../../../src/features/probes/framework/run-probe.ts'
import type { ChecklistItem, EvidenceDraft, Scalar } from '../../../src/core/gate/types.ts'
import { FfError } from '../../../src/errors.ts'
import { toAdapters, toItem, TERMS, toContext } from './context.ts'

const item: ChecklistItem = {
  ...toItem('C5'),
  limits: ['lost', 'doubled'].map((measure) => ({
    measure,
    op: 'at_most',
    value: 0,
    unit: 'rows',
  })),
  controls: ['lost', 'doubled'].map((limit) => ({
    limit,
    name: `rows that are ${limit}`,
    run: 'with_probe',
    max_age: 'P7D',
  })),
  min_sample: 1,
  effect: 'observe',
}
type Rows = Readonly<Record<string, Scalar>> | (() => Promise<never>)
const SOUND = { lost: 0, doubled: 0 }
/** A probe that measures these values: `sound` for itself, `faulty` for the control of each limit. */
function counting(
  sound: Rows,
  [lost, doubled]: readonly [Rows, Rows] = [
    { lost: 1, doubled: 0 },
    { lost: 0, doubled: 1 },
  ],
  change: Partial<ProbeSpec<Rows, 'lost' | 'doubled'>> = {},
) {
  return defineProbe<Rows, 'lost' | 'doubled'>({
    version: 3,
    site: 'scratch',
    isolation: 'parallel',
    sound: fromValue(() => sound),
    faulty: { lost: fromValue(() => lost), doubled: fromValue(() => doubled) },
    measure: async (rows) => ({
      measured: typeof rows === 'function' ? await rows() : rows,
      met: { server: 'none' },
      sample_size: 1,
      example: null,
    }),
    ...change,
  })
}
const unreachable = (): Promise<never> =>
  Promise.reject(new FfError('target_unreachable', 'No server answers.', { hint: 'Set FF_X.' }))
const broken = (): Promise<never> => Promise.reject(new TypeError('x is undefined'))
const shown = ({ result, codes }: EvidenceDraft) => [result, codes]
const run = { context: toContext(), terms: TERMS }

test.each([
  ['passes', SOUND, ['pass', []]],
  ['fails', { ...SOUND, lost: 1 }, ['fail', ['limit_broken']]],
  ['cannot measure', unreachable, ['inconclusive', ['target_unreachable']]],
  ['throws an unexpected error', broken, ['error', ['probe_broke']]],
] as const)('a probe that %s', async (_what, sound, outcome) => {
  const draft = await runProbe(item, counting(sound), run)
  expect(shown(draft)).toEqual(outcome)
  expect(draft).toMatchObject({
    item: 'C5',
    where: 'scratch',
    probe: { version: 3 },
    control: null,
  })
})

describe('the controls of a probe', () => {
  const LOST = { lost: 1, doubled: 0 }
  const DOUBLED = { lost: 0, doubled: 1 }
  test.each<readonly [string, readonly [Rows, Rows], readonly (readonly unknown[])[]]>([
    [
      'each break their limit',
      [LOST, DOUBLED],
      [
        ['pass', [], 'detected'],
        ['pass', [], 'detected'],
      ],
    ],
    [
      'break another limit than their own',
      [DOUBLED, DOUBLED],
      [
        ['inconclusive', ['control_not_detected'], 'not_detected'],
        ['pass', [], 'detected'],
      ],
    ],
    [
      'H8: find a value that is fixed',
      [SOUND, { lost: 1, doubled: 0 }],
      [
        ['inconclusive', ['control_not_detected'], 'not_detected'],
        ['inconclusive', ['control_not_detected'], 'not_detected'],
      ],
    ],
    [
      'H9: measure nothing of their limit',
      [{ doubled: 1 }, {}],
      [
        ['inconclusive', ['control_not_detected'], 'not_detected'],
        ['inconclusive', ['control_not_detected'], 'not_detected'],
      ],
    ],
    [
      'H9: cannot run',
      [unreachable, broken],
      [
        ['inconclusive', ['control_not_run'], undefined],
        ['inconclusive', ['control_not_run'], undefined],
      ],
    ],
  ])('%s', async (_what, faults, outcomes) => {
    const drafts = await runControls(item, counting(SOUND, faults), {
      ...run,
      rules: item.controls,
    })
    expect(drafts.map((one) => [...shown(one), one.control?.outcome])).toEqual(outcomes)
    expect(drafts.map(({ kind, limit, where }) => [kind, limit, where])).toEqual([
      ['control', 'lost', 'scratch'],
      ['control', 'doubled', 'scratch'],
    ])
  })
  test('run once for the limits that share a fault, in a context of the fault', async () => {
    let opened = 0
    const fault = withParams<Rows>(
      (context, use) => {
        opened += 1
        return use({ lost: Number(context.params['lost']), doubled: 1 })
      },
      { lost: 7 },
    )
    const both = { faulty: { lost: fault, doubled: fault } }
    const drafts = await runControls(item, counting(SOUND, undefined, both), {
      ...run,
      rules: item.controls,
    })
    expect(opened).toBe(1)
    expect(drafts.map(({ measured }) => measured)).toEqual([
      { lost: 7, doubled: 1 },
      { lost: 7, doubled: 1 },
    ])
  })
  test('are missing for a limit that the probe has no fault for', async () => {
    const rule = { limit: 'more', name: 'more', run: 'with_probe', max_age: 'P7D' } as const
    const [draft] = await runControls(item, counting(SOUND), { ...run, rules: [rule] })
    expect(shown(draft as EvidenceDraft)).toEqual(['inconclusive', ['control_not_run']])
    expect(draft?.example).toContain('no planted fault')
  })
})

test('a probe that cannot measure names the setting in its example', async () => {
  const draft = await runProbe(item, counting(unreachable), run)
  expect(draft.example).toBe('No server answers. Set FF_X.')
})

test('repeated results that differ are inconclusive', async () => {
  let time = 0
  const flaky = counting(SOUND, undefined, {
    measure: async () => ({
      measured: { ...SOUND, lost: time++ },
      met: {},
      sample_size: 1,
      example: null,
    }),
  })
  const draft = await runProbe(item, flaky, {
    context: toContext(),
    terms: { ...TERMS, repeat: 3 },
  })
  expect(shown(draft)).toEqual(['inconclusive', ['flaky']])
  expect([time, draft.met['times_measured']]).toEqual([3, 3])
})

describe('the place of a measurement', () => {
  const LIVE = '42/7/ff/0123456789abcdef'
  const adapters = toAdapters({ identifyDatabase: () => Promise.resolve(LIVE) })
  const database = {
    kind: 'postgres',
    url: 'postgres://db.example/flags',
    name: 'postgres://db.example/flags',
  } as const
  const local = { ...database, url: 'postgres://127.0.0.1:5432/flags' } as const
  const plan = { database: LIVE, environment: 'production' } as never
  const of = async (
    spec: object,
    effect: ChecklistItem['effect'],
    site: 'database' | 'scratch',
  ) => {
    const targets = { scratch: local, database: null, store: null, ...spec }
    const context = toContext({ adapters, plan, targets })
    const measured = counting(SOUND, undefined, { site })
    return runProbe({ ...item, effect }, measured, { context, terms: TERMS })
  }
  test('is the target where the plan names the database', async () => {
    const draft = await of({ database }, 'observe', 'database')
    expect([draft.where, draft.identity.database, draft.result]).toEqual(['target', LIVE, 'pass'])
  })
  test('is no database of another environment; a scratch server has none', async () => {
    const asked: unknown[] = []
    const refusing = toAdapters({
      identifyDatabase: async (_spec, _versions, environment) => {
        asked.push(environment)
        if (environment === undefined) return LIVE
        throw new FfError('place_refused', 'Another environment.', { hint: 'Set FF_ENV.' })
      },
    })
    const at = async (site: 'database' | 'scratch') => {
      const targets = { scratch: local, database, store: null }
      const context = toContext({ adapters: refusing, environment: 'staging', targets })
      const probe = counting(SOUND, undefined, { site })
      return shown(await runProbe({ ...item, effect: 'write' }, probe, { context, terms: TERMS }))
    }
    expect(await at('database')).toEqual(['inconclusive', ['place_refused']])
    expect(await at('scratch')).toEqual(['pass', []])
    expect(asked).toEqual(['staging', undefined])
  })
  test('is staging, or scratch on loopback, where the plan names another database', async () => {
    const other = toAdapters({
      identifyDatabase: () => Promise.resolve('43/7/ff/0123456789abcdef'),
    })
    const at = async (spec: typeof database | typeof local) => {
      const targets = { scratch: local, database: spec, store: null }
      const context = toContext({ adapters: other, plan, targets })
      return (
        await runProbe(item, counting(SOUND, undefined, { site: 'database' }), {
          context,
          terms: TERMS,
        })
      ).where
    }
    expect([await at(database), await at(local)]).toEqual(['staging', 'scratch'])
  })
  test.each([
    ['rehearsal', 'rehearsal', local, 'staging'],
    ['rehearsal', 'rehearsal', database, 'target'],
    ['rehearsal', 'production', local, 'target'],
    ['staging', 'rehearsal', local, 'target'],
    ['prod', 'production', local, 'target'],
  ] as const)(
    'with FF_ENV %s and a plan about %s counts for an item of staging: %s',
    async (environment, planned, spec, where) => {
      const targets = { scratch: local, database: spec, store: null }
      const own = { database: LIVE, environment: planned } as never
      const context = toContext({ adapters, plan: own, targets, environment })
      const probe = counting(SOUND, undefined, { site: 'database' })
      const ofStaging: ChecklistItem = { ...item, where: 'staging' }
      expect((await runProbe(ofStaging, probe, { context, terms: TERMS })).where).toBe(where)
    },
  )
  test.each([
    ['write', 'database', 'production_refused'],
    ['disrupt', 'database', 'production_refused'],
    ['write', 'scratch', 'production_refused'],
  ] as const)('is never production for the effect %s (%s)', async (effect, site, code) => {
    expect((await of({ database }, effect, site)).codes).toEqual([code])
  })
  test('is the place that the item declares, for a command of the team', async () => {
    const at = async (
      where: ChecklistItem['where'],
      effect: ChecklistItem['effect'],
      ...allowed: readonly string[]
    ) => {
      const targets = { scratch: local, database: null, store: null }
      const context = toContext({ adapters, plan, targets, mayDisrupt: new Set(allowed) })
      const declared = counting(SOUND, undefined, { site: 'declared' })
      const draft = await runProbe({ ...item, where, effect }, declared, { context, terms: TERMS })
      return [draft.where, draft.result, draft.codes]
    }
    expect(await at('staging', 'write')).toEqual(['staging', 'pass', []])
    expect(await at('staging', 'disrupt', 'C5')).toEqual(['staging', 'pass', []])
    for (const others of [[], ['C3'], ['*']])
      expect((await at('staging', 'disrupt', ...others)).slice(1)).toEqual([
        'inconclusive',
        ['disrupt_not_allowed'],
      ])
    expect(await at('scratch', 'disrupt')).toEqual(['scratch', 'pass', []])
    expect(await at('target', 'observe')).toEqual(['target', 'pass', []])
    const refused = await at('target', 'write')
    expect(refused.slice(1)).toEqual(['inconclusive', ['production_refused']])
  })
  test('is missing where no database is named', async () => {
    const draft = await of({}, 'observe', 'database')
    expect([draft.result, draft.codes]).toEqual(['inconclusive', ['target_missing']])
    expect(draft.example).toContain('FF_DATABASE_URL')
  })
})
