import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeRunnerKey, type SigningRunner } from '../../src/adapters/evidence-log/runner-key.ts'
import type { Where } from '../../src/core/gate/types.ts'
import { runFf } from '../support/run-ff.ts'

/** Files by their name: the path in the folder, with the name of the runner in place of the kid of its log. */
export type Files = ReadonlyMap<string, Buffer>
export type Env = Readonly<Record<string, string>>

export const PLACES = ['target', 'staging', 'scratch'] as const satisfies readonly Where[]

/** One runner for each place, and the folder that holds their key files. */
export interface Runners {
  readonly keys: string
  readonly byPlace: Readonly<Record<Where, SigningRunner>>
}

export async function makeRunners(keys: string): Promise<Runners> {
  const made: [Where, SigningRunner][] = []
  for (const place of PLACES) made.push([place, await makeRunnerKey(toKeyPath(keys, place))])
  return { keys, byPlace: Object.fromEntries(made) as Runners['byPlace'] }
}
const toKeyPath = (keys: string, place: Where): string => join(keys, place, 'runner.pem')

const EVIDENCE = '.ff/evidence/'
/** What is no input of a gate. */
const LEFT_OUT = /lock$|^checklists\/signoffs\//

/** A team's folder with the logs of all runners. */
export class Folder {
  readonly cwd: string
  private readonly runners: Runners

  constructor(cwd: string, runners: Runners) {
    this.cwd = cwd
    this.runners = runners
  }

  /** The folder of the same runners at another place. */
  at(cwd: string): Folder {
    return new Folder(cwd, this.runners)
  }

  /** The path of a name. */
  toPath(name: string): string {
    const place = PLACES.find((one) => name.startsWith(`${EVIDENCE}${one}/`))
    if (place === undefined) return join(this.cwd, name)
    return join(this.cwd, EVIDENCE, this.runners.byPlace[place].kid, name.split('/').at(-1) ?? '')
  }

  private toName(path: string): string {
    const place = PLACES.find((one) => path.includes(this.runners.byPlace[one].kid))
    return place === undefined ? path : path.replace(this.runners.byPlace[place].kid, place)
  }

  /** Every file that a gate reads. */
  async read(): Promise<Files> {
    const entries = await readdir(this.cwd, { recursive: true, withFileTypes: true })
    const paths = entries
      .filter((one) => one.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(this.cwd.length + 1))
      .filter((path) => !LEFT_OUT.test(path))
      .sort()
    const read = async (path: string) =>
      [this.toName(path), await readFile(join(this.cwd, path))] as const
    return new Map(await Promise.all(paths.map(read)))
  }

  /** Leaves exactly these files. */
  async write(files: Files): Promise<void> {
    for (const name of (await this.read()).keys()) if (!files.has(name)) await rm(this.toPath(name))
    for (const [name, bytes] of files) await this.put(name, bytes)
  }

  async put(name: string, content: string | Uint8Array): Promise<void> {
    const path = this.toPath(name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }

  /** Removes the folder, and the key files of its runners. */
  async remove(): Promise<void> {
    for (const path of [this.cwd, this.runners.keys])
      await rm(path, { recursive: true, force: true })
  }

  /** Renews the head of each log, as its runner does. @returns FF_EVIDENCE_HEAD of all */
  async seal(env: Env): Promise<string> {
    const heads: string[] = []
    for (const place of PLACES) {
      const FF_RUNNER_KEY_FILE = toKeyPath(this.runners.keys, place)
      const now = new Date().toISOString()
      const { cwd } = this
      const run = await runFf(['evidence', 'seal'], {
        cwd,
        env: { ...env, FF_RUNNER_KEY_FILE },
        now,
      })
      const [, head] = /FF_EVIDENCE_HEAD=(\S+)/.exec(run.stdout) ?? []
      if (run.status !== 0 || head === undefined) throw new Error(`${place}: ${run.stderr}`)
      heads.push(head)
    }
    return heads.join(',')
  }
}
