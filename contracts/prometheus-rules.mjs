// Writes contracts/prometheus_rules.json and contracts/grafana_dashboard.json from contracts/alert_rules.json:
// `npm run alerts`. JSON is YAML, so Prometheus reads the rules as one of its rule_files. With --check it writes nothing
// and fails where a file is out of date.
import { readFile, writeFile } from 'node:fs/promises'
import { toDashboard } from './grafana-dashboard.mjs'
import { MEASURES } from './promql.mjs'

const SIGN = { above: '>', below: '<' }
const camel = (id) => id.replaceAll(/(?:^|_)([a-z0-9])/g, (_, first) => first.toUpperCase())
const ruleOf = ({ id, measure, op, threshold, for_s, severity, means, do: remedy }) => ({
  alert: `Ff${camel(id)}`,
  expr: `${MEASURES[measure.kind](measure, op)} ${SIGN[op]} ${threshold}`,
  for: `${for_s}s`,
  labels: { severity },
  annotations: { summary: means, description: remedy },
})

const at = (name) => new URL(name, import.meta.url)
const contract = JSON.parse(await readFile(at('alert_rules.json'), 'utf8'))
const files = {
  'prometheus_rules.json': { groups: [{ name: 'ff', rules: contract.rules.map(ruleOf) }] },
  'grafana_dashboard.json': toDashboard(contract),
}
for (const [name, file] of Object.entries(files)) {
  const made = `${JSON.stringify(file, null, 2)}\n`
  if (!process.argv.includes('--check')) await writeFile(at(name), made)
  else if ((await readFile(at(name), 'utf8').catch(() => null)) !== made) {
    console.error(`contracts/${name} is out of date; run \`npm run alerts\`.`)
    process.exitCode = 1
  }
}
