import { describe, expect, test } from 'vitest'
import {
  fromValue,
  defineProbe,
  type ProbeSpec,
} from '../../../src/features/probes/framework/probe.ts'
import { runControl, runProbe } from '../../../src/features/probes/framework/run-probe.ts'
import type { ChecklistItem, EvidenceDraft } from '../../../src/core/gate/types.ts'
import { FfError } from '../../../src/errors.ts'
import { toAdapters, toItem, TERMS, toContext } from './context.ts'

const item: ChecklistItem = {
  ...toItem('C5'),
  limits: [{ measure: 'lost', op: 'at_most', value: 0, unit: 'rows' }],
  min_sample: 1,
  effect: 'observe',
}
type Lost = number | (() => Promise<never>)
/** A probe that measures these numbers of lost rows: `sound` for itself, `faulty` for its control. */
function losing(sound: Lost, faulty: Lost, change: Partial<ProbeSpec<Lost>> = {}) {
  return defineProbe<Lost>({
    version: 3,
    site: 'scratch',
    isolation: 'parallel',
    sound: fromValue(() => sound),
    faulty: fromValue(() => faulty),
    measure: async (lost) => ({
      measured: { lost: typeof lost === 'number' ? lost : await lost() },
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
const shown = ({ result, codes, control }: EvidenceDraft) => [
  result,
  codes,
  control?.outcome ?? null,
]

test.each([
  ['passes, and whose control is detected', 0, 1, ['pass', [], 'detected']],
  ['fails, and whose control is detected', 1, 1, ['fail', ['limit_broken'], 'detected']],
  [
    'passes, and whose control is not detected',
    0,
    0,
    ['inconclusive', ['control_not_detected'], 'not_detected'],
  ],
  [
    'fails, and whose control is not detected',
    1,
    0,
    ['inconclusive', ['control_not_detected'], 'not_detected'],
  ],
  [
    'passes, and whose control cannot run',
    0,
    unreachable,
    ['inconclusive', ['control_not_run'], null],
  ],
  ['cannot measure', unreachable, 1, ['inconclusive', ['target_unreachable'], null]],
  ['throws an unexpected error', broken, 1, ['error', ['probe_broke'], null]],
] as const)('a probe that %s', async (_what, sound, faulty, outcome) => {
  const draft = await runProbe(item, losing(sound, faulty), { context: toContext(), terms: TERMS })
  expect(shown(draft)).toEqual(outcome)
  expect(draft).toMatchObject({ item: 'C5', where: 'scratch', probe: { version: 3 } })
})

test('a probe that cannot measure names the setting in its example', async () => {
  const draft = await runProbe(item, losing(unreachable, 1), { context: toContext(), terms: TERMS })
  expect(draft.example).toBe('No server answers. Set FF_X.')
})

test('repeated results that differ are inconclusive', async () => {
  let time = 0
  const flaky = losing(0, 1, {
    measure: async () => ({ measured: { lost: time++ }, met: {}, sample_size: 1, example: null }),
  })
  const draft = await runProbe(item, flaky, {
    context: toContext(),
    terms: { ...TERMS, repeat: 3 },
  })
  expect(shown(draft)).toEqual(['inconclusive', ['flaky'], null])
  expect([time, draft.met['times_measured']]).toEqual([3, 3])
})

test.each([
  ['is detected', 1, ['pass', [], 'detected']],
  ['is not detected', 0, ['inconclusive', ['control_not_detected'], 'not_detected']],
  ['cannot be planted', unreachable, ['inconclusive', ['control_not_run'], null]],
] as const)('a control run alone, whose fault %s', async (_what, faulty, outcome) => {
  const draft = await runControl(item, losing(0, faulty), { context: toContext(), terms: TERMS })
  expect([draft.kind, ...shown(draft)]).toEqual(['control', ...outcome])
})

describe('the place of a measurement', () => {
  const LIVE = '42/7/ff'
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
    const measured = losing(0, 1, { site })
    return runProbe({ ...item, effect }, measured, { context, terms: TERMS })
  }
  test('is the target where the plan names the database', async () => {
    const draft = await of({ database }, 'observe', 'database')
    expect([draft.where, draft.identity.database, draft.result]).toEqual(['target', LIVE, 'pass'])
  })
  test('is staging, or scratch on loopback, where the plan names another database', async () => {
    const other = toAdapters({ identifyDatabase: () => Promise.resolve('43/7/ff') })
    const at = async (spec: typeof database | typeof local) => {
      const targets = { scratch: local, database: spec, store: null }
      const context = toContext({ adapters: other, plan, targets })
      return (await runProbe(item, losing(0, 1, { site: 'database' }), { context, terms: TERMS }))
        .where
    }
    expect([await at(database), await at(local)]).toEqual(['staging', 'scratch'])
  })
  test.each([
    ['write', 'database', 'production_refused'],
    ['disrupt', 'database', 'production_refused'],
    ['write', 'scratch', 'production_refused'],
  ] as const)('is never production for the effect %s (%s)', async (effect, site, code) => {
    expect((await of({ database }, effect, site)).codes).toEqual([code])
  })
  test('is the place that the item declares, for a command of the team', async () => {
    const at = async (where: ChecklistItem['where'], effect: ChecklistItem['effect']) => {
      const targets = { scratch: local, database: null, store: null }
      const context = toContext({ adapters, plan, targets })
      const declared = losing(0, 1, { site: 'declared' })
      const draft = await runProbe({ ...item, where, effect }, declared, { context, terms: TERMS })
      return [draft.where, draft.result, draft.codes]
    }
    expect(await at('staging', 'disrupt')).toEqual(['staging', 'pass', []])
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
