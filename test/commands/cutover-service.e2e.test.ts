import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestCutover } from '../support/cutover.ts'
import type { CutoverLoad } from '../support/cutover-load.ts'
import { connect } from '../support/database.ts'
import { CutoverServices } from '../support/cutover-services.ts'
import { ROOT, type Run } from '../support/run-ff.ts'

let cutover: TestCutover
let services: CutoverServices
beforeAll(async () => {
  cutover = await TestCutover.open(true)
  services = await CutoverServices.open(cutover.serviceEnv)
}, 60_000)
afterAll(async () => {
  await services.close()
  await cutover.close()
})

/** What else happens while the runbook is carried out, after the last command under a heading. */
const MEANWHILE: Readonly<Record<string, (load: CutoverLoad) => Promise<void>>> = {
  '2. Compare decisions': () => reconcile(),
  '4. The switch': async (load) => {
    await services.expectCompared()
    await reconcile()
    const { instances } = await cutover.status()
    expect(instances.filter(({ live }) => live)).toHaveLength(2)
    const [writer, ...others] = instances.filter((one) => one.writer)
    expect(others).toEqual([])
    await services.kill(writer?.pid ?? 0)
    await services.start()
    await load.goesOn()

    const killed = await cutover.killAt('deciding', 'rollback', '--to', 'shadow_read')
    expect(killed.signal).toBe('SIGKILL')
    await finish('shadow_read')
    await load.goesOn()
    expect(await cutover.step('advance')).toMatchObject({ phase: 'db_authoritative' })
  },
}

test('two services are moved by the runbook under load, forth and back, and lose no acknowledged write', async () => {
  const steps = await readRunbook()
  expect(steps.map(({ heading }) => heading)).toEqual(
    expect.arrayContaining(Object.keys(MEANWHILE)),
  )
  const load = services.startLoad()
  let { behind } = load
  try {
    for (const [at, { heading, commands, prints }] of steps.entries()) {
      let printed = ''
      for (const command of commands) {
        const { status, stdout, stderr } = await carryOut(command)
        expect(status, `${command.join(' ')}: ${stderr}`).toBe(0)
        printed += stdout
      }
      expectInOrder(printed, prints)
      expect(load.refused, heading).toEqual([])
      // A step ends the wait for a second side that the new phase does not ask for.
      expect(load.behind, heading).toBe(behind)
      if (steps[at + 1]?.heading !== heading) await MEANWHILE[heading]?.(load)
      if (commands.some((words) => STEPS.has(words[1] ?? ''))) await load.goesOn()
      // What is killed meanwhile may leave a write waiting.
      ;({ behind } = load)
    }
    expect(await cutover.status()).toMatchObject({ phase: 'file' })
  } finally {
    await load.stop()
  }
  await load.expectKept()
}, 120_000)

/** Runs a command, and a comparison again while the load changes a row at each of its looks, as the runbook says. */
async function carryOut(command: readonly string[]): Promise<Run> {
  let run = await cutover.type(...command)
  for (let tries = 1; run.status === 22 && command[1] === 'reconcile' && tries < 5; tries++)
    run = await cutover.type(...command)
  return run
}

const STEPS: ReadonlySet<string> = new Set(['advance', 'rollback'])

interface RunbookStep {
  readonly heading: string
  /** Words after `ff`. */
  readonly commands: readonly (readonly string[])[]
  /** Parts of lines that they print, in order. */
  readonly prints: readonly string[]
}
/** The shell blocks of the runbook but for the gate's (cutover-gate.e2e.test.ts), each with the output that follows it. */
async function readRunbook(): Promise<readonly RunbookStep[]> {
  const text = await readFile(join(ROOT, 'docs/runbook.md'), 'utf8')
  return text.split(/^## /m).flatMap((section) => {
    const [heading = ''] = section.split('\n')
    const blocks = section.matchAll(/^```sh\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?/gms)
    return [...blocks].flatMap(([, commands = '', prints = '']) =>
      commands.startsWith('ff gate')
        ? []
        : [
            {
              heading,
              commands: toLines(commands).map((line) => line.split(' ').slice(1)),
              prints: toLines(prints),
            },
          ],
    )
  })
}
const toLines = (block: string): readonly string[] =>
  block.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]))

function expectInOrder(printed: string, parts: readonly string[]): void {
  let rest = printed.replaceAll(/\s+/g, ' ')
  for (const part of parts) {
    const words = part.replaceAll(/\s+/g, ' ')
    expect(rest).toContain(words)
    rest = rest.slice(rest.indexOf(words) + words.length)
  }
}

/** A row that is changed past both services in the database is repaired by the instance that writes. */
async function reconcile(): Promise<void> {
  const sql = await connect('18', cutover.database.database)
  await sql.query(`UPDATE ff.flag_registry SET owner = owner || '!' WHERE flag_key = 'ff.a'`)
  await sql.end()
  const { status, stdout, stderr } = await cutover.run('reconcile')
  const { rows } = JSON.parse(stdout) as { readonly rows: { readonly in_flight: number } }
  // Rows that the load changed at each look count as neither.
  expect(status, stderr).toBe(rows.in_flight === 0 ? 0 : 22)
  expect(rows).toMatchObject({
    repaired: 1,
    left: 0,
    rows: [{ flag_key: 'ff.a', fields: ['/owner'] }],
  })
}

/** Gives the command that the status prints, until the phase is reached. */
async function finish(goal: string): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    const { phase, next } = await cutover.status()
    if (phase === goal && next.standing === 'ready') return
    const words =
      next.standing === 'ready' ? ['rollback', '--to', goal] : next.command.split(' ').slice(2)
    await cutover.step(...words)
  }
  expect(await cutover.status()).toMatchObject({ phase: goal })
}
