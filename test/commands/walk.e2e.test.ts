import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GateReport } from '../../src/core/report/types.ts'
import { CHECKLIST } from '../core/gate/builders.ts'
import { migratedDatabase, type TestDatabase } from '../support/database.ts'
import { CODE } from '../support/gate-folder.ts'
import { onTerminal, type Script } from '../support/pty.ts'
import { ROOT, type Run, runFf } from '../support/run-ff.ts'
import { controlAgain, measureAgain } from '../support/signed-folder.ts'

/** Items that are really measured: the others take minutes, and their records are written with the runner's key. */
const MEASURED = ['A2', 'J1', 'J2', 'J3']
const SECRET = 'correct horse battery'

let cwd = ''
let bin = ''
let database: TestDatabase
/** What a person has set in the environment. */
let env: Record<string, string> = {}
const lines: string[] = []
beforeAll(async () => {
  ;[cwd, bin] = (await Promise.all(
    ['ff-walk-', 'ff-walk-bin-'].map((name) => mkdtemp(join(tmpdir(), name))),
  )) as [string, string]
  await symlink(join(ROOT, 'dist/bin/ff.js'), join(bin, 'ff'))
  database = await migratedDatabase('18')
  env = { FF_DATABASE_URL: database.url }
})
afterAll(async () => {
  await database.drop()
  for (const folder of [cwd, bin]) await rm(folder, { recursive: true, force: true })
})

const later = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString()
const yes = (count: number): Script =>
  Array.from({ length: count }, () => ['(yes/no)', 'yes\n'] as const)
/** What a person answers on a terminal, by the command; no other line asks anything. */
const ANSWERS: readonly (readonly [RegExp, Script])[] = [
  [
    /^ff key new /,
    [
      ['New passphrase', `${SECRET}\n`],
      ['again:', `${SECRET}\n`],
    ],
  ],
  [
    /^ff plan new$/,
    ['Ada', 'ada@x', 'Grace', 'grace@x', 'go', '1'.repeat(64), later(-1), 'admin@x'].map(
      (answer) => ['(empty: later)', `${answer}\n`] as const,
    ),
  ],
  [/^ff signoff sign --key alice/, [...yes(2), ['Passphrase of', `${SECRET}\n`]]],
  [/^ff signoff sign --key bob/, [...yes(4), ['Passphrase of', `${SECRET}\n`]]],
]

/** Runs a line as it was printed: on a pseudo-terminal where it asks a person. */
async function paste(line: string): Promise<Pick<Run, 'status' | 'stdout'>> {
  expect(line).not.toBe(lines.at(-1))
  lines.push(line)
  const script = ANSWERS.find(([start]) => start.test(line))?.[1]
  const place = { cwd, env: { ...env, PATH: `${bin}:${process.env['PATH'] ?? ''}` } }
  if (script === undefined) return runFf(line.split(' ').slice(1), { cwd, env })
  const { status, screen } = await onTerminal(['bash', '-c', line], script, place)
  return { status, stdout: screen }
}

async function gate(): Promise<GateReport> {
  const { stdout } = await runFf(['gate', '--format', 'json'], { cwd, env })
  return JSON.parse(stdout) as GateReport
}
const listOpen = ({ items }: GateReport): readonly string[] =>
  items.filter(({ state }) => state !== 'pass').map(({ id }) => id)

/** Writes the records of an item through the product's evidence writer, as a probe would. */
async function measureAndControl(id: string): Promise<void> {
  await measureAgain({ cwd }, id)
  await controlAgain({ cwd }, id)
}

async function editPlan(change: (plan: { readonly database: string }) => object): Promise<void> {
  const path = join(cwd, 'checklists/plan.json')
  const plan = JSON.parse(await readFile(path, 'utf8')) as { readonly database: string }
  await writeFile(path, JSON.stringify({ ...plan, ...change(plan) }))
}

/** The steps of a person outside ff, by the words that a report marks them with; each does no more than they say. */
const PEOPLE: readonly (readonly [RegExp, (said: string) => Promise<unknown>])[] = [
  [
    /Set FF_TRUST_SHA256, .* to the value that `ff trust pin` prints/,
    async (said) => {
      env['FF_TRUST_SHA256'] = /FF_TRUST_SHA256=([0-9a-f]{64})/.exec(said)?.[1] ?? ''
    },
  ],
  [/Set FF_CODE_VERSION to the digest/, async () => (env['FF_CODE_VERSION'] = CODE)],
  [
    /[Ww]rite (the runbook|checklists\/runbook\.md)/,
    () => writeFile(join(cwd, 'checklists/runbook.md'), 'first this, then that\n'),
  ],
  [
    /Write "(runbook_digest)": "([0-9a-f]{64})" into checklists\/plan\.json/,
    async (said) => {
      const [, value = ''] = /Write "runbook_digest": "([0-9a-f]{64})"/.exec(said) ?? []
      await editPlan(() => ({ runbook_digest: value }))
    },
  ],
  [
    /staging_database: the database/,
    () => editPlan((plan) => ({ staging_database: plan.database })),
  ],
  [
    /^I4: .*`cp checklists\/templates\/rollback_triggers\.json/,
    async () => {
      const [from, to] = ['templates/rollback_triggers.json', 'rollback_triggers.json'].map(
        (name) => join(cwd, 'checklists', name),
      ) as [string, string]
      await copyFile(from, to)
      await measureAndControl('I4') // By the later version of ff that has its probe.
    },
  ],
]
async function actAsPerson(words: string, said: string): Promise<void> {
  for (const [mark, act] of PEOPLE) if (mark.test(words)) await act(said)
}

/** Follows the report until it proposes no command. @returns the last report */
async function follow(until: (report: GateReport) => boolean): Promise<GateReport> {
  for (let step = 0; step < 30; step++) {
    const report = await gate()
    if (until(report)) return report
    const { fix, next } = report
    expect(fix).not.toBeNull()
    if (next === null) expect(PEOPLE.filter(([mark]) => mark.test(fix ?? ''))).not.toEqual([])
    const shown = [...(fix ?? '').matchAll(/`(ff [^`]+)`/g)].map(([, line = '']) => line)
    let said = ''
    for (const line of new Set([...shown, ...(next === null ? [] : [next])])) {
      const { status, stdout } = await paste(line)
      expect([line, status]).not.toEqual([line, expect.toBeOneOf([null, 1, 2])])
      // Reports fold long lines.
      said += stdout.replaceAll(/\s+/g, ' ')
    }
    // A person does what the report says, and what the output of its commands says.
    await actAsPerson(fix ?? '', said)
    await actAsPerson(said, said)
  }
  throw new Error(`the walk has no end:\n${lines.join('\n')}`)
}

test('from an empty folder to a GO, by what ff itself proposes', async () => {
  const made = await runFf(['init'], { cwd, env })
  expect(made.stdout).toMatch(/^ {2}ff gate /m)

  // Until something has to be measured: keys, trust file, pin, plan, log.
  const measuring = await follow(({ next }) => next?.startsWith('ff probe run ') ?? false)
  const wanted = measuring.next?.split(' ').slice(3) ?? []
  expect(wanted).toEqual(CHECKLIST.items.map(({ id }) => id))
  for (const id of wanted.filter((one) => !MEASURED.includes(one))) await measureAndControl(id)

  // Until only what waits for signatures is open.
  const waiting = await follow(({ next }) => next?.startsWith('ff signoff request') ?? false)
  expect(listOpen(waiting)).toEqual(['G3', 'I4', 'J1', 'J2', 'J3'])

  // Request, both signatures, GO.
  const decided = await follow(({ verdict }) => verdict === 'go')
  expect(decided).toMatchObject({ fix: null, next: null, exitCode: 0 })
  await mkdir(join(cwd, 'reports'))
  const last = await runFf(['gate', '--decision', 'reports/decision.json'], { cwd, env })
  expect([last.status, last.stdout]).toEqual([0, expect.stringMatching(/\nGO {2}valid until/)])
}, 120_000)
