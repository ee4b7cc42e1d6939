import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { ROOT } from '../support/run-ff.ts'
import {
  listCutoverMetrics,
  listServiceMetrics,
  listShipMetrics,
} from '../support/service-metrics.ts'

afterEach(() => vi.restoreAllMocks())

interface Panel {
  readonly id: number
  readonly title: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[]
}
interface Rule {
  readonly id: string
  readonly threshold: number
}
const read = (name: string): unknown =>
  JSON.parse(readFileSync(join(ROOT, 'contracts', name), 'utf8'))
const { panels } = read('grafana_dashboard.json') as { readonly panels: readonly Panel[] }
const { rules } = read('alert_rules.json') as { readonly rules: readonly Rule[] }
const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
/** What Prometheus makes of each scrape. */
const OF_PROMETHEUS = ['up']
const SUFFIXES = { histogram: ['_bucket', '_count', '_sum'] } as Readonly<
  Record<string, readonly string[]>
>

/** Series by the metric that they are of. */
function listSeries(): ReadonlyMap<string, string> {
  const metrics = [...listServiceMetrics(), ...listCutoverMetrics(), ...listShipMetrics()]
  const series = metrics.flatMap(({ name, type }) =>
    (SUFFIXES[type] ?? ['']).map((suffix) => [`${name}${suffix}`, name] as const),
  )
  return new Map([...series, ...OF_PROMETHEUS.map((name) => [name, name] as const)])
}
const findNames = (expr: string): readonly string[] =>
  [...expr.matchAll(/\b([a-z_0-9]+)(?=\{)/g)].map(([, name = '']) => name)

test('each query names series that exist, and only those that the variables choose', () => {
  expect(queries.length).toBeGreaterThan(50)
  const series = listSeries()
  for (const expr of queries) {
    const names = findNames(expr)
    expect([expr, names.length > 0]).toEqual([expr, true])
    expect(names.filter((name) => !series.has(name))).toEqual([])
    expect(expr.split('job=~"$job",instance=~"$instance"')).toHaveLength(names.length + 1)
  }
})

test('each metric of the service is shown', () => {
  const series = listSeries()
  const shown = new Set(queries.flatMap(findNames).map((name) => series.get(name)))
  expect([...series.values()].filter((name) => !shown.has(name))).toEqual([])
})

test('each alert rule has a panel with its threshold', () => {
  expect(rules.length).toBeGreaterThan(10)
  for (const { id, threshold } of rules) {
    const panel = panels.find(({ title }) => title === `Alert ${id.replaceAll('_', ' ')}`)
    expect(panel).toMatchObject({
      fieldConfig: { defaults: { thresholds: { steps: [{}, { value: threshold }] } } },
    })
  }
})

test('panels have ids of their own and do not overlap', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, at) => `${x + (at % w)} ${y + Math.floor(at / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
})
