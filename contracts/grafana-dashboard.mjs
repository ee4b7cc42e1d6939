// The Grafana dashboard of the service: a panel for each alert rule with its threshold, and one for each metric.
import { MEASURES, selector } from './promql.mjs'

/** What the variables of the dashboard choose. */
const CHOSEN = ['job=~"$job"', 'instance=~"$instance"']
const WIDTH = { rule: 8, metric: 6 }
const HEIGHT = 7
const COLUMNS = 24
const SOURCE = { type: 'prometheus', uid: '${datasource}' }

/**
 * Metrics of the process, which no rule looks at; the client library makes them. Names that differ in their ending
 * share a panel.
 */
const OF_PROCESS = [
  ['process_cpu', 'counter', ['seconds_total', 'user_seconds_total', 'system_seconds_total']],
  ['process', 'gauge', ['resident_memory_bytes', 'virtual_memory_bytes', 'heap_bytes']],
  ['process', 'gauge', ['open_fds', 'max_fds']],
  ['process', 'gauge', ['start_time_seconds']],
  [
    'nodejs_eventloop_lag',
    'gauge',
    ['seconds', 'min_seconds', 'max_seconds', 'mean_seconds', 'stddev_seconds'],
  ],
  ['nodejs_eventloop_lag', 'gauge', ['p50_seconds', 'p90_seconds', 'p99_seconds']],
  ['nodejs_active', 'gauge', ['resources', 'handles', 'requests'], ['type']],
  ['nodejs', 'gauge', ['heap_size_total_bytes', 'heap_size_used_bytes', 'external_memory_bytes']],
  ['nodejs_heap_space_size', 'gauge', ['total_bytes', 'used_bytes', 'available_bytes'], ['space']],
  ['nodejs_gc_duration', 'histogram', ['seconds'], ['kind']],
  ['nodejs', 'gauge', ['version_info'], ['version', 'major', 'minor', 'patch']],
]

/** Expressions and legends by type of metric. */
const QUERIES = {
  gauge: (metric, labels) => [
    [`sum ${by(labels)} (${select(metric)})`, legend(labels, nameOf(metric))],
  ],
  counter: (metric, labels) => [
    [
      `sum ${by(labels)} (rate(${select(metric)}[$__rate_interval]))`,
      legend(labels, nameOf(metric)),
    ],
  ],
  histogram: (metric, labels) => [
    ...['0.5', '0.99'].map((quantile) => [
      `histogram_quantile(${quantile}, sum ${by([...labels, 'le'])} (rate(${select(metric, '_bucket')}[$__rate_interval])))`,
      legend(labels, `quantile ${quantile}`),
    ]),
  ],
}
const select = (metric, suffix = '') => selector({ metric, labels: {} }, { suffix, more: CHOSEN })
const by = (labels) => `by (${['instance', ...labels].join(', ')})`
const nameOf = (metric) => metric.replace(/^(ff|process|nodejs)_/, '')
const legend = (labels, name) =>
  ['{{instance}}', name, ...labels.map((one) => `{{${one}}}`)].join(' ')

/** The unit of a metric's values, or of its rate. */
function unitOf(metric, type) {
  if (type === 'counter') return /_seconds_total$/.test(metric) ? 'percentunit' : 'ops'
  if (metric === 'process_start_time_seconds') return 'dateTimeFromNow'
  if (/_seconds$/.test(metric)) return 's'
  return /_bytes$/.test(metric) ? 'bytes' : 'short'
}
const SCALE = { start_time_seconds: ' * 1000' }

const panel = (title, { description, unit, queries, threshold, width }) => ({
  type: 'timeseries',
  title,
  description,
  datasource: SOURCE,
  width,
  fieldConfig: {
    defaults: {
      unit,
      custom: { thresholdsStyle: { mode: threshold === undefined ? 'off' : 'line' } },
      thresholds: {
        mode: 'absolute',
        steps: [
          { color: 'green', value: null },
          ...(threshold === undefined ? [] : [{ color: 'red', value: threshold }]),
        ],
      },
    },
    overrides: [],
  },
  options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
  targets: queries.map(([expr, legendFormat], at) => ({
    refId: String.fromCharCode(65 + at),
    datasource: SOURCE,
    expr,
    legendFormat,
  })),
})

const RULE_UNITS = { share: 'percentunit', ratio: 'percentunit', rate: 'ops', quantile: 's' }
const toRulePanel = ({ id, measure, op, threshold, means, do: remedy }) =>
  panel(`Alert ${id.replaceAll('_', ' ')}`, {
    description: `${means} ${remedy}`,
    unit: RULE_UNITS[measure.kind] ?? unitOf(measure.of.metric, 'gauge'),
    queries: [[MEASURES[measure.kind](measure, op, CHOSEN), '{{instance}}']],
    threshold,
    width: WIDTH.rule,
  })
const toMetricPanel = ({ metric, type, labels }) =>
  panel(metric, {
    unit: unitOf(metric, type),
    queries: QUERIES[type](metric, labels),
    width: WIDTH.metric,
  })
const toProcessPanel = ([prefix, type, endings, labels = []]) => {
  const metrics = endings.map((ending) => `${prefix}_${ending}`)
  const queries = metrics.flatMap((metric) =>
    QUERIES[type](metric, labels).map(([expr, name]) => [
      `${expr}${SCALE[nameOf(metric)] ?? ''}`,
      name,
    ]),
  )
  return panel(metrics.join(', '), { unit: unitOf(metrics[0], type), queries, width: WIDTH.metric })
}

/** Rows of panels, each from left to right and then downwards. */
function arrange(rows) {
  const placed = []
  let [y, id] = [0, 0]
  for (const [title, panels] of rows) {
    placed.push({
      id: (id += 1),
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    })
    y += 1
    let x = 0
    for (const { width, ...one } of panels) {
      if (x + width > COLUMNS) [x, y] = [0, y + HEIGHT]
      placed.push({ id: (id += 1), ...one, gridPos: { x, y, w: width, h: HEIGHT } })
      x += width
    }
    y += HEIGHT
  }
  return placed
}

const queryVariable = (name, query, current) => ({
  name,
  type: 'query',
  datasource: SOURCE,
  query: { query, refId: name },
  refresh: 2,
  multi: true,
  includeAll: true,
  current,
})

const isOfShipper = ({ process }) => process === 'ship'

/** The dashboard of a contract of alert rules, for the import of Grafana 9 and later. */
export const toDashboard = ({ signals, rules }) => ({
  uid: 'ff-service',
  title: 'ff: the service',
  tags: ['ff'],
  schemaVersion: 38,
  editable: true,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  templating: {
    list: [
      { name: 'datasource', type: 'datasource', query: 'prometheus', current: {} },
      // Both ff serve and ff audit ship show it.
      queryVariable('job', 'label_values(ff_audit_pending, job)', {
        text: 'ff + ff-ship',
        value: ['ff', 'ff-ship'],
      }),
      queryVariable('instance', 'label_values(ff_audit_pending{job=~"$job"}, instance)', {
        text: 'All',
        value: ['$__all'],
      }),
    ],
  },
  panels: arrange([
    ['Alert rules: the line is the threshold', rules.map(toRulePanel)],
    ['Metrics of the service', signals.filter((one) => !isOfShipper(one)).map(toMetricPanel)],
    ['Metrics of the audit delivery', signals.filter(isOfShipper).map(toMetricPanel)],
    ['Metrics of the process', OF_PROCESS.map(toProcessPanel)],
  ]),
})
