import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../commands/outcome.ts'
import { findPort } from '../support/ports.ts'
import { ROOT } from '../support/run-ff.ts'
import { shared } from '../support/shared.ts'
import { type StartedService, startService } from '../support/service.ts'

const SHIPPED = join(ROOT, 'contracts/prometheus_rules.json')
const EVERY = '200ms'

interface Rule {
  readonly name: string
  readonly alerts: readonly {
    readonly state: string
    readonly labels: { readonly instance: string }
  }[]
}
interface Group {
  readonly name: string
  readonly rules: readonly Rule[]
}

let folder = ''
let origin = ''
const services: StartedService[] = []
const ends: (() => Promise<unknown>)[] = []
const instances = (): readonly string[] => services.map((one) => new URL(one.origin).host)

beforeAll(async () => {
  const missing = await shared('prometheus')
  if (missing !== null) throw new Error(missing)
  folder = await mkdtemp(join(tmpdir(), 'ff-prometheus-'))
  services.push(...(await Promise.all([startService(), startService()])))
  const { groups } = JSON.parse(await readFile(SHIPPED, 'utf8')) as {
    readonly groups: readonly { readonly rules: readonly object[] }[]
  }
  // The same rules without the time for which they have to hold.
  const hasty = groups.map(({ rules }) => ({
    name: 'at once',
    rules: rules.map((rule) => ({ ...rule, for: '0s' })),
  }))
  await writeFile(join(folder, 'hasty.json'), JSON.stringify({ groups: hasty }))
  const config = {
    global: { scrape_interval: EVERY, scrape_timeout: EVERY, evaluation_interval: EVERY },
    scrape_configs: [{ job_name: 'ff', static_configs: [{ targets: instances() }] }],
    rule_files: [SHIPPED, join(folder, 'hasty.json')],
  }
  await writeFile(join(folder, 'prometheus.json'), JSON.stringify(config))
  const port = await findPort()
  origin = `http://127.0.0.1:${port}`
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.json')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)))
  const ended = once(child, 'exit')
  ends.push(() => (child.kill('SIGKILL'), ended))
  await until('Prometheus is ready', async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended: ${said}`)
    const answer = await fetch(`${origin}/-/ready`).catch(() => null)
    return answer?.ok === true
  })
})
afterAll(async () => {
  await Promise.all([...services.map((one) => one.stop('SIGKILL')), ...ends.map((end) => end())])
  await rm(folder, { recursive: true })
})

async function ask<T>(path: string): Promise<T> {
  const answer = await fetch(`${origin}/api/v1/${path}`)
  return ((await answer.json()) as { readonly data: T }).data
}
/** State and instance of each alert that is there, of one rule, by group. */
async function findAlerts(name: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const { groups } = await ask<{ readonly groups: readonly Group[] }>('rules?type=alert')
  return Object.fromEntries(
    groups.map((group) => {
      const rule = group.rules.find((one) => one.name === name)
      const alerts = rule?.alerts.map(({ state, labels }) => `${state} ${labels.instance}`) ?? [
        'no',
      ]
      return [group.name, alerts]
    }),
  )
}
async function listUp(): Promise<readonly string[]> {
  const { result } = await ask<{
    readonly result: readonly { readonly value: readonly [number, string] }[]
  }>('query?query=up')
  return result.map(({ value: [, up] }) => up)
}

test('S6: of two services one is killed, and Prometheus alerts on that one alone', async () => {
  await until('both are scraped', async () => (await listUp()).join() === '1,1')
  expect(await findAlerts('FfServiceAbsent')).toEqual({ ff: [], 'at once': [] })
  const [gone] = instances()
  await services[0]?.stop('SIGKILL')
  const alerted = { ff: [`pending ${gone}`], 'at once': [`firing ${gone}`] }
  await until('it alerts', async () => {
    const found = await findAlerts('FfServiceAbsent')
    return found['at once']?.length === 1 && found['ff']?.length === 1
  })
  expect(await findAlerts('FfServiceAbsent')).toEqual(alerted)
  expect((await listUp()).toSorted()).toEqual(['0', '1'])
})
