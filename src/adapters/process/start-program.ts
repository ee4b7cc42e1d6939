import { execa } from 'execa'
import type { CommandLimits, RunningProgram } from '../../ports/process.ts'

/** The kernel kills the program when this process dies, kill -9 included. */
const DIES_WITH_US = ['setpriv', '--pdeathsig', 'KILL', '--']
/** The last characters of stdout and stderr together that `says` searches. */
const KEPT_CHARACTERS = 4_096

/**
 * Starts a program without a shell, its standard input closed, and returns at once, also if the start fails: `says`
 * then returns `ok` false. Its environment is PATH of this process and `env`, nothing else. SIGKILL ends it after
 * `timeoutMs`, on an abort, by `kill` (which waits for its end) and when this process dies. `says` waits until the
 * last 4,096 characters of stdout and stderr match, and gives the first group; or, once the program has ended without,
 * `ok` false and its last line.
 */
export function startProgram(
  argv: readonly string[],
  { cwd, env, timeoutMs, signal }: CommandLimits,
): RunningProgram {
  const [file = '', ...args] = [...DIES_WITH_US, ...argv]
  const child = execa(file, args, {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    extendEnv: false,
    timeout: timeoutMs,
    cancelSignal: signal,
    killSignal: 'SIGKILL',
    stdin: 'ignore',
    all: true,
    buffer: false,
    reject: false,
  })
  let output = ''
  child.all.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-KEPT_CHARACTERS)
  })
  return {
    says: async (pattern) => {
      const found = new Promise<void>((resolve) => {
        const check = (): void => {
          if (pattern.test(output)) resolve()
        }
        child.all.on('data', check)
        check()
      })
      await Promise.race([found, child])
      const [, text] = pattern.exec(output) ?? []
      return text === undefined
        ? { ok: false, last_line: output.trimEnd().split('\n').at(-1) ?? '' }
        : { ok: true, text }
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill: async () => {
      child.kill('SIGKILL')
      await child
    },
  }
}
