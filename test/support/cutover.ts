import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { validateSchema } from '../../src/artefacts/schemas.ts'
import { adapters } from '../../src/composition.ts'
import { auditedFolder } from './audited.ts'
import { getUrl, type TestDatabase } from './database.ts'
import { type Run, runFf, startFf } from './run-ff.ts'
import { openDatabaseTarget, type ServiceTarget } from './service.ts'

interface CutoverOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}
/** A file store with ten records, a migrated database, and the commands on both. */
export class TestCutover {
  readonly folder: string
  readonly root: string
  private readonly target: ServiceTarget
  private readonly given: CutoverOptions

  private constructor(root: string, target: ServiceTarget, given: CutoverOptions = {}) {
    this.root = root
    this.folder = join(root, 'store')
    this.target = target
    this.given = given
  }

  /** @param scratch whether the record says that it is a copy, which needs no GO */
  static async open(scratch = false): Promise<TestCutover> {
    const root = await mkdtemp(join(tmpdir(), 'ff-test-cutover-'))
    const cutover = new TestCutover(root, await openDatabaseTarget('18'))
    await auditedFolder(cutover.folder)
    if (scratch) {
      const file = await adapters.openCutoverFile(cutover.folder)
      const { record } = await file.read()
      const { epoch } = record
      await file.writeRecord({ ...record, epoch: epoch + 1, scratch: true }, epoch)
    }
    return cutover
  }

  get database(): TestDatabase {
    if (this.target.database === null) throw new Error('the target has no database')
    return this.target.database
  }

  /** The same cutover, with commands that run elsewhere or otherwise. */
  with(given: CutoverOptions): TestCutover {
    return new TestCutover(this.root, this.target, given)
  }
  /** With a database that does not answer. */
  away(): TestCutover {
    return this.with({ env: { FF_DATABASE_URL: 'postgres://postgres@127.0.0.1:1/away' } })
  }

  /** Settings of a command, which runs as the owner of the schema. */
  get env(): Readonly<Record<string, string>> {
    return {
      FF_STORE_DIR: this.folder,
      FF_DATABASE_URL: getUrl('18', this.database.database),
      FF_CUTOVER_LEASE: '2',
      ...this.given.env,
    }
  }
  /** Settings of an instance, which runs with the rights of a service. */
  get serviceEnv(): Readonly<Record<string, string>> {
    return { ...this.env, ...this.target.env, FF_BACKING: 'managed', FF_STORE_DEADLINE: '5' }
  }

  run(...args: readonly string[]): Promise<Run> {
    return this.type('cutover', ...args, '--format', 'json')
  }
  /** Runs a command as a person would. */
  type(...args: readonly string[]): Promise<Run> {
    const { cwd = this.root } = this.given
    return runFf(args, { cwd, env: this.env })
  }

  /** Runs a command in a process of its own, which is killed at the moment that its progress says this line. */
  killAt(line: string, ...args: readonly string[]): Promise<Run> {
    return this.runUntil(line, (child) => child.kill('SIGKILL'), args)
  }

  /** Runs a command in a process of its own, and calls `act` once its progress says this line. */
  async runUntil(
    line: string,
    act: (child: ChildProcess) => void,
    args: readonly string[],
  ): Promise<Run> {
    const child = startFf(['cutover', ...args], { cwd: this.root, env: this.env })
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const isNew = !stderr.includes(line)
      stderr += text
      if (isNew && stderr.includes(line)) act(child)
    })
    return new Promise((resolve) => {
      child.once('close', (status, signal) => resolve({ status, signal, stdout: '', stderr }))
    })
  }

  /** The document of a run that ends 0. */
  async read(schema: string, ...args: readonly string[]): Promise<CutoverJson> {
    const { status, stdout, stderr } = await this.run(...args)
    expect(status, stderr).toBe(0)
    const document = JSON.parse(stdout) as CutoverJson
    expect(validateSchema(schema, document, '')).toEqual([])
    return document
  }
  step(...args: readonly string[]): Promise<CutoverJson> {
    return this.read('cutover-step', ...args)
  }
  status(): Promise<CutoverJson> {
    return this.read('cutover-status', 'status')
  }

  /** The error of a run that ends with this status. */
  async refused(status: number, ...args: readonly string[]): Promise<CutoverError> {
    const run = await this.run(...args)
    expect(run.status, run.stderr).toBe(status)
    return (JSON.parse(run.stdout) as { error: CutoverError }).error
  }
  /** Its code. */
  async fail(status: number, ...args: readonly string[]): Promise<string> {
    return (await this.refused(status, ...args)).code
  }

  async close(): Promise<void> {
    await this.target.remove()
    await rm(this.root, { recursive: true, force: true })
  }
}
/** What the documents of the commands have in common, and what tests read of them. */
export interface CutoverJson {
  readonly phase: string
  readonly epoch: number
  readonly attempt: number
  readonly drill_ends_at: string | null
  readonly blocks: readonly { readonly code: string; readonly detail: string }[]
  readonly next: { readonly standing: string; readonly command: string }
  readonly steps: readonly {
    readonly to: string
    readonly command: string
    readonly from: string
    readonly phase: string
    readonly attempt: number
  }[]
  readonly instances: readonly {
    readonly pid: number
    readonly live: boolean
    readonly writer: boolean | null
  }[]
  readonly file: { readonly seq: number; readonly hash: string }
  readonly database: { readonly seq: number; readonly hash: string }
  readonly rows: { readonly rows: readonly object[] }
}
interface CutoverError {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly details: readonly string[]
}
