import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadArtefact, packagedArtefact } from '../../src/artefacts/load.ts'
import { evaluateAlert } from '../../src/core/alerts/alert-state.ts'
import type { AlertRule, Sample, Scrape, Selector } from '../../src/core/alerts/types.ts'
import { promtoolSays } from '../support/promtool.ts'
import { ROOT } from '../support/run-ff.ts'

const loaded = await loadArtefact('alert_rules', packagedArtefact(ROOT, 'alert_rules'))
if (!loaded.ok) throw new Error('the contract does not fit its schema')
const { rules } = loaded.loaded.value
const FILE = join(ROOT, 'contracts/prometheus_rules.json')
interface PrometheusRule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: object
  readonly annotations: object
}
const written = JSON.parse(await readFile(FILE, 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly PrometheusRule[] }[]
}
const prometheus = written.groups.flatMap((group) => group.rules)

test('the Prometheus rules hold each rule of the contract once', () => {
  execFileSync(process.execPath, [join(ROOT, 'contracts/prometheus-rules.mjs'), '--check'])
  expect(prometheus).toHaveLength(rules.length)
  expect(prometheus.map(({ annotations }) => annotations)).toEqual(
    rules.map(({ means, do: description }) => ({ summary: means, description })),
  )
})

test('each kind of measure is spelled in PromQL', () => {
  const expr = (alert: string) => prometheus.find((one) => one.alert === alert)?.expr
  expect(expr('FfStoreDown')).toBe('min by (instance, job) (ff_store_up) < 1')
  expect(expr('FfServiceAbsent')).toBe('min by (instance, job) (up{job="ff"}) < 1')
  expect(expr('FfDiskFull')).toBe(
    'sum by (instance, job) (rate(ff_http_refusals_total{code="disk_full"}[300s])) > 0',
  )
  expect(expr('FfLatencyP99')).toBe(
    'histogram_quantile(0.99, sum by (instance, job, le) (rate(ff_http_request_duration_seconds_bucket{route="flags.evaluate"}[300s]))) > 0.05',
  )
  expect(expr('FfErrorRate')).toBe(
    'sum by (instance, job) (rate(ff_http_requests_total{status=~"500|503|507"}[300s])) / sum by (instance, job) (rate(ff_http_requests_total[300s])) > 0.001',
  )
  expect(expr('FfInFlightHigh')).toBe(
    'sum by (instance, job) (ff_http_requests_in_flight) / sum by (instance, job) (ff_http_requests_in_flight_limit) > 0.8',
  )
})

test('promtool accepts the rules', () => {
  expect(promtoolSays(['check', 'rules', FILE])).toBe('')
})

test('promtool accepts each query of the dashboard', async () => {
  const text = await readFile(join(ROOT, 'contracts/grafana_dashboard.json'), 'utf8')
  const found = JSON.parse(text) as {
    readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[]
  }
  const queries = found.panels.flatMap(({ targets = [] }) => targets)
  const recorded = queries.map(({ expr }, at) => ({
    record: `query:${at}`,
    expr: expr.replaceAll('$__rate_interval', '1m'),
  }))
  const folder = await mkdtemp(join(tmpdir(), 'ff-promtool-'))
  try {
    const path = join(folder, 'queries.json')
    await writeFile(path, JSON.stringify({ groups: [{ name: 'queries', rules: recorded }] }))
    expect(promtoolSays(['check', 'rules', path])).toBe('')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

const EVERY_S = 15
const PHASES = [40, 60, 100]
const SCRAPES = PHASES.reduce((sum, one) => sum + one, 0)
const isFaulty = (at: number): boolean => at >= (PHASES[0] as number) && at < 100
const INSTANCE = { instance: 'i', job: 'ff' }

type Line = { readonly name: string; readonly labels: Sample['labels']; readonly values: Values }
type Values = readonly number[]
const times = Array.from({ length: SCRAPES }, (_, at) => at)
const flat = (well: number, faulty: number): Values =>
  times.map((at) => (isFaulty(at) ? faulty : well))
function rising(well: number, faulty: number): Values {
  let value = 5
  return times.map((at) => (value += isFaulty(at) ? faulty : well))
}
const toLine = (of: Selector, values: Values, more: object = {}): Line => ({
  name: of.metric,
  labels: {
    ...INSTANCE,
    ...Object.fromEntries(
      Object.entries(of.labels).map(([name, [first]]) => [name, String(first)]),
    ),
    ...more,
  },
  values,
})

/** Series in which a rule is quiet, then fires, then clears. */
function scene({ measure, op, threshold }: AlertRule): readonly Line[] {
  const { of } = measure
  const fault = op === 'above' ? threshold + 1 : threshold - 1
  if (measure.kind === 'value') return [toLine(of, flat(threshold, fault))]
  if (measure.kind === 'rate') return [toLine(of, rising(0, 1))]
  if (measure.kind === 'share') return [toLine(of, flat(1, 9)), toLine(measure.to, flat(10, 10))]
  if (measure.kind === 'ratio') {
    const [well, faulty] = op === 'above' ? [0, 20] : [10, 0]
    const other = of.metric === measure.to.metric ? { other: 'series' } : {}
    return [toLine(of, rising(well, faulty)), toLine(measure.to, rising(10, 10), other)]
  }
  const buckets = { ...of, metric: `${of.metric}_bucket` }
  return [
    toLine(buckets, rising(10, 0), { le: '0.01' }),
    toLine(buckets, rising(10, 10), { le: '1' }),
    toLine(buckets, rising(10, 10), { le: '+Inf' }),
  ]
}

/** The same series of a second instance, which has no fault: it neither fires nor hides the first. */
const toSoundInstance = ({ name, labels, values: [from = 0, next = 0] }: Line): Line => ({
  name,
  labels: { ...labels, instance: 'j' },
  values: times.map((at) => from + at * (next - from)),
})

const getScrapes = (lines: readonly Line[]): readonly Scrape[] =>
  times.map((at) => ({
    at_ms: at * EVERY_S * 1000,
    samples: lines.map(({ name, labels, values }) => ({ name, labels, value: values[at] ?? 0 })),
  }))

const labelText = (labels: Sample['labels']): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')

test.each(rules.map((rule, at) => [rule.id, rule, prometheus[at] as PrometheusRule] as const))(
  'S6: %s of two instances fires and clears here as in Prometheus',
  async (_id, rule, { alert, labels, annotations }) => {
    const lines = scene(rule)
    const scrapes = getScrapes(lines)
    const fires = times.map((at) => evaluateAlert(rule, scrapes.slice(0, at + 1)) === 'firing')
    expect([fires[39], fires[99], fires[SCRAPES - 1]]).toEqual([false, true, false])
    // Prometheus spreads a rate to the ends of its window: the two may differ by a scrape where it turns.
    const settled = times.filter((at) =>
      [-2, -1, 0, 1, 2].every((by) => (fires[at + by] ?? fires[at]) === fires[at]),
    )
    const folder = await mkdtemp(join(tmpdir(), 'ff-promtool-'))
    try {
      const exp_labels = { ...INSTANCE, ...labels }
      const file = {
        rule_files: [FILE],
        evaluation_interval: `${EVERY_S}s`,
        tests: [
          {
            interval: `${EVERY_S}s`,
            input_series: [...lines, ...lines.map(toSoundInstance)].map((line) => ({
              series: `${line.name}{${labelText(line.labels)}}`,
              values: line.values.join(' '),
            })),
            alert_rule_test: settled.map((at) => ({
              eval_time: `${at * EVERY_S}s`,
              alertname: alert,
              exp_alerts: fires[at] === true ? [{ exp_labels, exp_annotations: annotations }] : [],
            })),
          },
        ],
      }
      const path = join(folder, 'test.json')
      await writeFile(path, JSON.stringify(file))
      expect(promtoolSays(['test', 'rules', path]).slice(0, 1_500)).toBe('')
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
)
