import { afterEach, expect, test, vi } from 'vitest'
import { COMMANDS } from '../../src/commands/declarations/index.ts'
import { JSON_FLAG, takesJson } from '../../src/commands/declarations/row.ts'
import { EXIT_STATUSES } from '../../src/core/exit.ts'
import { SERVICE_PROBLEMS } from '../../src/core/http-api/problems.ts'
import {
  FILE_SETTINGS,
  getSettingRow,
  SETTING_NAMES,
  toFileKey,
} from '../../src/core/settings/settings.ts'
import { EXIT_BY_CODE } from '../../src/errors.ts'
import {
  listCutoverMetrics,
  listServiceMetrics,
  listShipMetrics,
  type ServiceMetric,
} from '../support/service-metrics.ts'

afterEach(() => vi.restoreAllMocks())

/** A page of docs/reference that is made of a table in the code: `npm run docs` writes it anew. */
const PAGES: Readonly<Record<string, () => string>> = {
  commands: () =>
    page(
      'Commands',
      'Every command with its arguments and options. `ff help COMMAND` prints the same with examples. ' +
        '`--color`, `--no-color`, `--debug`, `--quiet`, `--verbose` and `--no-pager` belong to every command.',
      COMMANDS.map(({ noun, what, commands }) =>
        [
          noun === null ? '' : `## ff ${noun}\n\n${capitalize(what)}.\n`,
          ...commands.map((command) => {
            const path = ['ff', noun, command.name].filter((word) => word !== null).join(' ')
            const call = command.arguments === undefined ? path : `${path} ${command.arguments}`
            return [
              `${noun === null ? '##' : '###'} \`${call}\`\n\n${capitalize(command.what)}.\n`,
              command.options.length === 0
                ? ''
                : `${table(
                    ['option', 'what'],
                    [...command.options, ...(takesJson(command) ? [JSON_FLAG] : [])].map(
                      ({ flags, what: means }) => [code(flags), means],
                    ),
                  )}\n`,
              ['```sh', ...command.examples, '```', ''].join('\n'),
            ]
              .filter((part) => part !== '')
              .join('\n')
          }),
        ]
          .filter((part) => part !== '')
          .join('\n'),
      ).join('\n'),
    ),
  'exit-codes': () =>
    page(
      'Exit codes',
      'The status with which each command ends. Where several apply, the first in the order of ' +
        '`src/core/exit.ts` decides. No output format changes it.',
      table(
        ['exit', 'name', 'meaning'],
        Object.entries(EXIT_STATUSES).map(([name, [status, meaning]]) => [
          String(status),
          code(name),
          meaning,
        ]),
      ),
    ),
  settings: () =>
    page(
      'Settings',
      'A setting comes from the option that names it, else from the environment, else from `ff.config.json` ' +
        '(found upwards from the working directory), else it has its default. An unknown key is an error; a variable ' +
        'that begins with `FF_` and is no setting is named by `ff doctor` and in the log of `ff serve`. ' +
        '`ff config show --origin` prints what holds here and where it came from.',
      table(
        ['name', 'key in the file', 'what'],
        SETTING_NAMES.map((name) => [
          code(name),
          FILE_SETTINGS.includes(name) ? code(toFileKey(name)) : 'environment only',
          getSettingRow(name).what,
        ]),
      ),
    ),
  metrics: () =>
    page(
      'Metrics',
      '`GET /metrics` of `ff serve`, in Prometheus’ text format 0.0.4. No label holds an id, a key or a tenant.\n\n' +
        '`contracts/grafana_dashboard.json` shows each of them, and each alert rule with its threshold: in Grafana ' +
        'choose Dashboards, New, Import, upload the file, and select your Prometheus in its variable `datasource`; or put ' +
        'the file into a folder that Grafana provisions. The scrape job is named `ff`, as for the alerts.',
      [
        metricTable(listServiceMetrics()),
        '## Of the shipper\n\n`GET /metrics` of `ff audit ship --admin-listen HOST:PORT`, with the metrics of the process as ' +
          'above. Its scrape job is named `ff-ship`. See [audit-delivery.md](audit-delivery.md).\n',
        metricTable(listShipMetrics()),
        '## In a cutover\n\nOf `ff serve` with `FF_BACKING=managed` alone, beside the metrics of any `ff serve`.\n',
        metricTable(listCutoverMetrics()),
      ].join('\n'),
    ),
  'error-codes': () =>
    page(
      'Error codes',
      'The `code` of an error document (`--format json`), with the exit status that follows. Branch on the code, ' +
        'never on the message.',
      [
        table(
          ['code', 'exit'],
          Object.entries(EXIT_BY_CODE)
            .toSorted(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, exit]) => [code(name), `${EXIT_STATUSES[exit][0]} (${exit})`]),
        ),
        '## Refusals of the service\n\nThe `code` of a problem detail (RFC 9457) that `ff serve` answers with.\n',
        table(
          ['code', 'HTTP status', 'title'],
          Object.entries(SERVICE_PROBLEMS).map(([name, [status, title]]) => [
            code(name),
            String(status),
            title,
          ]),
        ),
      ].join('\n'),
    ),
}

test.each(Object.entries(PAGES))(
  'docs/reference/%s.md is made of the tables in the code (npm run docs)',
  async (name, toPage) => {
    const text = toPage()
    expect(text.split('\n').length).toBeGreaterThan(15)
    await expect(text).toMatchFileSnapshot(`../../docs/reference/${name}.md`)
  },
)

const page = (title: string, about: string, body: string): string =>
  `<!-- Written by \`npm run docs\`. -->\n\n# ${title}\n\n${about}\n\n${body}`

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`)
    .join('')

const metricTable = (metrics: readonly ServiceMetric[]): string =>
  table(
    ['metric', 'type', 'labels', 'what'],
    metrics.map(({ name, type, labels, help }) => [
      code(name),
      type,
      labels.map(code).join(', '),
      help,
    ]),
  )

const code = (text: string): string => `\`${text}\``
const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
