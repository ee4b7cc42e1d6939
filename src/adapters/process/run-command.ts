import { execa, ExecaError } from 'execa'
import type { CommandLimits, CommandOutcome } from '../../ports/process.ts'

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 2_000

/**
 * Runs a program without a shell, its standard input closed, and waits for its end. Its environment is PATH and HOME,
 * the variables that `pass` names, and `env`, nothing else. Returns its exit status and the last line of stdout and
 * stderr together (at most 300 characters, empty without output); a signal, a failed start, a timeout and an abort
 * give `unanswered` with the reason. A timeout or abort sends SIGTERM, after 2 s SIGKILL. Rejects for nothing that the
 * program does.
 */
export async function runCommand(
  [file = '', ...args]: readonly string[],
  limits: CommandLimits,
): Promise<CommandOutcome> {
  try {
    const { exitCode, all } = await execa(file, args, {
      cwd: limits.cwd,
      env: buildEnvironment(limits),
      extendEnv: false,
      timeout: limits.timeoutMs,
      cancelSignal: limits.signal,
      forceKillAfterDelay: GRACE_MS,
      stdin: 'ignore',
      all: true,
      reject: true,
    })
    return { kind: 'exited', status: exitCode ?? 0, last_line: lastLine(all) }
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error
    return toOutcome(error, limits)
  }
}

/** PATH, HOME, what is passed on, and what is given: a program sees no secret that is not meant for it. */
function buildEnvironment({ env = {}, pass = [] }: CommandLimits): NodeJS.ProcessEnv {
  const passed = ['PATH', 'HOME', ...pass].map((name) => [name, process.env[name]])
  return { ...Object.fromEntries(passed.filter(([, value]) => value !== undefined)), ...env }
}

function toOutcome(error: ExecaError, { timeoutMs }: CommandLimits): CommandOutcome {
  const { exitCode, signal, timedOut, isCanceled, shortMessage, all } = error
  if (timedOut) return { kind: 'unanswered', detail: `it took longer than ${timeoutMs / 1000} s` }
  if (isCanceled) return { kind: 'unanswered', detail: 'the run ended first' }
  if (signal !== undefined) return { kind: 'unanswered', detail: `it was killed by ${signal}` }
  if (exitCode === undefined) return { kind: 'unanswered', detail: shortMessage }
  return { kind: 'exited', status: exitCode, last_line: lastLine(String(all ?? '')) }
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)?.slice(0, 300) ?? ''
