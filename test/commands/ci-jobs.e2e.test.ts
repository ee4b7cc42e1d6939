import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readVersion } from '../../src/commands/version.ts'
import { ROOT } from '../support/run-ff.ts'
import { FULL } from '../support/scale.ts'

const run = promisify(execFile)
const QUIET = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
const GITHUB = '.github/workflows/ff-gate.yml'
const GITLAB = '.gitlab/ff-gate.gitlab-ci.yml'

interface Step {
  readonly run?: string
}

/** A team's repository with the package in it, as the comment of the job says, and the folder of `ff init`. */
let folder = ''
let repository = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-ci-jobs-'))
  repository = join(folder, 'repository')
  await mkdir(repository)
  const cwd = repository
  const inShell = (line: string) => run('bash', ['-ec', line], { cwd })
  await (FULL ? installPackage(inShell) : linkPackage(cwd))
  await inShell('node_modules/.bin/ff init && echo node_modules > .gitignore')
  await inShell(
    'git init -q && git add . && git -c user.name=a -c user.email=a@example.test commit -qm begin',
  )
}, 180_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

type InShell = (line: string) => Promise<unknown>
async function installPackage(inShell: InShell): Promise<void> {
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', repository], {
    cwd: ROOT,
    maxBuffer: 16_777_216,
  })
  await inShell(`npm init -y && npm install ${QUIET.join(' ')} --save-exact ./pty-flags-ff-*.tgz`)
}
/** The build of this repository in place of an install, which takes a quarter of a minute. */
async function linkPackage(cwd: string): Promise<void> {
  await mkdir(join(cwd, 'node_modules/.bin'), { recursive: true })
  await symlink(join(ROOT, 'dist/bin/ff.js'), join(cwd, 'node_modules/.bin/ff'))
}
const INSTALL = 'npm ci'

/** Runs the lines of a job in a fresh clone, as a runner does: until one fails. @returns the status of each that ran */
async function runJob(name: string, lines: readonly string[]): Promise<readonly number[]> {
  const cwd = join(folder, name)
  await run('git', ['clone', '-q', repository, cwd])
  const statuses: number[] = []
  for (const written of lines) {
    const isLinked = !FULL && written.startsWith(INSTALL)
    const line = isLinked ? `ln -s '${join(repository, 'node_modules')}' node_modules` : written
    // GitHub's and GitLab's shell: a failure in a pipe fails the line.
    const child = run('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', line], { cwd })
    const status = await child.then(
      () => 0,
      (error: { readonly code: number }) => error.code,
    )
    statuses.push(status)
    if (status !== 0) return statuses
  }
  return statuses
}
const READY = [0, 0, 22] // Nothing was measured yet.

/** The lines that each job runs, by its host. */
async function readLines(): Promise<Readonly<Record<'github' | 'gitlab', readonly string[]>>> {
  const [github, gitlab] = await Promise.all(
    [GITHUB, GITLAB].map(async (name) => parse(await readFile(join(repository, name), 'utf8'))),
  )
  const { jobs } = github as { jobs: Readonly<Record<string, { steps: readonly Step[] }>> }
  const { script } = (gitlab as Readonly<Record<string, { script: readonly string[] }>>)[
    'ff-gate'
  ] ?? { script: [] }
  const steps = Object.values(jobs).flatMap((job) => job.steps)
  return { github: steps.flatMap((step) => step.run ?? []), gitlab: script }
}
/** The other one in a full run, since it runs the same lines. */
const HOSTS = FULL ? (['github', 'gitlab'] as const) : (['github'] as const)

describe('N3: the CI jobs that ff init writes', () => {
  test('run the same lines, but for the format of the output', async () => {
    const { github, gitlab } = await readLines()
    const plain = github.map((line) => line.replace(' --format github', ''))
    expect(plain).toHaveLength(3)
    expect(plain[0]).toMatch(/^npm ci/)
    expect(gitlab).toEqual(plain)
  })
  test.each(HOSTS)(
    'of %s: every step runs, and the gate decides',
    async (host) => {
      const lines = await readLines()
      expect(await runJob(host, lines[host])).toEqual(READY)
      for (const name of ['gate.html', 'gate.xml', 'decision.json'])
        expect((await stat(join(folder, host, 'reports', name))).size).toBeGreaterThan(0)
    },
    120_000,
  )
  test('are pinned to the version of the package', async () => {
    for (const name of [GITHUB, GITLAB]) {
      const text = await readFile(join(repository, name), 'utf8')
      expect(text).toContain(`grep -Fx ${readVersion(ROOT)}\n`)
      const other = text.replace(/grep -Fx \d+/, 'grep -Fx 9')
      const [line = ''] = /node_modules\/\.bin\/ff --version.*/.exec(other) ?? []
      await expect(run('bash', ['-c', line], { cwd: repository })).rejects.toMatchObject({
        code: 1,
      })
    }
  })
})
