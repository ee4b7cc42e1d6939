import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { validateSchema } from '../../src/artefacts/schemas.ts'
import { CUTOVER_PHASES } from '../../src/core/cutover/phases.ts'
import type { CutoverDrill } from '../../src/core/report/cutover-documents.ts'
import { getUrl, startServer } from '../support/database.ts'
import { runFf } from '../support/run-ff.ts'
import { flagLine, storeFolder } from '../support/store-folder.ts'

let cwd = ''
let store = ''
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ff-drill-'))
  await startServer('18')
  store = await storeFolder([flagLine('ff.a', 'boolean')])
})
afterAll(() => Promise.all([cwd, store].map((path) => rm(path, { recursive: true, force: true }))))

test(
  'a drill on a copy goes through every phase and back, and loses nothing',
  { timeout: 180_000 },
  async () => {
    const out = join(cwd, 'drill.html')
    const options = ['--seconds', '0.1', '--store', `file:${store}`, '--out', out]
    const target = ['--scratch', getUrl('18', 'postgres')]
    const run = await runFf(['cutover', 'drill', ...options, ...target, '--format', 'json'], {
      cwd,
    })
    const drill = JSON.parse(run.stdout) as CutoverDrill
    expect(validateSchema('cutover-drill', drill, '')).toEqual([])
    const there = CUTOVER_PHASES.slice(1)
    expect(drill.steps.map(({ to }) => to)).toEqual([
      ...there,
      ...CUTOVER_PHASES.slice(0, -1).toReversed(),
    ])
    expect(drill.steps.reduce((all, { lost }) => all + lost, 0)).toBe(0)
    expect(drill.writes).toEqual({ missing: 0, repeated: 0 })
    // Ten tenants and the flag of the copy, in each phase after the first look.
    expect(drill.decisions).toEqual({ compared: 8 * 11, differing: 0 })
    expect(drill.total.acknowledged).toBeGreaterThan(8)
    // No step refuses a write, or leaves one waiting for a side that its phase does not ask for.
    // An instance may decide by what it knew some milliseconds before, which breaks the share of so few requests.
    expect(drill.examples.filter((one) => !/^instance \d decided /.test(one))).toEqual([])
    expect(drill.because.filter((one) => !/too_few_samples|failed_share/.test(one))).toEqual([])
    expect(run.status).toBe({ pass: 0, fail: 20, inconclusive: 22 }[drill.verdict])
    const page = await readFile(out, 'utf8')
    expect(page.match(/<svg /g)).toHaveLength(3)
    expect(page).not.toMatch(/<script|https?:/)
  },
)

test.each([
  ['a remote server', ['--scratch', 'postgres://db.example/x']],
  ['a store that is no file', ['--store', 'embedded']],
])('%s is refused', async (_what, options) => {
  const { status, stdout } = await runFf(['cutover', 'drill', ...options, '--format', 'json'], {
    cwd,
  })
  expect([status, (JSON.parse(stdout) as { error: { code: string } }).error.code]).toEqual([
    2,
    'target_invalid',
  ])
})
