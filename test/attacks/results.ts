import { writeFile } from 'node:fs/promises'
import { EXEMPTIONS, type Exemption } from './promises.ts'

/** The verdict on one attack. */
export interface Judged {
  readonly file: string
  readonly kind: string
  /** When the gate judged it. */
  readonly clock: string
  readonly status: number
  /** Why it may end 0; null for any other end. */
  readonly exemption: Exemption | null
}

const toRow = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
const toTable = (
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string => [head, head.map(() => '---'), ...rows].map(toRow).join('\n')

/** Number of verdicts by status, for each value of a member. */
function countBy(judged: readonly Judged[], member: 'file' | 'kind' | 'clock'): string {
  const names = [...new Set(judged.map((one) => one[member]))]
  const statuses = [...new Set(judged.map(({ status }) => status))].sort((a, b) => a - b)
  const rows = names.map((name) => {
    const own = judged.filter((one) => one[member] === name)
    const counts = statuses.map((status) => own.filter((one) => one.status === status).length)
    return [name, own.length, ...counts]
  })
  return toTable([member, 'verdicts', ...statuses.map((status) => `exit ${status}`)], rows)
}

/** Of each kind of change to each file the statuses at each clock, as `23 x 7`. */
function countPairs(judged: readonly Judged[]): string {
  const clocks = [...new Set(judged.map(({ clock }) => clock))]
  const pairs = new Map<string, Judged[]>()
  for (const one of judged) {
    const pair = `${one.file} | ${one.kind}`
    pairs.set(pair, [...(pairs.get(pair) ?? []), one])
  }
  const rows = [...pairs].map(([pair, own]) => [
    pair,
    ...clocks.map((clock) => countStatuses(own.filter((one) => one.clock === clock))),
  ])
  return toTable(['file | kind', ...clocks], rows).replace('---', '--- | ---')
}
function countStatuses(judged: readonly Judged[]): string {
  const statuses = [...new Set(judged.map(({ status }) => status))].sort((a, b) => a - b)
  return statuses
    .map((status) => `${status} x ${judged.filter((one) => one.status === status).length}`)
    .join(', ')
}

function listExemptions(judged: readonly Judged[]): string {
  const rows = EXEMPTIONS.map((row) => {
    const met = judged.filter(({ exemption }) => exemption === row)
    const list = (member: 'file' | 'kind'): string =>
      [...new Set(met.map((one) => one[member]))].join('<br>')
    return [list('file'), list('kind'), met.length, row.reason]
  })
  return toTable(['file', 'kind', 'verdicts', 'why it may end 0'], rows)
}

/** Writes RESULTS.md: how many attacks were judged, and how each ended. */
export const writeResults = (judged: readonly Judged[], places: number): Promise<void> =>
  writeFile(
    new URL('RESULTS.md', import.meta.url),
    `# What \`npm run attacks\` found

Written by it, with up to ${places} places of each kind in each file: ${judged.length} verdicts on changed folders. None ends 1, and none ends 0
without a reason.

## By file

${countBy(judged, 'file')}

## By kind

${countBy(judged, 'kind')}

## By the clock of the gate

Each change is judged now, and in turns 7 minutes earlier or 10 minutes later.

${countBy(judged, 'clock')}

## Attacks that may end 0

${listExemptions(judged)}

## Each kind of change to each file, by clock

The statuses with the number of verdicts: 2 bad input, 20 no go, 21 not ready, 22 inconclusive, 23 untrusted.

${countPairs(judged)}
`,
  )
