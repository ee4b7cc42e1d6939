import { EXIT_STATUSES } from '../core/exit.ts'

/** Texts that `ff help TOPIC` prints beside the help of commands. */
export const HELP_TOPICS: Readonly<Record<string, () => string>> = { 'exit-codes': exitCodes }

function exitCodes(): string {
  const rows = Object.entries(EXIT_STATUSES).map(
    ([name, [status, meaning]]) => `${String(status).padStart(4)}  ${name.padEnd(13)} ${meaning}`,
  )
  return ['Exit codes. They are the same in every output format.', '', ...rows, ''].join('\n')
}
