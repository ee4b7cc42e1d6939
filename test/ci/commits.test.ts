import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../support/run-ff.ts'

const LONGEST = `fix(é): ${'x'.repeat(52)}`
const TOO_LONG = `${LONGEST}x`

let folder = ''
/** A Git environment with its own user, without the configuration of this machine. */
const env = {
  PATH: process.env['PATH'],
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
}
const git = (...args: string[]): string =>
  execFileSync('git', args, { cwd: folder, env, encoding: 'utf8' }).trim()
const commit = (...args: string[]): string =>
  git('commit', '--allow-empty', ...args) && git('rev-parse', '--short', 'HEAD')

/** Runs a program in the repository. @returns its exit status and stderr */
const ended = (program: string, ...args: string[]): Promise<readonly [number | null, string]> =>
  new Promise((resolve) => {
    const child = execFile(program, args, { cwd: folder, env }, (_error, _stdout, stderr) =>
      resolve([child.exitCode, stderr]),
    )
  })
const commits = (base: string): Promise<readonly [number | null, string]> =>
  ended(join(ROOT, '.ci/commits'), base)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ff-commits-'))
  git('init', '--quiet')
  commit('--message', TOO_LONG)
  git('tag', 'base')
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the commit-msg hook', () => {
  const hooked = (...args: string[]): Promise<readonly [number | null, string]> =>
    ended('git', '-c', `core.hooksPath=${ROOT}/.ci/hooks`, 'commit', '--allow-empty', ...args)
  test.each([
    ['a subject of 60 characters', [LONGEST]],
    ['a long body', ['fix: x', 'y'.repeat(100)]],
    ['a fix-up of a long subject', [`fixup! ${LONGEST}`]],
  ])('accepts %s', async (_name, paragraphs) => {
    expect((await hooked(...paragraphs.flatMap((text) => ['-m', text])))[0]).toBe(0)
  })
  test.each([
    ['a subject of 61 characters', TOO_LONG],
    ['a subject on two lines', `fix: x\n${'y'.repeat(60)}`],
    ['a subject behind empty lines and comments', `\n# ${'z'.repeat(60)}\n\n${TOO_LONG}`],
  ])('refuses %s', async (_name, message) => {
    const before = git('rev-parse', 'HEAD')
    const [status, stderr] = await hooked('--cleanup=strip', '-m', message)
    expect([status, stderr]).toEqual([1, expect.stringMatching(/ 6\d characters, at most 60/)])
    expect(git('rev-parse', 'HEAD')).toBe(before)
  })
})

describe('.ci/commits', () => {
  test('accepts an empty range, and one of short subjects', async () => {
    git('checkout', '--quiet', '--detach', 'base')
    expect(await commits('HEAD')).toEqual([0, ''])
    commit('--message', LONGEST)
    expect(await commits('base')).toEqual([0, ''])
  })
  test('names each commit with a long subject, and none of the base', async () => {
    git('checkout', '--quiet', '--detach', 'base')
    const first = commit('--message', TOO_LONG)
    commit('--message', LONGEST)
    const third = commit('--message', `${TOO_LONG}x`)
    const [status, stderr] = await commits('base')
    expect(status).toBe(1)
    expect(stderr.match(/^\w+(?=: the subject)/gm)).toEqual([third, first])
  })
  test('ends with the status of Git for an unknown base', async () => {
    expect(await commits('nowhere')).toEqual([128, expect.stringContaining('nowhere')])
  })
  test('ends 2 without a base', async () => {
    expect(await ended(join(ROOT, '.ci/commits'))).toEqual([2, 'usage: .ci/commits BASE\n'])
  })
})
