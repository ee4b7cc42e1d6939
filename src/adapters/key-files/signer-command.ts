import { FfError } from '../../errors.ts'
import type { ByteSigner } from '../../ports/signoff.ts'
import { splitCommandLine, runSignerProgram } from '../process/run-program.ts'

/** Time enough to fetch a smart card and touch it. */
const LIMITS = { limitMs: 120_000, maxBytes: 4_096 }

/**
 * Creates a signer that runs a program of the user at each call, such as one for a smart card: the bytes to sign go to
 * its stdin, and its stdout is returned as the signature, its length not checked. Waits at most 120 s.
 *
 * @param line program and arguments, split at spaces; there is no shell
 * @throws FfError at a call: `option_invalid` for an empty line; `signer_failed` if it fails, is late or writes over 4
 * KiB
 */
export const signerCommand =
  (line: string): ByteSigner =>
  async (bytes) => {
    const words = splitCommandLine(line)
    if (words.length === 0)
      throw new FfError('option_invalid', '--signer-cmd is empty: it must name a program.', {
        hint: 'Write the program and its arguments in one text: --signer-cmd "sign-with-card 9c".',
      })
    const run = await runSignerProgram(words, bytes, LIMITS)
    if (run.ok) return run.stdout
    // Names the program only: arguments may reveal where a key is.
    throw new FfError('signer_failed', `The signer ${words[0]} failed: ${run.why}.`, {
      hint: 'Run it by hand: it must read bytes from stdin and write a signature of 64 bytes to stdout.',
    })
  }
