import { FfError } from '../../errors.ts'
import type { ByteSigner } from '../../ports/signoff.ts'
import { splitCommandLine, runSignerProgram } from '../process/run-program.ts'

/** Long enough to find a card and touch it. */
const LIMITS = { limitMs: 120_000, maxBytes: 4_096 }

/**
 * A signer that is a program of the user's: what is signed goes to its stdin, the 64 bytes of the signature come
 * from its stdout. A key management service or a smart card stands behind it.
 */
export const signerCommand =
  (line: string): ByteSigner =>
  async (bytes) => {
    const words = splitCommandLine(line)
    if (words.length === 0)
      throw new FfError('option_invalid', '--signer-cmd names no program.', {
        hint: 'Write the program and its arguments in one text, as in --signer-cmd "sign-with-card 9c".',
      })
    const run = await runSignerProgram(words, bytes, LIMITS)
    if (run.ok) return run.stdout
    // Arguments may say where a key is, so that the program alone is named.
    throw new FfError('signer_failed', `${words[0]} did not sign: ${run.why}.`, {
      hint: 'Run it by hand: bytes on its stdin, a signature of 64 bytes on its stdout.',
    })
  }
