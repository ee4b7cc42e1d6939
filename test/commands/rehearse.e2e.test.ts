import { once } from 'node:events'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runFf, startFf } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'

let cwd = ''
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ff-test-rehearse-'))
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

/** Processes that run in the folder of a rehearsal, as its instances do. */
async function listProcesses(folder: string): Promise<readonly string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const places = ids.map((id) => readlink(`/proc/${id}/cwd`).catch(() => ''))
  return (await Promise.all(places)).filter((place) => place.startsWith(folder))
}

/** Runs a rehearsal, and calls `act` once it has printed this text. */
async function rehearse(
  args: readonly string[],
  seen: string,
  act: (child: ReturnType<typeof startFf>) => Promise<void>,
) {
  const child = startFf(['rehearse', ...args], { cwd })
  let [stdout, stderr, acting] = ['', '', null as Promise<void> | null]
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (stdout.includes(seen)) acting ??= act(child)
  })
  const [status] = (await once(child, 'close')) as [number | null]
  await acting
  return { status, stdout, stderr, acted: acting !== null }
}

test('Ctrl-C ends a rehearsal with all its processes, and removes what is private', async () => {
  const folder = join(cwd, 'ended')
  let running: readonly string[] = []
  const { status, stderr, acted } = await rehearse(
    ['--quick', '--dir', folder],
    '$ ff cutover plan',
    async (child) => {
      running = await listProcesses(folder)
      child.kill('SIGINT')
    },
  )
  expect([status, acted], stderr).toEqual([130, true])
  expect(stderr).toContain('[interrupted, exit interrupted]')
  expect(running.length).toBeGreaterThanOrEqual(2)
  expect(await listProcesses(folder)).toEqual([])
  const left = await readdir(folder)
  expect(left).toContain('rehearsal.env')
  expect(left).not.toContain('private')
}, 60_000)

test.each([
  [['--mapping', 'mapping.json'], 'option_invalid'],
  [['--store', 'embedded'], 'target_invalid'],
  [['--dir', '.'], 'file_exists'],
])('%j is refused before anything is made', async (args, code) => {
  const before = await readdir(cwd)
  const { status, stderr } = await runFf(['rehearse', ...args], { cwd })
  expect([status, stderr]).toEqual([2, expect.stringContaining(`[${code}, exit usage]`)])
  expect(await readdir(cwd)).toEqual(before)
})

// Over 20 s of CPU.
if (FULL)
  test('a sample goes the whole way, and nothing of it is evidence', async () => {
    const folder = join(cwd, 'quick')
    const seen = '## The verdict'
    const { status, stdout } = await rehearse(['--quick', '--dir', folder], seen, async () => {})
    expect([status, stdout]).toEqual([0, expect.stringContaining('REHEARSAL')])
    expect(stdout).toMatch(/evaluations, 0 failed/)
    const report = JSON.parse(await readFile(join(folder, 'reports/gate.json'), 'utf8')) as {
      readonly items: readonly { readonly state: string }[]
    }
    expect(report.items).toHaveLength(42)
    expect(report.items.filter(({ state }) => state === 'pass')).toEqual([])
  }, 600_000)
