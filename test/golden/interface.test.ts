import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, expect, test, vi } from 'vitest'
import { PROBES } from '../../src/features/probes/index.ts'
import { FAULT_CATALOGUE } from '../../src/features/selftest/catalogue.ts'
import { SETTINGS } from '../../src/core/settings/settings.ts'
import { SERVICE_PROBLEMS } from '../../src/core/http-api/problems.ts'
import type { Checklist } from '../../src/core/gate/types.ts'
import { EXIT_BY_CODE } from '../../src/errors.ts'
import { ROOT } from '../support/run-ff.ts'
import {
  listCutoverMetrics,
  listServiceMetrics,
  listShipMetrics,
} from '../support/service-metrics.ts'
import { runInProcess } from '../support/run-in-process.ts'
import { EXIT_STATUSES } from '../../src/core/exit.ts'

/**
 * Compares the interface of users, scripts and dashboards with interface.json: no move, rename or new wording may
 * change it. After an intended change `npm run golden` rewrites the copy.
 */
test('the interface matches the golden copy (npm run golden rewrites it)', async () => {
  const found = {
    commands: await commands(),
    settings: Object.keys(SETTINGS).sort(),
    exits: mapValues(EXIT_STATUSES, ([status]) => status),
    errors: sorted(EXIT_BY_CODE),
    refusals: sorted(mapValues(SERVICE_PROBLEMS, ([status]) => status)),
    probes: sorted(mapValues(PROBES, ({ version, site }) => ({ version, site }))),
    planted_faults: FAULT_CATALOGUE.map(({ id, proof }) => `${id} ${proof}`).sort(),
    metrics: metrics(),
    schemas: digests('contracts/schemas', '.schema.json', withoutProse),
    contracts: digests('contracts', 'openapi.json', withoutProse),
    floor: floor(),
    migrations: digests('contracts/migrations', '.sql', asWritten),
    admin_schemas: digests('contracts/schemas', /^admin-.*\.schema\.json$/, asWritten),
  }
  for (const [part, entries] of Object.entries(found))
    expect(Object.keys(entries).length, part).toBeGreaterThan(0)
  await expect(`${JSON.stringify(found, null, 1)}\n`).toMatchFileSnapshot('interface.json')
})

afterEach(() => vi.restoreAllMocks())

/** Arguments and options of each command, from the commander program. */
async function commands(): Promise<Record<string, readonly string[]>> {
  const parse = vi.spyOn(Command.prototype, 'parseAsync')
  await runInProcess(['help'])
  const program = parse.mock.contexts[0] as Command
  return sorted(Object.fromEntries(walk(program, [])))
}
function walk(command: Command, parents: readonly string[]): [string, readonly string[]][] {
  const path = [...parents, command.name()]
  const args = command.registeredArguments.map((one) => {
    const word = `${one.name()}${one.variadic ? '...' : ''}`
    return one.required ? `<${word}>` : `[${word}]`
  })
  return [
    [path.join(' '), [...args, ...command.options.map(({ flags }) => flags)]],
    ...command.commands.flatMap((one) => walk(one, path)),
  ]
}

/** Type and labels of each metric of the service, also in a cutover, and of the shipper. */
const metrics = (): Record<string, string> =>
  sorted(
    Object.fromEntries(
      [...listServiceMetrics(), ...listCutoverMetrics(), ...listShipMetrics()].map(
        ({ name, type, labels }) => [name, `${type} {${labels.join(', ')}}`],
      ),
    ),
  )

/** What each item of the checklist measures, and by what bounds: no team's checklist may be looser. */
function floor(): Record<string, string> {
  const path = join(ROOT, 'checklists/cutover_readiness_checklist.json')
  const { items } = JSON.parse(readFileSync(path, 'utf8')) as Checklist
  return Object.fromEntries(
    items.map(({ id, title, why, owner, remediation, docs, ...measured }) => {
      expect(
        [title, why, owner, remediation, docs].every((text) => text !== ''),
        id,
      ).toBe(true)
      return [id, JSON.stringify(measured)]
    }),
  )
}

function digests(
  folder: string,
  end: string | RegExp,
  toText: (text: string) => string,
): Record<string, string> {
  const names = readdirSync(join(ROOT, folder)).filter((name) =>
    typeof end === 'string' ? name.endsWith(end) : end.test(name),
  )
  return Object.fromEntries(
    names.sort().map((name) => {
      const text = toText(readFileSync(join(ROOT, folder, name), 'utf8'))
      return [name, createHash('sha256').update(text).digest('hex')]
    }),
  )
}
const asWritten = (text: string): string => text

/**
 * Normalizes a schema and removes its prose. A property may be named like a prose member; it is kept, since it is an
 * object and prose is a string.
 */
const withoutProse = (text: string): string =>
  JSON.stringify(JSON.parse(text), (name, value: unknown) => {
    if (typeof value === 'string' && PROSE.includes(name)) return undefined
    return isPlainObject(value) ? sorted(value) : value
  })
const PROSE = ['title', 'summary', 'description', '$comment']
const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const sorted = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
const mapValues = <T, U>(record: Readonly<Record<string, T>>, to: (value: T) => U) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value)]))
