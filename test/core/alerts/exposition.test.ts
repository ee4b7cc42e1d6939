import { expect, test } from 'vitest'
import { parseExposition } from '../../../src/core/alerts/exposition.ts'

const GOOD = `# HELP n_total How many, "quoted".
# TYPE n_total counter
n_total{route="a",code="x\\"y\\\\z\\n"} 3
n_total 1.5e+3

# TYPE g gauge
g Nan
# HELP s Seconds.
# TYPE s histogram
s_bucket{le="0.5"} 1
s_bucket{le="+Inf"} +Inf
s_sum -Inf
s_count 2
`
test('reads types, help texts and samples', () => {
  const read = parseExposition(GOOD)
  if (!read.ok) throw new Error(`${read.code} in line ${read.line}`)
  expect([...read.families]).toEqual([
    ['n_total', { type: 'counter', help: 'How many, "quoted".' }],
    ['g', { type: 'gauge', help: '' }],
    ['s', { type: 'histogram', help: 'Seconds.' }],
  ])
  expect(read.samples).toEqual([
    { name: 'n_total', labels: { route: 'a', code: 'x"y\\z\n' }, value: 3 },
    { name: 'n_total', labels: {}, value: 1500 },
    { name: 'g', labels: {}, value: Number.NaN },
    { name: 's_bucket', labels: { le: '0.5' }, value: 1 },
    { name: 's_bucket', labels: { le: '+Inf' }, value: Number.POSITIVE_INFINITY },
    { name: 's_sum', labels: {}, value: Number.NEGATIVE_INFINITY },
    { name: 's_count', labels: {}, value: 2 },
  ])
})

test.each([
  ['# TYPE n counter\nn 1', 'end_missing', 2],
  ['n 1\n', 'type_missing', 1],
  ['# TYPE n counter\n# TYPE n gauge\n', 'type_repeated', 2],
  ['# TYPE n counter\nn{a="1"} 1\nn{a="1"} 1\n', 'sample_repeated', 3],
  ['# TYPE n meter\n', 'line_malformed', 1],
  ['# anything else\n', 'line_malformed', 1],
  ['# TYPE n counter\nn\n', 'line_malformed', 2],
  ['# TYPE n counter\nn{a=1} 1\n', 'line_malformed', 2],
  ['# TYPE n counter\nn{a="1} 1\n', 'line_malformed', 2],
  ['# TYPE n counter\nn{a="\\t"} 1\n', 'line_malformed', 2],
  ['# TYPE n counter\nn nan\n', 'line_malformed', 2],
])('%j is %s in line %d', (text, code, line) => {
  expect(parseExposition(text)).toEqual({ ok: false, code, line })
})
