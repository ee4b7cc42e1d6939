import { read } from 'read'
import { FfError } from '../../errors.ts'
import type { Terminal } from '../../ports/signoff.ts'

/** Asks on a terminal. What is typed as a secret is not shown. */
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
      // Ctrl-D closes the line and answers nothing; a line that was typed has been answered by the next turn.
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
      // The line feed that was typed was not shown either.
      output.write('\n')
      return typed
    },
  }
}
