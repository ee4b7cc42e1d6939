import { execa, parseCommandString } from 'execa'

export type ProgramRun =
  | { readonly ok: true; readonly stdout: Uint8Array }
  /** `why` is a clause for an error message; it never contains output of the program. */
  | { readonly ok: false; readonly why: string }

/**
 * Splits a command line at spaces into program and arguments; a backslash escapes a space. No shell, no quotes, no
 * variables. Empty for an empty line.
 */
export const splitCommandLine = (line: string): readonly string[] => parseCommandString(line)

/**
 * Runs a program without a shell: `input` goes to its stdin, and the bytes of its stdout are returned unchanged if it
 * exits with 0, otherwise the reason, also for a failed start. It inherits the environment, and stderr, so that it can
 * ask for a card or a PIN.
 *
 * @param limits the program is killed after `limitMs`, or when it writes more than `maxBytes`
 */
export async function runSignerProgram(
  [file = '', ...words]: readonly string[],
  input: Uint8Array,
  { limitMs, maxBytes }: { readonly limitMs: number; readonly maxBytes: number },
): Promise<ProgramRun> {
  const run = await execa(file, words, {
    input,
    encoding: 'buffer',
    stderr: 'inherit',
    timeout: limitMs,
    maxBuffer: maxBytes,
    reject: false,
    stripFinalNewline: false,
  })
  if (!run.failed) return { ok: true, stdout: run.stdout }
  if (run.timedOut) return { ok: false, why: `it took longer than ${limitMs / 1000} s` }
  if (run.isMaxBuffer) return { ok: false, why: `it wrote more than ${maxBytes} bytes` }
  if (run.signal !== undefined) return { ok: false, why: `it was killed by ${run.signal}` }
  return {
    ok: false,
    why:
      run.exitCode === undefined
        ? `it did not start (${run.code ?? 'no error code'})`
        : `it exited with status ${run.exitCode}`,
  }
}
