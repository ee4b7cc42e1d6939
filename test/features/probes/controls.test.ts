import { describe, expect, test } from 'vitest'
import { isDetected } from '../../../src/core/gate/controls.ts'
import { findProbe } from '../../../src/features/probes/index.ts'
import { runControls } from '../../../src/features/probes/framework/run-controls.ts'
import { ITEMS, MEASURED, TERMS, toContext, toItem } from './context.ts'

const listMeasures = (limits: readonly { readonly measure: string }[]): readonly string[] => [
  ...new Set(limits.map(({ measure }) => measure)),
]

describe('the checklist', () => {
  test.each(ITEMS.map((item) => [item.id, item] as const))(
    'has a control for each limit of %s',
    (_id, { limits, controls }) => {
      expect(controls.map(({ limit }) => limit)).toEqual(listMeasures(limits))
    },
  )
  test('marks the limits that say how much was looked at', () => {
    const marked = ITEMS.flatMap(({ id, limits }) =>
      limits.filter(({ effort }) => effort === true).map(({ measure }) => `${id} ${measure}`),
    )
    expect(marked).toEqual([
      'E1 coverage_missing',
      'E2 random_cases',
      'E3 catalogue',
      'E5 load_share',
      'F5 runs',
      'H3 contiguous_h',
      'H3 comparisons',
    ])
  })
})

describe('the probe', () => {
  test('is there for all 42 items', () => {
    expect(MEASURED).toHaveLength(42)
  })
  test.each(MEASURED)('of %s plants a fault for each limit, and no other', (_id, item, probe) => {
    expect([...probe.controls.keys()].sort()).toEqual([...listMeasures(item.limits)].sort())
  })
})

test('H8: a measure that is fixed at its good value has no control that is detected', async () => {
  for (const [id, measure] of [
    ['A4', 'unknown_kid_accepted'],
    ['A2', 'codes_shared'],
  ] as const) {
    const item = toItem(id)
    const found = findProbe(item)
    if (!found.ok) throw new Error(`no probe of ${id}`)
    const fixed = new Map(
      [...found.probe.controls].map(([name, control]) => [
        name,
        async (context: Parameters<typeof control>[0]) => {
          const measurement = await control(context)
          return { ...measurement, measured: { ...measurement.measured, [measure]: 0 } }
        },
      ]),
    )
    const drafts = await runControls(
      item,
      { ...found.probe, controls: fixed },
      { context: toContext(), terms: TERMS, rules: item.controls },
    )
    expect(drafts.map(({ limit, codes }) => [limit, codes])).toEqual(
      item.controls.map(({ limit }) => [limit, limit === measure ? ['control_not_detected'] : []]),
    )
  }
})

test('H9: a control that measured nothing of its limit is not detected', () => {
  const item = toItem('A1')
  expect(isDetected(item, 'forged_accepted', { measured: {} })).toBe(false)
  expect(isDetected(item, 'forged_accepted', { measured: { valid_accepted: 0 } })).toBe(false)
  expect(isDetected(item, 'forged_accepted', { measured: { forged_accepted: 1 } })).toBe(true)
})
