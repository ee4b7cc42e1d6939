import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { link, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT, type Run, runFf } from '../support/run-ff.ts'
import { type SignedFolder, signedFolder } from '../support/signed-folder.ts'

let folder: SignedFolder
beforeAll(async () => {
  folder = await signedFolder()
  const { cwd } = folder
  await writeFile(join(cwd, 'ff.config.json'), '{"storeDir":"store"}')
  await mkdir(join(cwd, 'store'))
  await writeFile(join(cwd, 'store/log'), 'x')
  await mkdir(join(cwd, 'reports'))
  await symlink('checklists', join(cwd, 'linked'))
  await symlink('checklists/signoff.json', join(cwd, 'link.json'))
  await symlink('checklists/not-there.json', join(cwd, 'dangling.json'))
  await symlink('loop.json', join(cwd, 'loop.json'))
  await link(join(cwd, 'checklists/signoff.json'), join(cwd, 'hard.json'))
  await writeFile(join(cwd, 'decision.json'), 'x')
  await writeFile(join(cwd, 'runner.pem'), 'x')
})
afterAll(() => rm(folder.cwd, { recursive: true, force: true }))

const run = (args: readonly string[], env = {}): Promise<Run> =>
  runFf(args, { cwd: folder.cwd, env: { ...folder.env, ...env } })
const signoff = (): Promise<string> => readFile(join(folder.cwd, 'checklists/signoff.json'), 'utf8')

describe('V17: no output overwrites an input', () => {
  const cases: readonly (readonly [string, string, Readonly<Record<string, string>>?])[] = [
    ['the sign-off', 'gate --output json=checklists/signoff.json'],
    ['the evidence', 'gate --decision .ff/evidence/evidence.ndjson'],
    ['a file of the team that is not there yet', 'gate --output json=checklists/waivers.json'],
    ['the configuration', 'gate --output json=ff.config.json'],
    ['another spelling', 'report --output html=reports/../checklists/./signoff.json'],
    ['a folder that is linked', 'gate --output sarif=linked/signoff.json'],
    ['a link', 'gate --output junit=link.json'],
    ['a link to a file that is not there yet', 'gate --output junit=dangling.json'],
    ['a hard link', 'gate --output json=hard.json'],
    ['an option of the command', 'gate --offline decision.json --output json=decision.json'],
    ['an argument', 'parity replay decision.json --output json=./decision.json'],
    ['a target', 'parity diff --baseline file:store --output json=store/log'],
    ['a folder of the configuration', 'doctor --output json=store/log'],
    [
      'a file of the environment',
      'probe run A1 --output json=runner.pem',
      { FF_RUNNER_KEY_FILE: 'runner.pem' },
    ],
    ['a folder that is exported to', 'audit export --store file:store --out .ff/evidence'],
    ['a check of the waivers', 'waiver lint --output json=checklists/waivers.json'],
    ['another output', 'gate --output json=x --output sarif=./x'],
    ['the output of an option', 'gate --output json=x --decision x'],
    [
      'the summary of a job',
      'gate --format github',
      { GITHUB_STEP_SUMMARY: 'checklists/signoff.json' },
    ],
    ['the package', `gate --output json=${ROOT}/contracts/readiness_gate.json`],
  ]
  test.each(cases.map(([what, line, env = {}]) => [what, line, env] as const))(
    '%s: %s',
    async (_what, line, env) => {
      const before = await signoff()
      const { status, stderr, stdout } = await run(line.split(' '), env)
      expect([status, stderr]).toEqual([
        2,
        expect.stringContaining('[output_over_input, exit usage]'),
      ])
      expect(stdout).toBe('')
      expect(await signoff()).toBe(before)
    },
  )
  test('what is no input is written', async () => {
    const { cwd } = folder
    const other = await mkdtemp(join(tmpdir(), 'ff-output-'))
    const names = ['reports/gate.json', 'gate.json', `${other}/gate.json`]
    const outputs = names.flatMap((name) => ['--output', `json=${name}`])
    const done = await run(['gate', ...outputs, '--output', 'sarif=/dev/null'])
    expect([done.status, done.stderr]).toEqual([0, ''])
    for (const name of names)
      expect(existsSync(join(name.startsWith('/') ? '' : cwd, name))).toBe(true)
    await rm(other, { recursive: true })
  })
  test('a link that leads to itself is an output that cannot be written', async () => {
    const { status, stderr } = await run(['gate', '--output', 'json=loop.json'])
    expect([status === 0 || stderr.includes('[output_failed'), stderr.includes('bug')]).toEqual([
      true,
      false,
    ])
  })
})

describe('an input that never ends is refused at once', () => {
  const about = '--environment production --cutover flags-to-postgres --attempt 1 --code sha256:aa'
  const lines = [
    `gate --offline INPUT ${about}`,
    'gate --checklist INPUT',
    'gate --evidence INPUT',
    'report --checklist INPUT',
    'checklist validate --checklist INPUT',
    'evidence list --evidence INPUT',
    'evidence import INPUT',
    'signoff add INPUT',
    'key show INPUT',
    'artefacts validate INPUT',
    'parity run --vectors INPUT',
    'import INPUT',
  ]
  const make: Readonly<Record<string, (path: string) => unknown>> = {
    'a pipe without a writer': (path) => execFileSync('mkfifo', [path]),
    'an endless device': (path) => symlink('/dev/zero', path),
    'a file of 1 TiB': (path) => writeFile(path, '').then(() => truncate(path, 2 ** 40)),
  }
  test.each(Object.entries(make))('%s', async (what, put) => {
    const input = `odd ${what}`
    await put(join(folder.cwd, input))
    for (const line of lines) {
      const args = line.split(' ').map((word) => (word === 'INPUT' ? input : word))
      const { status, stdout, stderr } = await run(args)
      expect([line, status, stdout + stderr]).toEqual([
        line,
        expect.any(Number),
        expect.not.stringContaining('bug in ff'),
      ])
      expect([2, 22, 23]).toContain(status)
    }
    await rm(join(folder.cwd, input))
  })
})

test('an output makes the folder reports, which the help proposes', async () => {
  await rm(join(folder.cwd, 'reports'), { recursive: true })
  const done = await run(['report', '--output', 'html=reports/gate.html'])
  expect(done.status).toBe(0)
  expect(existsSync(join(folder.cwd, 'reports/gate.html'))).toBe(true)
})
