import { EXIT_STATUSES } from '../core/exit.ts'

/** The text of `ff help TOPIC` by topic. */
export const HELP_TOPICS: Readonly<Record<string, () => string>> = {
  'exit-codes': formatExitCodes,
}

function formatExitCodes(): string {
  const rows = Object.entries(EXIT_STATUSES).map(
    ([name, [status, meaning]]) => `${String(status).padStart(4)}  ${name.padEnd(13)} ${meaning}`,
  )
  return ['Exit codes, the same in every output format.', '', ...rows, ''].join('\n')
}
