import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onTerminal } from '../support/pty.ts'
import { ROOT, runFf } from '../support/run-ff.ts'
import { toError } from './outcome.ts'

let cwd = ''
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'ff-verbosity-'))
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

describe('--quiet and --verbose', () => {
  const ENV = { FF_JWT_LEEWAY: '5', FF_DATABASE_URL: 'postgres://u:hunter2@h/d' }
  const show = (...more: readonly string[]) =>
    runFf(['checklist', 'explain', 'A1', ...more], { cwd, env: ENV })

  test('change neither stdout nor the exit', async () => {
    const [plain, quiet, verbose] = await Promise.all([show(), show('--quiet'), show('--verbose')])
    expect(plain.stdout.length).toBeGreaterThan(100)
    for (const { status, stdout } of [quiet, verbose])
      expect([status, stdout]).toEqual([0, plain.stdout])
    expect([plain.stderr, quiet.stderr]).toEqual(['', ''])
  })

  test('--verbose says version, settings with their origin, and the time; no secret', async () => {
    const { stderr } = await show('--verbose')
    expect(stderr).toMatch(/^ff \d+\.\d+\.\d+, Node\.js v\d+/)
    expect(stderr).toContain('\nFF_JWT_LEEWAY=5 (environment)\n')
    expect(stderr).toContain('\nFF_DATABASE_URL=set (environment)\n')
    expect(stderr).toMatch(/\nended ok after \d+\.\d s\n$/)
    expect(stderr).not.toContain('hunter2')
  })

  test('--quiet holds back notes, and no error', async () => {
    await writeFile(join(cwd, 'access.log'), 'no request\n')
    const log = ['requests', 'convert', 'access.log', '--log', 'common']
    const loud = await runFf(log, { cwd })
    const quiet = await runFf([...log, '--quiet'], { cwd })
    expect(quiet.status).toBe(loud.status)
    expect(loud.stderr).toContain('0 requests')
    expect(quiet.stderr).not.toContain('0 requests')
    const wrong = await runFf(['checklist', 'explain', 'Z', '--quiet'], { cwd })
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('option_invalid')])
  })

  test('contradict each other', async () => {
    const run = await show('--quiet', '--verbose', '--json')
    expect([run.status, toError(run).code]).toEqual([2, 'option_invalid'])
  })
})

describe('long text on a terminal', () => {
  const FF = join(ROOT, 'dist/bin/ff.js')
  const MARK = 'sed s/^/paged:/'
  const shown = async (line: string, env: Readonly<Record<string, string>>): Promise<string> => {
    const command = ['bash', '-c', `stty rows 24 cols 80; '${FF}' ${line}`]
    return (await onTerminal(command, [], { cwd, env })).screen
  }
  test.each([
    ['FF_PAGER before PAGER', 'checklist show', { FF_PAGER: MARK, PAGER: 'false' }, true],
    ['PAGER', 'help settings', { PAGER: MARK }, true],
    ['not with --no-pager', 'checklist show --no-pager', { PAGER: MARK }, false],
    ['not where the text fits', 'version', { PAGER: MARK }, false],
    ['not as JSON', 'checklist show --json', { PAGER: MARK }, false],
    ['not where the pager cannot start', 'checklist show', { PAGER: 'no-such-pager' }, false],
    [
      'not on a terminal that cannot move its cursor',
      'help settings',
      { PAGER: MARK, TERM: 'dumb' },
      false,
    ],
  ])('%s', async (_what, line, env, paged) => {
    const screen = await shown(line, env)
    expect(screen.length).toBeGreaterThan(10)
    expect(screen.includes('paged:')).toBe(paged)
  })
})
