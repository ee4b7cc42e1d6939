import { foldLine } from './paint.ts'
import { type Departure, formatDeparture } from '../core/gate/floor.ts'
import { escapeLine } from '../core/text/terminal.ts'
import type { GateItem, GateReport } from '../core/report/types.ts'

/** Departures of a checklist below a title, one a line, folded to 80 characters. */
export const formatDepartures = (title: string, departures: readonly Departure[]): string =>
  [`  ${title}`, ...departures.map((one) => foldLine(`  ${formatDeparture(one)}`, '    '))].join(
    '\n',
  )

/** One line for each limit that was measured and does not hold; none for a limit without a measured value. */
export const measuredLines = ({ measured }: Pick<GateItem, 'measured'>): readonly string[] =>
  measured
    .filter(({ held, value }) => !held && value !== null)
    .map(
      ({ measure, value, required }) => `measured ${measure} ${value ?? ''}; required ${required}`,
    )

/** Whether an item counts as accepted: its state is `pass` or `waived`. */
export const isAccepted = ({ state }: Pick<GateItem, 'state'>): boolean =>
  state === 'pass' || state === 'waived'

/** The states of an item that is not accepted, worst first, in the order of the report. */
export const BLOCKING = ['fail', 'error', 'inconclusive', 'stale', 'pending'] as const

const WORDS: Readonly<Record<GateReport['verdict'], string>> = {
  go: 'GO',
  no_go: 'NO-GO',
  not_ready: 'NOT READY',
  inconclusive: 'INCONCLUSIVE',
  untrusted: 'UNTRUSTED',
}
/** The verdict in capitals, such as `NO-GO`; a go names its exceptions: `GO with 2 waivers and 1 team command`. */
export const formatVerdictWord = ({
  verdict,
  counts: { states },
  team_commands,
}: GateReport): string => {
  const counted = [
    [states.waived, 'waiver'] as const,
    [team_commands.length, 'team command'] as const,
  ].flatMap(([count, name]) => (count === 0 ? [] : [`${count} ${name}${count === 1 ? '' : 's'}`]))
  return verdict === 'go' && counted.length > 0
    ? `GO with ${counted.join(' and ')}`
    : WORDS[verdict]
}

/** The lists of a gate report that say what its checklist changes: a title and its lines each; none where it is empty. */
export const listChecklistChanges = ({
  departures,
  team_commands,
}: GateReport): readonly (readonly [title: string, lines: readonly string[]])[] =>
  [
    [
      `Team commands in place of probes (${team_commands.length})`,
      team_commands.map(({ item, argv }) => escapeLine(`${item} ${argv.join(' ')}`)),
    ] as const,
    [
      `Departures from the package's checklist (${departures.length})`,
      departures.map((one) => `${one.kind}: ${formatDeparture(one)}`),
    ] as const,
  ].filter(([, lines]) => lines.length > 0)

/** The text after the verdict: its expiry for a go, else the number of accepted items. */
export const formatVerdictRest = ({
  verdict,
  counts: { states, expected },
  valid_until,
}: GateReport): string =>
  verdict === 'go'
    ? `valid until ${valid_until ?? ''}`
    : `not ready to go: ${states.pass + states.waived} of ${expected} items are accepted`

/** The verdict in one line: its word, a comma, and the expiry or the number of accepted items. */
export const formatVerdict = (report: GateReport): string =>
  `${formatVerdictWord(report)}, ${formatVerdictRest(report)}`

/** The states with a count above 0, as in `3 pass, 2 pending`; empty where all counts are 0. */
export const formatStates = (states: GateReport['counts']['states']): string =>
  Object.entries(states)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ')
