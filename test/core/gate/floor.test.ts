import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type FloorTerms,
  formatDeparture,
  listDepartures,
  type PlacedDeparture,
  toDepartures,
} from '../../../src/core/gate/floor.ts'
import { findLimitPairs, takeLimits } from '../../../src/core/gate/floor-limits.ts'
import { takeFloor } from '../../../src/core/gate/take-floor.ts'
import type { Checklist, ChecklistItem, Limit } from '../../../src/core/gate/types.ts'
import { ROOT } from '../../support/run-ff.ts'
import { CHECKLIST, toItem } from './builders.ts'

const TERMS = JSON.parse(
  readFileSync(join(ROOT, 'contracts/readiness_gate.json'), 'utf8'),
) as FloorTerms

/** Any member of an item, written to. */
type Draft = Record<string, unknown> & {
  probe: { name: string; version: number; params: Record<string, unknown> }
  controls: Record<string, unknown>[]
  limits: Record<string, unknown>[]
  identity: string[]
}
type Change = (draft: Draft) => void
/** One change of one item, under the member that it is about. */
interface Mutation {
  readonly item: string
  readonly member: string
  readonly what: string
  readonly change: Change
}

/** The package's checklist, with the items alone that are changed: comparing all 42 each time takes long. */
const toFloor = (mutations: readonly Mutation[]): Checklist => {
  const ids = new Set(mutations.map(({ item }) => item))
  return { ...CHECKLIST, items: CHECKLIST.items.filter(({ id }) => ids.has(id)) }
}
const toTeam = (mutations: readonly Mutation[]): Checklist => {
  const team = structuredClone(toFloor(mutations))
  for (const { item, change } of mutations)
    change(team.items.find(({ id }) => id === item) as unknown as Draft)
  return team
}
const departuresOf = (team: Checklist): readonly PlacedDeparture[] =>
  listDepartures({ floor: CHECKLIST, team, terms: TERMS })
const compared = (mutations: readonly Mutation[]) =>
  listDepartures({ floor: toFloor(mutations), team: toTeam(mutations), terms: TERMS })
/** What is left of mutations once the package's values are taken. */
const takenFrom = (mutations: readonly Mutation[]): readonly PlacedDeparture[] => {
  const floor = toFloor(mutations)
  const team = takeFloor({ floor, team: toTeam(mutations), terms: TERMS })
  return listDepartures({ floor, team, terms: TERMS })
}
/** Without the members that hold places. */
const summarize = (departures: readonly PlacedDeparture[]) =>
  departures.map(({ item, member, kind }) => `${kind} ${item} ${member}`)

const set =
  (name: string, value: unknown): Change =>
  (draft) =>
    void (draft[name] = value)
const setControl =
  (at: number, name: string, value: unknown): Change =>
  ({ controls }) =>
    void (controls[at] = { ...controls[at], [name]: value })
const setParam =
  (name: string, value: unknown): Change =>
  ({ probe }) =>
    void (probe.params[name] = value)
const dropParam =
  (name: string): Change =>
  ({ probe }) =>
    void delete probe.params[name]
const setLimit =
  (at: number, value: Readonly<Record<string, unknown>>): Change =>
  ({ limits }) =>
    void (limits[at] = { ...limits[at], ...value })

type Row = readonly [member: string, what: string, change: Change]
const toMutations = (item: string, rows: readonly Row[]): readonly Mutation[] =>
  rows.map(([member, what, change]) => ({ item, member, what, change }))

const LONGER: Readonly<Record<string, string>> = {
  PT1H: 'PT2H',
  PT24H: 'P2D',
  PT72H: 'P4D',
  P7D: 'PT169H',
}
const WEAKER: Readonly<Record<string, readonly string[]>> = {
  no: ['one', 'two'],
  two: ['one'],
  one: [],
}
const OTHERS = {
  where: ['target', 'staging', 'scratch'],
  effect: ['observe', 'write', 'disrupt'],
  kind: ['probe', 'probe_and_attestation', 'signature', 'command'],
  attest_role: ['platform-lead', 'security-lead', null],
} as const

function loosenLimit(limit: Limit, at: number, count: number): readonly Row[] {
  const { measure, op, value, or_times } = limit
  const member = `limits.${measure}`
  const sign = op === 'at_least' ? -1 : 1
  const drop: Change = ({ limits }) => void limits.splice(at, 1)
  const number = typeof value === 'number'
  return [
    ...(count > 1 ? [[member, 'dropped', drop] as const] : []),
    [member, 'of another measure', setLimit(at, { measure: `${measure}_too` })],
    ...(op === 'equals'
      ? [
          [
            member,
            'of another value',
            setLimit(at, { value: number ? value + 1 : !value }),
          ] as const,
          [member, 'with an order', setLimit(at, { op: 'at_most', value: 1 })] as const,
        ]
      : [
          [
            member,
            'a little looser',
            setLimit(at, { value: Number(value) + sign * 1e-9 }),
          ] as const,
          [member, 'much looser', setLimit(at, { value: Number(value) + sign * 1000 })] as const,
          [
            member,
            'in the other direction',
            setLimit(at, { op: op === 'at_most' ? 'at_least' : 'at_most' }),
          ] as const,
          [
            member,
            'equal to worse',
            setLimit(at, { op: 'equals', value: Number(value) + sign }),
          ] as const,
        ]),
    ...(or_times === undefined && op !== 'equals'
      ? [
          [
            member,
            'with a looser alternative',
            setLimit(at, { or_times: { factor: 2, measure: 'x' } }),
          ] as const,
        ]
      : []),
    ...(or_times === undefined
      ? []
      : ([
          [
            member,
            'a looser alternative',
            setLimit(at, { or_times: { ...or_times, factor: or_times.factor + 0.1 } }),
          ],
          [
            member,
            'an alternative of another measure',
            setLimit(at, { or_times: { ...or_times, measure: 'x' } }),
          ],
        ] as const)),
  ]
}

function loosenParams({ probe }: ChecklistItem): readonly Row[] {
  const rules = TERMS.parameters[probe.name] ?? {}
  const known = Object.entries(probe.params).flatMap(([name, value]): Row[] => {
    const rule = rules[name] ?? 'fixed'
    const member = `probe.params.${name}`
    const dropped: Row = [member, 'dropped', dropParam(name)]
    const retyped: Row = [member, 'of another type', setParam(name, { of: 'another type' })]
    if (rule === 'free') return [dropped, retyped, [member, 'none', setParam(name, 0)]]
    if (rule === 'superset') {
      const words = value as readonly string[]
      return [
        dropped,
        retyped,
        [member, 'with a value that is no word', setParam(name, [...words, { toString: 1 }])],
        ...words.map((_, at): Row => [
          member,
          `without ${at}`,
          setParam(name, words.toSpliced(at, 1)),
        ]),
      ]
    }
    if (rule === 'fixed')
      return [
        dropped,
        retyped,
        [member, 'of another value', setParam(name, typeof value === 'number' ? value + 1 : 'x')],
      ]
    const less = Number(value) + (rule === 'at_most' ? 1 : -1)
    return [dropped, retyped, [member, 'looser by one', setParam(name, less)]]
  })
  return [...known, ['probe.params.unheard_of', 'a new parameter', setParam('unheard_of', 1)]]
}

/** Every single loosening of an item. */
function loosenings(item: ChecklistItem): readonly Mutation[] {
  const otherProbe = item.id === 'A2' ? 'token-forgeries' : 'token-claims'
  return toMutations(item.id, [
    ['group', 'of another group', set('group', item.group === 'A' ? 'B' : 'A')],
    ...(['where', 'effect', 'attest_role'] as const).flatMap((name) =>
      OTHERS[name]
        .filter((one) => one !== item[name])
        .map((one): Row => [name, `${one}`, set(name, one)]),
    ),
    ...OTHERS.kind
      .filter((one) => one !== item.kind)
      .filter((one) => one !== 'command' || item.waivable === 'no' || item.id === 'J1')
      .map((one): Row => ['kind', one, set('kind', one)]),
    ['probe.name', 'another probe', ({ probe }) => void (probe.name = otherProbe)],
    ['probe.version', 'an older version', ({ probe }) => void (probe.version -= 1)],
    ['min_sample', 'one less', set('min_sample', item.min_sample - 1)],
    ['max_age', 'older evidence', set('max_age', LONGER[item.max_age])],
    ...item.identity.map((field): Row => [
      'identity',
      `without ${field}`,
      set(
        'identity',
        item.identity.filter((one) => one !== field),
      ),
    ]),
    ...(WEAKER[item.waivable] ?? []).map((one): Row => ['waivable', one, set('waivable', one)]),
    ...item.controls.flatMap(({ limit, run, max_age }, at): Row[] => [
      [`controls.${limit}.max_age`, 'an older control', setControl(at, 'max_age', LONGER[max_age])],
      [`controls.${limit}`, 'dropped', ({ controls }) => void controls.splice(at, 1)],
      [`controls.${limit}`, 'of another limit', setControl(at, 'limit', `${limit}_too`)],
      ...(run === 'with_probe'
        ? [[`controls.${limit}.run`, 'selftest', setControl(at, 'run', 'selftest')] as const]
        : []),
    ]),
    ...item.limits.flatMap((limit, at) => loosenLimit(limit, at, item.limits.length)),
    ...loosenParams(item),
  ])
}

function tightenParams({ probe }: ChecklistItem): readonly Row[] {
  return Object.entries(TERMS.parameters[probe.name] ?? {}).map(([name, rule]): Row => {
    const value = probe.params[name]
    const tighter = {
      at_least: Number(value) + 1,
      at_most: Number(value) - 1,
      superset: [value, 'B'].flat(),
      free: 1,
    }[rule]
    return [`probe.params.${name}`, 'stricter', setParam(name, tighter)]
  })
}

/** Every single tightening of an item, and every change that is free or text alone. */
function tightenings(item: ChecklistItem): readonly Mutation[] {
  const stricter = { one: ['two', 'no'], two: ['no'], no: [] }[item.waivable]
  const { limits } = item
  return toMutations(item.id, [
    ...(['title', 'why', 'owner', 'remediation', 'docs'] as const).map((name): Row => [
      name,
      'other words',
      set(name, 'other words'),
    ]),
    [
      'controls.one_more',
      'a further control',
      ({ controls }) => void controls.push({ ...controls[0], limit: 'one_more' }),
    ],
    ...item.controls.flatMap(({ limit, run }, at): Row[] => [
      [`controls.${limit}.name`, 'other words', setControl(at, 'name', 'other words')],
      [`controls.${limit}.max_age`, 'a younger control', setControl(at, 'max_age', 'PT1H')],
      ...(run === 'selftest'
        ? [
            [
              `controls.${limit}.run`,
              'with the probe',
              setControl(at, 'run', 'with_probe'),
            ] as const,
          ]
        : []),
    ]),
    ['probe.version', 'a newer version', ({ probe }) => void (probe.version += 1)],
    ['min_sample', 'one more', set('min_sample', item.min_sample + 1)],
    ...(item.max_age === 'PT1H'
      ? []
      : [['max_age', 'younger evidence', set('max_age', 'PT1H')] as const]),
    ...stricter.map((one): Row => ['waivable', one, set('waivable', one)]),
    ...(item.identity.includes('database')
      ? []
      : [
          [
            'identity',
            'with the database',
            ({ identity }: Draft) => void identity.push('database'),
          ] as const,
        ]),
    [
      'limits.one_more',
      'a new limit',
      ({ limits: own }) =>
        void own.push({ measure: 'one_more', op: 'equals', value: true, unit: 'count' }),
    ],
    ...limits.flatMap(({ measure, op, value, or_times }, at): Row[] =>
      op === 'equals'
        ? []
        : [
            [
              `limits.${measure}`,
              'a stricter value',
              setLimit(at, { value: Number(value) + (op === 'at_most' ? -1 : 1) }),
            ],
            [
              `limits.${measure}`,
              'exactly its value',
              setLimit(at, { op: 'equals', or_times: undefined }),
            ],
            [
              `limits.${measure}`,
              'twice',
              ({ limits: own }) =>
                void own.push({ ...own[at], value: Number(value) + (op === 'at_most' ? -2 : 2) }),
            ],
            [`limits.${measure}`, 'in another unit', setLimit(at, { unit: 'other' })],
            [
              `limits.${measure}`,
              'with another mark',
              setLimit(at, { effort: limits[at]?.effort === true ? undefined : true }),
            ],
            ...(or_times === undefined
              ? []
              : ([
                  [
                    `limits.${measure}`,
                    'without the alternative',
                    setLimit(at, { or_times: undefined }),
                  ],
                  [
                    `limits.${measure}`,
                    'a stricter alternative',
                    setLimit(at, { or_times: { ...or_times, factor: or_times.factor / 2 } }),
                  ],
                ] as const)),
          ],
    ),
    ...tightenParams(item),
  ])
}

describe('the package against itself', () => {
  test('departs in nothing, in whatever order its items, limits and parameters stand', () => {
    const team = structuredClone(CHECKLIST)
    for (const { limits } of team.items) (limits as Limit[]).reverse()
    ;(team.items as ChecklistItem[]).reverse()
    expect(departuresOf(team)).toEqual([])
  })
  test('has a parameter for each direction, and a direction or a fixed value for each parameter', () => {
    for (const [name, rules] of Object.entries(TERMS.parameters)) {
      if (name === 'command') continue
      const item = CHECKLIST.items.find(({ probe }) => probe.name === name)
      expect(Object.keys(item?.probe.params ?? {}), name).toEqual(
        expect.arrayContaining(Object.keys(rules)),
      )
    }
  })
  test('has few parameters that are free or stricter below, and the others fixed', () => {
    const ruled = Object.entries(TERMS.parameters).flatMap(([probe, rules]) =>
      Object.entries(rules).map(([name, rule]) => [rule, `${probe}.${name}`] as const),
    )
    const by = (wanted: string) => ruled.flatMap(([rule, name]) => (rule === wanted ? [name] : []))
    expect(by('free')).toEqual([
      'privileges.pool',
      'command.argv',
      'command.control_argv',
      'command.env',
      'command.timeout_s',
    ])
    expect(by('at_most')).toEqual(['audit-continuity.pending_bound_s', 'plan.days_ahead'])
    expect(by('superset')).toEqual(['signoff-platform.attests', 'signoff-security.attests'])
    const fixed = CHECKLIST.items.flatMap(({ probe }) =>
      Object.keys(probe.params)
        .map((name) => `${probe.name}.${name}`)
        .filter((name) => !ruled.some(([, one]) => one === name)),
    )
    expect(fixed).toEqual([
      'token-forgeries.fixtures',
      'token-claims.edge_s',
      'cache-outage.seconds',
      'parity-vectors.matrix',
      'parity-breadth.cells',
      'capacity.seconds',
      'admin-blast-radius.seconds',
      'rollback-triggers.file',
      'plan.file',
    ])
    expect(TERMS.never_commanded).toEqual(['J1'])
  })
  test('has each item in the group of its letter', () => {
    expect(CHECKLIST.items.filter(({ id, group }) => group !== id.charAt(0))).toEqual([])
  })
})

const LOOSENINGS = CHECKLIST.items.flatMap(loosenings)
const TIGHTENINGS = CHECKLIST.items.flatMap(tightenings)
/** The members that no single change can loosen, with the reason. */
const NEVER_LOOSER = ['id', 'title', 'why', 'owner', 'remediation', 'docs']

describe('every single loosening', () => {
  test.each(CHECKLIST.items.map((item) => [item.id, item] as const))(
    'of %s is looser, and names item and member',
    (id, item) => {
      const own = loosenings(item)
      const members = new Set(own.map(({ member }) => member.split('.')[0]))
      const expected = Object.keys(item).filter((name) => !NEVER_LOOSER.includes(name))
      // What cannot be waived by less has no weaker value.
      expect([...members]).toEqual(
        expect.arrayContaining(
          expected.filter((name) => name !== 'waivable' || item.waivable !== 'one'),
        ),
      )
      for (const mutation of own) {
        const looser = compared([mutation]).filter(({ kind }) => kind === 'looser')
        expect(looser, `${mutation.member} ${mutation.what}`).not.toEqual([])
        expect(looser.map((one) => `${one.item} ${one.member}`)).toContain(
          `${id} ${mutation.member}`,
        )
      }
    },
  )
  test('is undone by taking the package’s values, and nothing else is touched', () => {
    expect(LOOSENINGS.length).toBeGreaterThan(1_000)
    for (const mutation of LOOSENINGS) {
      const left = takenFrom([mutation])
      expect(
        left.filter(({ kind }) => kind === 'looser'),
        mutation.what,
      ).toEqual([])
      // What the change added beside is stricter, and stays.
      expect(
        left.every(({ member }) => member === `${mutation.member}_too`),
        summarize(left).join(),
      ).toBe(true)
    }
  })
  test('of many items at once is undone by taking the package’s values', () => {
    const some = LOOSENINGS.filter(
      ({ item, what }) => item !== 'B1' && /^(one less|older)/.test(what),
    )
    expect(new Set(some.map(({ item }) => item)).size).toBe(41)
    const rest = CHECKLIST.items.filter(({ id }) => id === 'B1')
    const team = toTeam(some)
    const whole = { ...team, items: [...team.items, ...rest] }
    const floor = { ...CHECKLIST, items: [...toFloor(some).items, ...rest] }
    expect(takeFloor({ floor, team: whole, terms: TERMS })).toEqual(floor)
  })
  test('stays one among any tightenings of the same item', () => {
    const pairs = fc.constantFrom(...LOOSENINGS).chain((looser) => {
      const own = TIGHTENINGS.filter(
        ({ item, member }) => item === looser.item && member !== looser.member,
      )
      return fc.tuple(fc.constant(looser), fc.subarray(own))
    })
    fc.assert(
      fc.property(pairs, ([looser, others]) => {
        const found = compared([looser, ...others.filter(({ what }) => what !== 'twice')])
        expect(found.some(({ kind, item }) => kind === 'looser' && item === looser.item)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})

describe('every single tightening', () => {
  test.each(CHECKLIST.items.map((item) => [item.id, item] as const))(
    'of %s is listed and not looser',
    (_id, item) => {
      for (const mutation of tightenings(item)) {
        const found = compared([mutation])
        expect(
          found.map(({ item: id, member }) => `${id} ${member}`),
          mutation.what,
        ).toEqual([`${item.id} ${mutation.member}`])
        expect(found[0]?.kind, `${mutation.member} ${mutation.what}`).not.toBe('looser')
      }
    },
  )
  test('goes with any other', () => {
    expect(TIGHTENINGS.length).toBeGreaterThan(500)
    fc.assert(
      fc.property(fc.subarray([...TIGHTENINGS]), (some) => {
        expect(summarize(compared(some).filter(({ kind }) => kind === 'looser'))).toEqual([])
      }),
      { numRuns: 100 },
    )
  })
})

describe('sets and durations in another form are text alone', () => {
  test.each<readonly [string, string, Change]>([
    ['A1', 'max_age', set('max_age', 'P1D')],
    ['A1', 'identity', ({ identity }) => void identity.reverse()],
    [
      'J3',
      'probe.params.attests',
      ({ probe }) => void (probe.params['attests'] as string[]).reverse(),
    ],
  ])('%s %s', (item, member, change) => {
    expect(summarize(compared([{ item, member, what: '', change }]))).toEqual([
      `text ${item} ${member}`,
    ])
  })
})

describe('a limit that the package’s checklist has no example of', () => {
  const at = (change: Partial<Limit>): Limit => ({
    measure: 'x',
    op: 'at_least',
    value: 5,
    unit: 's',
    or_times: { factor: 2, measure: 'y' },
    ...change,
  })
  test.each<readonly [string, Limit, Limit, string | null]>([
    ['the same', at({}), at({}), null],
    ['a higher factor', at({}), at({ or_times: { factor: 3, measure: 'y' } }), 'stricter'],
    ['a lower factor', at({}), at({ or_times: { factor: 1, measure: 'y' } }), 'looser'],
    ['a word in place of a number', at({}), at({ value: 'x' }), 'looser'],
    ['a number in place of a word', at({ value: 'x' }), at({}), 'looser'],
  ])('%s', (_what, limit, own, kind) => {
    expect(findLimitPairs([limit], [own]).pairs).toMatchObject([{ kind }])
  })
  test('two of one measure are each replaced once, and what is missing comes last', () => {
    const [least, most] = [at({}), at({ op: 'at_most', value: 9 })]
    const own = [at({ value: 4 }), at({ measure: 'z' })]
    expect(takeLimits([least, most], own)).toEqual([least, at({ measure: 'z' }), most])
    expect(takeLimits([least, most], [most])).toEqual([most, least])
  })
})

describe('a command of the team', () => {
  const COMMAND = {
    argv: ['./check', '--all'],
    control_argv: ['./check', '--broken'],
    timeout_s: 60,
  }
  const STATUS = { measure: 'exit_status', op: 'equals', value: 0, unit: 'status' }
  const commanded =
    (change: Change = () => undefined): Change =>
    (draft) => {
      Object.assign(draft, {
        kind: 'command',
        probe: { name: 'command', version: 1, params: { ...COMMAND } },
        limits: [{ ...STATUS }],
        controls: [{ limit: 'exit_status', name: 'broken', run: 'with_probe', max_age: 'P7D' }],
        min_sample: 1,
      })
      change(draft)
    }
  const on = (item: string, change?: Change) =>
    compared([{ item, member: 'kind', what: '', change: commanded(change) }])
  const WAIVABLE = CHECKLIST.items.filter(({ waivable, id }) => waivable !== 'no' && id !== 'J1')
  const OTHER = CHECKLIST.items.filter((one) => !WAIVABLE.includes(one))
  test.each(WAIVABLE.map(({ id }) => id))('may replace the probe of %s, and is shown', (id) => {
    const free = ['kind', ...Object.keys(COMMAND).map((name) => `probe.params.${name}`)]
    const shown = on(id).filter(({ member }) => member !== 'controls.exit_status.run')
    expect(summarize(shown)).toEqual([
      ...free.map((member) => `free ${id} ${member}`),
      `text ${id} controls.exit_status.name`,
    ])
    expect(on(id)[0]).toMatchObject({
      package: `${toItem(id).kind} ${toItem(id).probe.name}`,
      team: 'command ./check --all',
    })
  })
  test.each(OTHER.map(({ id }) => id))('may not replace that of %s', (id) => {
    expect(summarize(on(id))).toEqual(
      expect.arrayContaining([`looser ${id} kind`, `looser ${id} probe.name`]),
    )
    const left = takenFrom([{ item: id, member: 'kind', what: '', change: commanded() }])
    expect(left.filter(({ kind }) => kind === 'looser')).toEqual([])
  })
  test.each<readonly [string, string, Change]>([
    [
      'without its limit',
      'limits.exit_status',
      ({ limits }) => void (limits[0] = { ...STATUS, measure: 'other' }),
    ],
    [
      'that may fail',
      'limits.exit_status',
      ({ limits }) => void (limits[0] = { ...STATUS, value: 1 }),
    ],
    [
      'that need not be 0',
      'limits.exit_status',
      ({ limits }) => void (limits[0] = { ...STATUS, op: 'at_most', value: 9 }),
    ],
    ['without a sample', 'min_sample', set('min_sample', 0)],
    [
      'whose control is itself',
      'probe.params.control_argv',
      ({ probe }) => void (probe.params['control_argv'] = [...COMMAND.argv]),
    ],
    ['measured elsewhere', 'where', set('where', 'scratch')],
    ['with older evidence', 'max_age', set('max_age', 'P9D')],
    ['with fewer approvals', 'waivable', set('waivable', 'one')],
  ])('%s is looser', (_what, member, change) => {
    const looser = on('H2', change).filter(({ kind }) => kind === 'looser')
    expect(summarize(looser)).toEqual([`looser H2 ${member}`])
  })
  test('whose control is itself stays refused: the package has no command to take', () => {
    const change = commanded(({ probe }) => void (probe.params['control_argv'] = [...COMMAND.argv]))
    const looser = compared([{ item: 'H2', member: '', what: '', change }]).filter(
      ({ kind }) => kind === 'looser',
    )
    expect(looser).toEqual([
      {
        item: 'H2',
        member: 'probe.params.control_argv',
        kind: 'looser',
        package: 'another command than argv',
        team: './check --all',
        path: ['items', '0', 'probe', 'params', 'control_argv'],
        value: COMMAND.argv,
      },
    ])
    const team = toTeam([{ item: 'H2', member: 'kind', what: '', change }])
    const items = CHECKLIST.items.filter(({ id }) => id === 'H2')
    expect(takeFloor({ floor: { ...CHECKLIST, items }, team, terms: TERMS })).toEqual(team)
  })
})

describe('an item or a group that only one of them has', () => {
  test('is looser', () => {
    const team = {
      ...CHECKLIST,
      items: [...CHECKLIST.items.slice(1), { ...toItem('A1'), id: 'A9' }],
    }
    expect(summarize(departuresOf(team))).toEqual(['looser A1 item', 'looser A9 item'])
    expect(takeFloor({ floor: CHECKLIST, team, terms: TERMS })).toEqual(team)
  })
  test('a title of a group is text', () => {
    const groups = CHECKLIST.groups.map((one) => (one.id === 'B' ? { ...one, title: 'x' } : one))
    expect(summarize(departuresOf({ ...CHECKLIST, groups }))).toEqual(['text B title'])
    expect(summarize(departuresOf({ ...CHECKLIST, groups: groups.slice(1) }))).toEqual([
      'text A title',
      'text B title',
    ])
  })
})

describe('a departure says both values, and its place with the value that ends it', () => {
  const A1 = toItem('A1')
  const [first, ...rest] = A1.controls as [ChecklistItem['controls'][0]]
  const place = { item: 'A1', path: ['items', '0', 'controls'] }
  const more = { ...first, limit: 'one_more', name: 'another' }
  const younger = { ...first, max_age: 'PT1H' }
  test.each<readonly [string, ChecklistItem['controls'], Partial<PlacedDeparture>]>([
    [
      'of a control that is dropped',
      rest,
      {
        member: `controls.${first.limit}`,
        kind: 'looser',
        package: first.name,
        team: null,
        value: [...rest, first],
      },
    ],
    [
      'of a further control',
      [...A1.controls, more],
      {
        member: 'controls.one_more',
        kind: 'stricter',
        package: null,
        team: 'another',
        value: [...A1.controls, more],
      },
    ],
    [
      'of a stricter control',
      [younger, ...rest],
      {
        member: `controls.${first.limit}.max_age`,
        kind: 'stricter',
        package: 'P7D',
        team: 'PT1H',
        value: [younger, ...rest],
      },
    ],
    [
      'of a control with older records and another name',
      [{ ...first, max_age: 'P9D', name: first.name }, ...rest],
      {
        member: `controls.${first.limit}.max_age`,
        kind: 'looser',
        package: 'P7D',
        team: 'P9D',
        value: A1.controls,
      },
    ],
  ])('%s', (_what, controls, expected) => {
    const change = set('controls', controls)
    const found = compared([{ item: 'A1', member: '', what: '', change }])
    expect(found).toEqual([{ ...place, ...expected }])
  })
  test('of limits', () => {
    const [least] = A1.limits as [Limit]
    const stricter = { ...least, value: -1 }
    const added = { ...least, measure: 'more' }
    const limits = [stricter, ...A1.limits.slice(1), added]
    const found = compared([{ item: 'A1', member: '', what: '', change: set('limits', limits) }])
    const shared = { item: 'A1', kind: 'stricter', path: ['items', '0', 'limits'], value: limits }
    expect(found).toEqual([
      {
        ...shared,
        member: 'limits.forged_accepted',
        package: 'forged_accepted at most 0 tokens',
        team: 'forged_accepted at most -1 tokens',
      },
      { ...shared, member: 'limits.more', package: null, team: 'more at most 0 tokens' },
    ])
  })
  test('of an item or a group that only one of them has', () => {
    const [group] = CHECKLIST.groups as [Checklist['groups'][0]]
    const team = {
      groups: [],
      items: [{ ...A1, id: 'A9' }],
    }
    const floor = { groups: [group], items: [A1] }
    const whole = { member: 'item', kind: 'looser', path: ['items'], value: undefined }
    expect(listDepartures({ floor, team, terms: TERMS })).toEqual([
      {
        item: group.id,
        member: 'title',
        kind: 'text',
        package: group.title,
        team: null,
        path: ['groups', '-1', 'title'],
        value: group.title,
      },
      { ...whole, item: 'A1', package: 'present', team: null },
      { ...whole, item: 'A9', package: null, team: 'present' },
    ])
  })
  test('of a list, an empty list and what is no text', () => {
    const shown = (name: string, value: unknown) =>
      compared([{ item: 'J3', member: '', what: '', change: setParam(name, value) }])[0]?.team
    expect(shown('attests', [])).toBe('none')
    expect(shown('attests', ['A', 'B'])).toBe('A B')
    expect(shown('attests', ['A', 1])).toBe('["A",1]')
    expect(shown('attests', 1)).toBe('1')
  })
})

describe('the cases', () => {
  test('V4: a looser limit, a smaller sample, dropped limits and a cut identity', () => {
    const found = compared([
      {
        item: 'A1',
        member: '',
        what: '',
        change: (draft) => {
          draft['min_sample'] = 1
          draft.limits.splice(1)
          draft.limits[0] = { ...draft.limits[0], value: 1000 }
        },
      },
      { item: 'B1', member: '', what: '', change: set('identity', ['code', 'checklist_digest']) },
    ])
    expect(found.map(formatDeparture)).toEqual([
      'A1 min_sample: 12 in the package, 1 here',
      'A1 limits.forged_accepted: forged_accepted at most 0 tokens in the package, forged_accepted at most 1000 tokens here',
      'A1 limits.attacker_key_requests: attacker_key_requests at most 0 requests in the package, nothing here',
      'A1 limits.valid_accepted: valid_accepted at least 1 tokens in the package, nothing here',
      `B1 identity: ${toItem('B1').identity.join(' ')} in the package, code checklist_digest here`,
    ])
  })
  test.each(['D2', 'D3', 'I2', 'E1', 'E3', 'C5'])(
    'V5: the probe, limits and control of A2 at %s',
    (id) => {
      const { probe, limits, controls } = toItem('A2')
      const change: Change = (draft) =>
        void Object.assign(draft, structuredClone({ probe, limits, controls }))
      const looser = compared([{ item: id, member: '', what: '', change }]).filter(
        ({ kind }) => kind === 'looser',
      )
      expect(summarize(looser)).toEqual(
        expect.arrayContaining([
          `looser ${id} probe.name`,
          ...toItem(id).limits.map(({ measure }) => `looser ${id} limits.${measure}`),
        ]),
      )
    },
  )
  test('what one of them lacks is nothing', () => {
    const change: Change = ({ probe }) => void (probe.params['more'] = 1)
    expect(compared([{ item: 'A1', member: '', what: '', change }]).map(formatDeparture)).toEqual([
      'A1 probe.params.more: nothing in the package, 1 here',
    ])
  })
  test('a value can make no line', () => {
    const [found] = compared([
      { item: 'A1', member: 'title', what: '', change: set('title', 'x\nA1 \u001b[2J') },
    ])
    expect(formatDeparture(found as PlacedDeparture)).toBe(
      'A1 title: Algorithm and header allow-list in the package, x\\u000aA1 \\u001b[2J here',
    )
    expect(toDepartures([found as PlacedDeparture])).toEqual([
      {
        item: 'A1',
        member: 'title',
        kind: 'text',
        package: toItem('A1').title,
        team: 'x\nA1 \u001b[2J',
      },
    ])
  })
})
