import { readFile, readdir, readlink, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Run, RunOptions } from '../support/run-ff.ts'

interface ItemJson {
  readonly id: string
  readonly title: string
  readonly state: string
  readonly detail: null | {
    readonly chains: readonly {
      readonly sides: string
      readonly step: number
      readonly left: string | null
      readonly right: string | null
    }[]
    readonly rows: object
    readonly reproduce: string
  }
}
interface FindingJson {
  readonly code: string
  readonly subject: string
  readonly sides: string | null
  readonly pointer: string | null
  readonly left: string | null
  readonly right: string | null
}
interface SideJson {
  readonly target: string
  readonly backing: string
  readonly server: string | null
}

/** The JSON report of a parity run. */
interface ParityJson {
  readonly schemaVersion: number
  readonly kind: string
  readonly verdict: string
  readonly exitName: string
  readonly exitCode: number
  readonly sides: { readonly baseline: SideJson; readonly candidate: SideJson }
  readonly counts: Readonly<
    Record<'expected' | 'compared' | 'allowed' | 'skipped' | 'neverReached', number>
  >
  readonly controls: readonly { readonly id: string; readonly held: boolean }[]
  readonly findings: readonly FindingJson[]
  readonly vectors: readonly ItemJson[]
  readonly cells: readonly ItemJson[]
  readonly timing: object
}
export const getParity = ({ stdout }: Run): ParityJson => JSON.parse(stdout) as ParityJson

/** The JSON report of a check: artefacts, doctor, migrations. */
interface CheckJson {
  readonly schemaVersion: number
  readonly kind: string
  readonly verdict: string
  readonly exitName: string
  readonly exitCode: number
  readonly items: readonly {
    readonly id: string
    readonly title: string
    readonly state: string
    readonly codes: readonly string[]
    readonly next: string | null
    readonly seen_by?: { readonly proof: string; readonly subject: string } | null
  }[]
  readonly findings: readonly {
    readonly detail: string
    readonly subject: string
    readonly code: string
    readonly pointer: string
  }[]
  readonly sql: readonly string[]
}
export const getCheck = ({ stdout }: Run): CheckJson => JSON.parse(stdout) as CheckJson

interface ErrorJson {
  readonly error: {
    readonly code: string
    readonly exitName: string
    readonly message: string
    readonly hint: string
    readonly details?: readonly string[]
  }
}
export const toError = ({ stdout }: Run): ErrorJson['error'] =>
  (JSON.parse(stdout) as ErrorJson).error

/** A line of a stack trace. */
export const STACK = /^\s+at .*(?::\d+:\d+\)?|node:internal)/m

/** The text of an error: message, details if any, hint and code. */
export const ERROR_FORM = (code: string, exitName: string): RegExp =>
  new RegExp(`^ff: [^\\n]+\\.\\n(?:  [^\\n]*\\n)*[^\\n]+\\.\\n\\[${code}, exit ${exitName}\\]\\n$`)

/** Replaces a text that occurs exactly once; throws otherwise. */
export async function edit(path: string, from: string, to: string): Promise<void> {
  const parts = (await readFile(path, 'utf8')).split(from)
  if (parts.length !== 2) throw new Error(`${parts.length - 1} places of "${from}" in ${path}`)
  await writeFile(path, parts.join(to))
}

export async function editJson<T>(path: string, change: (value: T) => void): Promise<void> {
  const value = JSON.parse(await readFile(path, 'utf8')) as T
  change(value)
  await writeFile(path, JSON.stringify(value, null, 2))
}

/** A vector with a changed expectation. */
export const expecting = (vector: object, expectation: object): object =>
  JSON.parse(JSON.stringify(vector), (name, value: unknown) =>
    name === 'then' ? expectation : value,
  ) as object

type RunFf = (args: readonly string[], options?: RunOptions) => Promise<Run>

/** Runs at most three at once: each may use nine connections of the test server. */
export function inTurns(run: RunFf): RunFf {
  const waiting: (() => void)[] = []
  let free = 3
  return async (args, options) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve))
    else free -= 1
    try {
      return await run(args, options)
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}

/** The ids of processes that run in a folder or have its path as an argument. */
export async function getProcesses(folder: string): Promise<readonly number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number)
  const ours = await Promise.all(
    ids.map(async (id) => {
      try {
        const words = await readFile(`/proc/${id}/cmdline`, 'utf8')
        return words.includes(folder) || (await readlink(`/proc/${id}/cwd`)).startsWith(folder)
      } catch {
        return false // The process ended between listing and reading.
      }
    }),
  )
  return ids.filter((id, at) => ours[at] === true && id !== process.pid)
}

/** Polls until the answer is true. @throws after the time limit */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  withinMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never came: ${what}`)
    await sleep(20)
  }
}

export const SIGNAL_STATUS = { SIGINT: 130, SIGTERM: 143 } as const
export const SIGNAL_NAME = { SIGINT: 'interrupted', SIGTERM: 'terminated' } as const

/** A run that was asked to end: cancelled, or over before it heard, or ended by the signal before it listened. */
export function expectEndedBy(signal: keyof typeof SIGNAL_STATUS, done: Run): void {
  if (done.signal !== null) {
    // Before the run listened for it, or after the report was out and the run was over.
    expect(done.signal).toBe(signal)
    if (done.stdout !== '') expect(getParity(done).vectors).toHaveLength(17)
    return
  }
  expect([0, SIGNAL_STATUS[signal]], done.stderr).toContain(done.status)
  const said = JSON.parse(done.stdout) as { exitName?: string; error?: { exitName: string } }
  const name = said.exitName ?? said.error?.exitName
  expect(name).toBe(done.status === 0 ? 'ok' : SIGNAL_NAME[signal])
  if (done.status !== 0 && said.error === undefined) {
    expect(getParity(done)).toMatchObject({ verdict: 'cancelled', exitCode: SIGNAL_STATUS[signal] })
  }
}
