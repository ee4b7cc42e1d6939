// Writes contracts/prometheus_rules.json from contracts/alert_rules.json: `npm run alerts`. JSON is YAML, so Prometheus
// reads the file as one of its rule_files. With --check it writes nothing and fails where the file is out of date.
import { readFile, writeFile } from 'node:fs/promises'

/** Rules apply to each instance: a failing one must not disappear in the sum of nine healthy ones. */
const EACH = 'by (instance, job)'
const WORST = { above: 'max', below: 'min' }
const SIGN = { above: '>', below: '<' }

const matcher = ([name, values]) =>
  values.length === 1
    ? `${name}="${values[0]}"`
    : `${name}=~"${values.map((one) => one.replaceAll('.', '\\\\.')).join('|')}"`
function selector({ metric, labels }, suffix = '') {
  const matchers = Object.entries(labels).map(matcher)
  return `${metric}${suffix}${matchers.length === 0 ? '' : `{${matchers.join(',')}}`}`
}
const total = (of) => `sum ${EACH} (${selector(of)})`
const rate = (of, window_s) => `sum ${EACH} (rate(${selector(of)}[${window_s}s]))`

/** The PromQL expression of a measure. */
const MEASURES = {
  value: ({ of }, op) => `${WORST[op]} ${EACH} (${selector(of)})`,
  share: ({ of, to }) => `${total(of)} / ${total(to)}`,
  rate: ({ of, window_s }) => rate(of, window_s),
  ratio: ({ of, to, window_s }) => `${rate(of, window_s)} / ${rate(to, window_s)}`,
  quantile: ({ of, quantile, window_s }) =>
    `histogram_quantile(${quantile}, sum by (instance, job, le) (rate(${selector(of, '_bucket')}[${window_s}s])))`,
}
const camel = (id) => id.replaceAll(/(?:^|_)([a-z0-9])/g, (_, first) => first.toUpperCase())
const ruleOf = ({ id, measure, op, threshold, for_s, severity, means, do: remedy }) => ({
  alert: `Ff${camel(id)}`,
  expr: `${MEASURES[measure.kind](measure, op)} ${SIGN[op]} ${threshold}`,
  for: `${for_s}s`,
  labels: { severity },
  annotations: { summary: means, description: remedy },
})

const at = (name) => new URL(name, import.meta.url)
const { rules } = JSON.parse(await readFile(at('alert_rules.json'), 'utf8'))
const file = { groups: [{ name: 'ff', rules: rules.map(ruleOf) }] }
const made = `${JSON.stringify(file, null, 2)}\n`
const target = at('prometheus_rules.json')
if (!process.argv.includes('--check')) await writeFile(target, made)
else if ((await readFile(target, 'utf8')) !== made) {
  console.error('contracts/prometheus_rules.json is out of date; run `npm run alerts`.')
  process.exitCode = 1
}
