import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT, type Run, runFf } from '../support/run-ff.ts'

const FIXTURES = join(ROOT, 'test/fixtures')
const versions = (await readdir(FIXTURES)).filter((name) => /^\d+\.\d+\.\d+$/.test(name))

/** The time at which the folder was a GO, and what its readers have set. */
interface Made {
  readonly now: string
  readonly FF_CODE_VERSION: string
  readonly FF_TRUST_SHA256: string
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-compatibility-'))
  await cp(FIXTURES, folder, { recursive: true })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('there are files of an earlier version', () => expect(versions.length).toBeGreaterThan(0))

describe.each(versions)('files of %s', (version) => {
  const inTeam = async (...args: readonly string[]): Promise<Run> => {
    const cwd = join(folder, version, 'team')
    const { now, ...env } = JSON.parse(await readFile(join(cwd, 'made.json'), 'utf8')) as Made
    return runFf(args, { cwd, now, env })
  }

  test.each(['store-1', 'store-2'])('the file store %s is read whole', async (name) => {
    const store = `file:${join(folder, version, name)}`
    const audit = await runFf(['audit', 'verify', '--store', store, '--json'])
    expect([audit.status, JSON.parse(audit.stdout)]).toMatchObject([0, { verdict: 'pass' }])
    const tail = await runFf(['audit', 'tail', '--store', store, '--lines', '0'])
    expect(tail.status).toBe(0)
    expect(audit.stdout).toMatch(/10 records/)
  })
  test('both file stores hold the same rows', async () => {
    const [first, second] = await Promise.all(
      ['store-1', 'store-2'].map(async (name) => {
        const text = await readFile(join(folder, version, name, 'snapshot.ndjson'), 'utf8')
        const rows = text.split('\n').filter((line) => line.startsWith('{"row":'))
        return rows.map((line) => line.replaceAll(/"\w+_at":"[^"]*",?/g, ''))
      }),
    )
    expect(first?.length).toBeGreaterThan(0)
    expect(first).toEqual(second)
  })
  test('the checklist takes what the package has stricter', async () => {
    expect((await inTeam('checklist', 'diff', '--take')).status).toBe(0)
  })
  test.each([
    ['the evidence logs', ['evidence', 'list']],
    ['the trust file', ['trust', 'show']],
    ['the waivers', ['waiver', 'lint']],
  ])('%s count', async (_what, args) => {
    const { status, stdout } = await inTeam(...args, '--json')
    expect([status, JSON.parse(stdout)]).toMatchObject([0, { verdict: 'pass' }])
  })
  test('the decision is judged, or refused for a stricter checklist or by the version that wrote it', async () => {
    const about = ['--environment', 'production', '--cutover', 'flags-to-postgres']
    const args = ['gate', '--offline', 'decision.json', ...about, '--attempt', '1', '--json']
    const { stdout } = await inTeam(...args)
    const read = JSON.parse(stdout) as { items?: readonly object[]; error?: { code: string } }
    expect(read.items?.length ?? read.error?.code).toBeOneOf([
      42,
      'checklist_loosened',
      'decision_of_other_version',
    ])
  })
})
