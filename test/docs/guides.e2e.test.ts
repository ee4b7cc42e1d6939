import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { onTerminal, type Script } from '../support/pty.ts'
import { ROOT } from '../support/run-ff.ts'
import { everyNth } from '../support/scale.ts'

const PAGES = [
  'README.md',
  'docs/tutorial.md',
  'docs/guides/release-engineer.md',
  'docs/guides/security-lead.md',
  'docs/guides/platform-engineer.md',
  'docs/guides/ci.md',
] as const

/** Lines that another test runs, or that start this one, by their begin. */
const ELSEWHERE: readonly string[] = [
  'npm install --save-exact ./pty-flags-ff-', // test/commands/ci-jobs.e2e.test.ts
  'ff rehearse --quick', // test/commands/rehearse.e2e.test.ts
  'cd rehearsal && . ./rehearsal.env && ff gate', // The same test judges its last report.
]
const SECRET = 'correct horse battery'
/** What a person types; every other line asks nothing. */
const ANSWERS: readonly (readonly [begin: string, script: Script])[] = [
  [
    'ff key new ',
    [
      ['New passphrase', `${SECRET}\n`],
      ['again:', `${SECRET}\n`],
    ],
  ],
]

interface Line {
  readonly command: string
  /** From a comment such as `# ends 22`; 0 without. */
  readonly status: number
}
/** The lines of the shell blocks of a page, in order. */
async function readLines(page: string): Promise<readonly Line[]> {
  const text = await readFile(join(ROOT, page), 'utf8')
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block)
  return blocks
    .flatMap((block) => block.split('\n'))
    .flatMap((line) => {
      const [command = '', comment = ''] = line.split(/\s+# /)
      const [, status = '0'] = /\bends (\d+)/.exec(comment) ?? []
      return command === '' ? [] : [{ command, status: Number(status) }]
    })
}

let folder = ''
let database: TestDatabase
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ff-guides-'))
  await mkdir(join(folder, 'bin'))
  await symlink(join(ROOT, 'dist/bin/ff.js'), join(folder, 'bin/ff'))
  database = await createDatabase('18')
})
afterAll(async () => {
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

/** Runs a line in a shell that goes on where the last line of the page ended: its folder and its variables. */
async function runLine(command: string, state: string): Promise<number | null> {
  // In this repository npx runs the build, and npm ci has run.
  const line = command.replace(/^npm ci && /, '').replaceAll('npx ff', 'ff')
  const script = `source ${state}\n${line}\nstatus=$?\n{ export -p; echo "cd '$PWD'"; } > ${state}\nexit $status`
  const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: folder }
  const answers = ANSWERS.find(([begin]) => command.startsWith(begin))?.[1]
  if (answers !== undefined)
    return (await onTerminal(['bash', '-c', script], answers, { cwd: folder, env })).status
  return new Promise((resolve) => {
    const child = execFile('bash', ['-c', script], { env, maxBuffer: 16_777_216 }, () =>
      resolve(child.exitCode),
    )
    child.stdin?.end()
  })
}

const elsewhere = (command: string): string | undefined =>
  ELSEWHERE.find((begin) => command.startsWith(begin))

/** The README, and in turns one of the guides; all in a full run. */
const [README, ...GUIDES] = PAGES
const RUN = [README, ...everyNth(GUIDES, GUIDES.length)]

describe.concurrent('N4: every command works as pasted, in order, in a fresh folder', () => {
  test.each(RUN)(
    '%s',
    async (page) => {
      const lines = (await readLines(page)).filter(
        ({ command }) => elsewhere(command) === undefined,
      )
      expect(lines.length).toBeGreaterThan(1)
      const cwd = join(folder, page.replaceAll(/[^a-z]/g, '-'))
      await mkdir(cwd)
      const state = `${cwd}.state`
      const url = page.includes('platform') ? `export FF_DATABASE_URL='${database.url}'\n` : ''
      await writeFile(state, `${url}cd '${cwd}'\n`)
      const ended = []
      for (const { command } of lines)
        ended.push({ command, status: await runLine(command, state) })
      expect(ended).toEqual(lines)
    },
    120_000,
  )
})

test('each line that runs elsewhere stands on a page', async () => {
  const commands = (await Promise.all(PAGES.map(readLines))).flat().map(({ command }) => command)
  expect(ELSEWHERE.filter((begin) => !commands.some((one) => one.startsWith(begin)))).toEqual([])
})
