import { escapeLine } from './terminal.ts'

/**
 * Quotes an error, or any thrown value, for the end of a message: on one line, escaped, at most 120 characters with `…`
 * where cut, without a final full stop. An AggregateError without a message is quoted by its first error.
 */
export const quoteError = (error: unknown): string =>
  escapeLine(findText(error).replace(/\.$/, '')).replace(/^(.{119}).{2,}$/u, '$1…')

function findText(error: unknown): string {
  // Node reports a connect that failed on every address of a host as an AggregateError without a message.
  if (error instanceof AggregateError && error.message === '') return findText(error.errors[0])
  return error instanceof Error ? error.message : String(error)
}
