import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('./store-child.mjs', import.meta.url))
const AT_STEP = fileURLToPath(new URL('./at-step.mjs', import.meta.url))

/** A step on the disk before which a child sends a signal to itself; it prints `{"reached": step}` first. */
export interface AtStep {
  /** A call and the kind of its file: `open term`, `datasync segment`, `rename snapshot`. */
  readonly step: string
  /** At which such step, from 1 on. */
  readonly nth: number
  readonly signal: 'SIGKILL' | 'SIGSTOP'
}

/** A child process with an open store. */
export interface Child {
  readonly pid: number
  /** The next line of its output, parsed as JSON. */
  next(): Promise<unknown>
  /** Sends a line and waits for the next. */
  ask(line: string): Promise<unknown>
  /** Ends its input, and waits until it has ended by itself. */
  end(): Promise<void>
  /** kill -9. @returns every line of its output that was not read yet */
  kill(): Promise<readonly unknown[]>
}

export async function startChild(
  mode: 'serve' | 'shared' | 'stream' | 'rebuild' | 'database' | 'scratch',
  argument: string,
  at?: AtStep,
): Promise<Child> {
  const before = at === undefined ? [] : ['--import', AT_STEP]
  const child = spawn(process.execPath, [...before, SCRIPT, mode, argument], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, FF_TEST_STEP: JSON.stringify(at ?? null) },
  })
  const lines: AsyncIterableIterator<string> = createInterface({ input: child.stdout })[
    Symbol.asyncIterator
  ]()
  child.stdin.on('error', () => undefined) // The child has ended, and `next` rejects.
  const closed = once(child, 'close')
  const { pid } = child
  if (pid === undefined) throw new Error('the child did not start')
  const next = async (): Promise<unknown> => {
    const line = await lines.next()
    if (line.done === true) throw new Error('the child ended')
    return JSON.parse(line.value) as unknown
  }
  // A child that is to stop while it opens its store is never ready.
  if (at === undefined && (await next()) !== 'ready') throw new Error('the child is not ready')
  return {
    pid,
    next,
    ask: (line) => {
      child.stdin.write(`${line}\n`)
      return next()
    },
    end: async () => {
      child.stdin.end()
      await closed
    },
    kill: async () => {
      child.kill('SIGKILL')
      const rest: unknown[] = []
      for (;;) {
        const line = await lines.next()
        if (line.done === true) break
        rest.push(JSON.parse(line.value))
      }
      await closed
      return rest
    },
  }
}
