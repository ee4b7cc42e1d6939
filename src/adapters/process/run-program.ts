import { execa, parseCommandString } from 'execa'

export type ProgramRun =
  | { readonly ok: true; readonly stdout: Uint8Array }
  /** For people: how it ended, never what it wrote. */
  | { readonly ok: false; readonly why: string }

/** The words of a command line: split at spaces; a backslash keeps one. There is no shell. */
export const commandWords = (line: string): readonly string[] => parseCommandString(line)

/**
 * Runs a program without a shell: bytes in, bytes out. What it writes to stderr goes to ours, so that it can ask
 * for a card or a PIN.
 *
 * @param limits milliseconds, after which it is killed, and how many bytes it may answer with
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
  if (run.isMaxBuffer) return { ok: false, why: `it answered with more than ${maxBytes} bytes` }
  if (run.signal !== undefined) return { ok: false, why: `it was ended by ${run.signal}` }
  return {
    ok: false,
    why:
      run.exitCode === undefined
        ? `it could not be started (${run.code ?? 'no reason given'})`
        : `it ended with ${run.exitCode}`,
  }
}
