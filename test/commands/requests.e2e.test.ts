import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT, runFf } from '../support/run-ff.ts'

const EXAMPLES = join(ROOT, 'contracts/examples/incumbent')
const SAMPLE = [
  join(EXAMPLES, 'access.log'),
  '--log',
  'common',
  '--map',
  join(EXAMPLES, 'requests-map.json'),
]

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-requests-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
async function put(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

test('the requests of the sample are made, and replayed on the rows of the sample', async () => {
  const run = await runFf(['requests', 'convert', ...SAMPLE])
  expect(run).toMatchObject({ status: 0, stderr: '3 requests\nleft out: 1 other_method\n' })
  const requests = await put('requests.ndjson', run.stdout)
  const stores = ['one', 'two'].map((name) => `file:${join(folder, name)}`)
  for (const into of stores) {
    const mapping = ['--mapping', join(EXAMPLES, 'mapping.json'), '--into', into]
    expect((await runFf(['import', join(EXAMPLES, 'flags.json'), ...mapping])).status).toBe(0)
  }
  const sides = ['--baseline', stores[0] as string, '--candidate', stores[1] as string]
  const replay = await runFf(['parity', 'replay', requests, ...sides])
  expect(replay.status, replay.stderr).toBe(0)
  expect(replay.stdout).toContain('3 of 3 requests')
})

test('lines that are no requests are refused by cause, and those of the others are made', async () => {
  const line = (flag: string): string => `{"time":"2026-01-15T09:00:00Z","flag_key":"${flag}"}`
  const log = await put('app.ndjson', [line('ff.a'), line('NO'), '{', '', line('ff.b')].join('\n'))
  const run = await runFf(['requests', 'convert', log, '--log', 'ndjson'])
  expect(run.status).toBe(20)
  expect(run.stdout.trim().split('\n')).toHaveLength(2)
  expect(run.stderr).toContain('2 requests\nrefused 1: schema_pattern\n  line 2: /request/flag_key')
  expect(run.stderr).toContain('refused 1: json_malformed\n  line 3: column 2')
})

test.each([
  ['without a request', '', ['--log', 'common'], 2, 'nothing_to_check'],
  ['of another format', '', ['--log', 'clf'], 2, 'option_invalid'],
  [
    'with a map that is none',
    '',
    ['--log', 'common', '--map', join(EXAMPLES, 'mapping.json')],
    2,
    'artefact_invalid',
  ],
])('a log %s is a usage error', async (_what, text, options, status, code) => {
  const run = await runFf(['requests', 'convert', await put('log', text), ...options])
  expect([run.status, run.stdout]).toEqual([status, ''])
  expect(run.stderr).toContain(code)
})
