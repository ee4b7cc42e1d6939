import { read } from 'read'
import { FfError } from '../../errors.ts'
import type { Terminal } from '../../ports/signoff.ts'

/**
 * Creates the terminal on a pair of TTY streams: `show` prints, `ask` and `secret` resolve with the typed line, and
 * `secret` does not echo. Both reject with FfError `interrupted` for Ctrl-C, Ctrl-D and every other end without a line.
 */
export function terminalOn(input: NodeJS.ReadStream, output: NodeJS.WriteStream): Terminal {
  const prompt = (text: string, silent: boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const cancelled = (cause?: unknown): void =>
        reject(
          new FfError('interrupted', 'The question was not answered, so nothing was signed.', {
            hint: 'Run the command again when you are ready.',
            cause,
          }),
        )
      // Ctrl-D pauses the input without an answer. A typed line pauses it too, but resolves before the next turn.
      const closed = (): void => void setImmediate(cancelled)
      input.once('pause', closed)
      read({ prompt: text, silent, input, output })
        .then(resolve, cancelled)
        .finally(() => input.off('pause', closed))
    })
  return {
    show: (text) => void output.write(text),
    ask: (question) => prompt(question, false),
    secret: async (question) => {
      const typed = await prompt(question, true)
      // The typed line feed was not echoed.
      output.write('\n')
      return typed
    },
  }
}
