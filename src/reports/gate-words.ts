import { foldLine } from './paint.ts'
import { isRehearsal } from '../core/auth/environment.ts'
import { type Departure, formatDeparture } from '../core/gate/floor.ts'
import { escapeLine } from '../core/text/terminal.ts'
import type { GateItem, GateReport, WaiverInUse } from '../core/report/types.ts'

/** A title and below it the departures of a checklist, one a line, folded to 80 characters. No final line feed. */
export const formatDepartures = (title: string, departures: readonly Departure[]): string =>
  [`  ${title}`, ...departures.map((one) => foldLine(`  ${formatDeparture(one)}`, '    '))].join(
    '\n',
  )

/**
 * One line for each limit that was measured and does not hold, with the measured and the required value; empty where
 * there is none. A limit without a measured value has no line.
 */
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

/** Title and lines of the items that have failed, also where they pass now; empty where there is none. */
export const listFailures = ({
  items,
}: GateReport): readonly (readonly [title: string, lines: readonly string[]])[] => {
  const lines = items.flatMap(({ id, runs: { measured, failed } }) =>
    failed === 0 ? [] : [`${id} failed ${failed} of ${measured} times`],
  )
  return lines.length === 0 ? [] : [[`Items that have failed (${lines.length})`, lines]]
}

/** The text after the verdict: `valid until` and the expiry for a go, else the number of accepted items of all. */
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

/** The digits of a SHA-256 that identify a trust file to a reader. */
const DIGITS = 16

/**
 * What a verdict is about, as pairs of a name and a text: environment, cutover, attempt, code, database, window, trust
 * file, and the end of a GO. What is not known says so in words, never as null.
 */
export function listSubject({
  identity: { environment, cutover_id, attempt, code, database },
  window,
  trust,
  valid_until,
}: GateReport): readonly (readonly [name: string, text: string])[] {
  const known: readonly (readonly [string, string | null])[] = [
    ['environment', environment],
    ['cutover', cutover_id],
    ['attempt', attempt?.toString() ?? null],
    ['code', code],
    ['database', database],
    ['window', window === null ? null : `${window.from} to ${window.until}`],
  ]
  return [
    ...(isRehearsal(environment) ? [['REHEARSAL', REHEARSED] as const] : []),
    ...known.map(([name, text]) => [name, text ?? 'not known'] as const),
    [
      'trust',
      trust === null
        ? 'no trusted file'
        : `version ${trust.version}, ${trust.sha256.slice(0, DIGITS)}`,
    ],
    ['valid until', valid_until ?? 'no time, as this is no GO'],
  ]
}

const REHEARSED = 'about private stores on loopback; it opens no step anywhere else'

/** The subject in one line: `environment production; cutover flags; ...`. */
export const formatSubject = (report: GateReport): string =>
  listSubject(report)
    .map(([name, text]) => `${name} ${text}`)
    .join('; ')

/**
 * The faults of the run as a whole, such as a missing pin, one line each as `code: detail`; they come before any item.
 * Empty where there is none.
 */
export const listFaults = ({ findings }: Pick<GateReport, 'findings'>): readonly string[] =>
  findings
    .filter(({ subject }) => subject === 'gate')
    .map(({ code, detail }) => `${code}: ${detail}`)

/** A waiver in use in one line: what it covers, why, the risk, until when, and who asked for it and approved it. */
export const describeWaiver = ({
  id,
  covers,
  reason,
  risk,
  compensation,
  requester,
  expires_at,
  approvers,
}: WaiverInUse): string => {
  const people = approvers.map(({ person, role }) => `${person} (${role})`).join(', ')
  return `waived by ${id} until ${expires_at}, covers ${covers}; reason: ${reason}; risk: ${risk}; compensation: ${compensation}; requested by ${requester}, approved by ${people}`
}
