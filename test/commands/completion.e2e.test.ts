import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onTerminal } from '../support/pty.ts'
import { runFf } from '../support/run-ff.ts'
import { shared } from '../support/shared.ts'

const SHELLS = ['bash', 'fish'] as const

let folder = ''
beforeAll(async () => {
  expect(await shared('shells')).toBeNull()
  folder = await mkdtemp(join(tmpdir(), 'ff-completion-'))
  for (const shell of [...SHELLS, 'zsh']) {
    const { status, stdout } = await runFf(['completion', shell])
    expect(status).toBe(0)
    await writeFile(join(folder, shell), stdout)
  }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const run = promisify(execFile)
/** Runs a shell with its own completion functions. @returns what completes the last word */
const COMPLETE: Readonly<
  Record<(typeof SHELLS)[number], (words: readonly string[]) => Promise<readonly string[]>>
> = {
  bash: async (words) => {
    const asks = `source ${folder}/bash; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _ff; printf '%s\\n' "\${COMPREPLY[@]}"`
    return toLines((await run('bash', ['-c', asks])).stdout)
  },
  fish: async (words) => {
    const asks = `source ${folder}/fish; complete -C '${words.join(' ')}'`
    const { stdout } = await run('fish', ['--no-config', '-c', asks])
    return toLines(stdout).map((line) => line.split('\t')[0] ?? '')
  },
}
/** What zsh lists on a terminal for a line that ends with two tabs; its completion works nowhere else. */
async function listInZsh(line: string, last: string): Promise<readonly string[]> {
  const load = `autoload -U compinit; compinit -D -u; source ${folder}/zsh; LISTMAX=1000; PS1=LOAD''ED\n`
  const { screen } = await onTerminal(
    ['zsh', '-f', '-i'],
    [
      ['START', load],
      ['LOADED', `${line}\t\t`],
      [last, '\u0003'],
      ['LOADED', 'exit\n'],
    ],
    { cwd: folder, env: { TERM: 'vt100', PS1: 'START' } },
  )
  return screen.split(/[^\w-]+/)
}
const toLines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '')

/** A line to complete, and some of what completes it. */
const LINES: readonly (readonly [words: readonly string[], some: readonly string[]])[] = [
  [
    ['ff', ''],
    ['parity', 'gate', 'help', 'version'],
  ],
  [
    ['ff', 'parity', ''],
    ['run', 'diff', 'selftest'],
  ],
  [
    ['ff', 'parity', 'run', '--vector', 'PV-'],
    ['PV-01', 'PV-02'],
  ],
  [
    ['ff', 'parity', 'run', '--format', ''],
    ['text', 'json', 'junit', 'html'],
  ],
  [
    ['ff', 'audit', 'tail', '--format', ''],
    ['text', 'ndjson'],
  ],
  [
    ['ff', 'checklist', 'explain', 'A'],
    ['A1', 'A2'],
  ],
  [
    ['ff', 'probe', 'run', 'A1', 'E'],
    ['E1', 'E5'],
  ],
  [
    ['ff', 'schema', 'gate-'],
    ['gate-common', 'gate-report'],
  ],
  [
    ['ff', 'completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['ff', 'gate', '--dec'], ['--decision']],
]

describe.each(SHELLS)('%s completes', (shell) => {
  test.each(LINES)('%j', async (words, some) => {
    const last = words.at(-1) ?? ''
    const found = await COMPLETE[shell](words)
    expect(found).toEqual(expect.arrayContaining([...some]))
    expect(found.filter((one) => !one.startsWith(last))).toEqual([])
  })
})

test('zsh completes the id of a vector', async () => {
  const found = await listInZsh('ff parity run --vector PV-', 'PV-08')
  expect(found).toEqual(expect.arrayContaining(['PV-01', 'PV-02', 'PV-08']))
})

test('another shell ends 2 with the nearest one', async () => {
  const { status, stderr } = await runFf(['completion', 'fisch'])
  expect([status, stderr]).toEqual([2, expect.stringContaining('`ff completion fish`')])
})
