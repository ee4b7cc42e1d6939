import { once } from 'node:events'
import { mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Env, Files, Folder } from './folder.ts'
import type { Change } from './kinds.ts'

/** How a folder is judged. */
export interface Order {
  /** The arguments, for a folder. */
  readonly toArgs: (folder: Folder) => readonly string[]
  readonly env: Env
  /** The time that the gate sees, in milliseconds since 1970. */
  readonly now: number
}

/** A copy of the attacked folder, and a thread that judges it. */
export class Lane {
  private readonly folder: Folder
  private readonly thread: Worker

  private constructor(folder: Folder) {
    this.folder = folder
    this.thread = new Worker(new URL('judge.mjs', import.meta.url))
  }

  static async open(original: Folder): Promise<Lane> {
    return new Lane(original.at(await mkdtemp(join(tmpdir(), 'ff-lane-'))))
  }

  /** Leaves exactly these files. */
  write(files: Files): Promise<void> {
    return this.folder.write(files)
  }

  async put(name: string, change: Change): Promise<void> {
    const path = this.folder.toPath(name)
    await rm(path, { force: true })
    if (change === null) return
    if (typeof change !== 'string') return this.folder.put(name, change)
    if (change === 'pipe') execFileSync('mkfifo', ['-m', '600', path])
    if (change === 'device') await symlink('/dev/zero', path)
    if (change === 'endless file') {
      await writeFile(path, '')
      await truncate(path, 2 ** 40)
    }
  }

  /** Runs one command; the one before has to be over. @returns its exit status */
  async judge({ toArgs, env, now }: Order): Promise<number> {
    const { folder, thread } = this
    thread.postMessage({ args: toArgs(folder), env, now, cwd: folder.cwd })
    const [status] = (await once(thread, 'message')) as [number]
    return status
  }

  /** Ends the thread and removes the folder. */
  async close(): Promise<void> {
    await this.thread.terminate()
    await rm(this.folder.cwd, { recursive: true, force: true })
  }
}
