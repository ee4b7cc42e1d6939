import { expect, test } from 'vitest'
import { loadArtefact, packagedArtefact } from '../../../src/artefacts/load.ts'
import { findAlertProblems } from '../../../src/artefacts/rules/alert-rules.ts'
import { ROOT } from '../../support/run-ff.ts'

const loaded = await loadArtefact('alert_rules', packagedArtefact(ROOT, 'alert_rules'))
if (!loaded.ok) throw new Error('the contract does not fit its schema')
const own = loaded.loaded
type Contract = (typeof own)['value']

test('the contract is valid', () => {
  expect(findAlertProblems(own)).toEqual([])
})

const first = (value: Contract): Contract['rules'][number] => value.rules[0] as never
test.each<[string, (value: Contract) => void, readonly (readonly [string, string])[]]>([
  [
    'a repeated rule',
    (value) => void value.rules.push(first(value)),
    [[`/rules/${own.value.rules.length}`, 'id_repeated']],
  ],
  [
    'a repeated metric',
    (value) => void value.signals.push(value.signals[0] as never),
    [[`/signals/${own.value.signals.length}`, 'id_repeated']],
  ],
  [
    'an unknown metric',
    (value) => void (first(value).measure.of.metric = 'ff_nothing_total'),
    [['/rules/0/measure/of', 'signal_unknown']],
  ],
  [
    'an unknown label of the second metric',
    (value) =>
      void ((first(value).measure as { to: object }).to = {
        metric: 'ff_decisions_total',
        labels: { tenant: ['T1'] },
      }),
    [['/rules/0/measure/to', 'label_unknown']],
  ],
  [
    'a quantile of a counter',
    (value) =>
      void ((value.rules[1] as { measure: object }).measure = {
        kind: 'quantile',
        quantile: 0.9,
        window_s: 60,
        of: { metric: 'ff_decisions_total', labels: {} },
      }),
    [['/rules/1/measure/of', 'signal_has_no_buckets']],
  ],
])('%s is named', (_what, spoil, problems) => {
  const value = structuredClone(own.value)
  spoil(value)
  expect(findAlertProblems({ ...own, value }).map(({ pointer, code }) => [pointer, code])).toEqual(
    problems,
  )
})
