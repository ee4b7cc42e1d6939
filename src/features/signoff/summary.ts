import type { GateState } from '../../core/signoff/gate-state.ts'
import { countRuns } from '../../core/gate/failures.ts'
import { formatDeparture, listTeamCommands } from '../../core/gate/floor.ts'
import type { ChecklistItem } from '../../core/gate/types.ts'
import { diffStatements } from '../../core/signoff/changes.ts'
import { parseEnvelope } from '../../core/signoff/envelope.ts'
import { parseSignedDocument } from '../../core/signoff/read-document.ts'
import { parseStatement } from '../../core/signoff/statement.ts'
import type { Signer, SignedStatement, WaiverEntry } from '../../core/signoff/types.ts'
import { escapeLine } from '../../core/text/terminal.ts'
import { FfError } from '../../errors.ts'
import type { Terminal } from '../../ports/signoff.ts'
import { parsePlan, parseTriggers } from '../team-folder/load-gate-files.ts'
import type { SignoffContext } from './context.ts'
import { describePlan, describeTriggers, describeWaivers } from './folder-words.ts'
import { readPastSignoffs } from '../team-folder/signoff-files.ts'

export interface SigningSummaryInput {
  readonly statement: SignedStatement
  readonly state: GateState
  readonly signer: Signer
  readonly waivers: readonly WaiverEntry[]
}

/**
 * The text that a signer reads before the questions: decision, target, counts, how often each item was measured and
 * failed, the whole plan, every trigger, waivers, team commands, departures of the checklist from the package's, and
 * the changes since their last archived signature. Lines are escaped for a terminal, and an empty line ends it. Reads
 * the archived sign-offs.
 *
 * @throws FfError `artefact_invalid` where one is unreadable
 */
export async function formatSigningSummary(
  context: SignoffContext,
  input: SigningSummaryInput,
): Promise<string> {
  const { statement, state, signer, waivers } = input
  const { decision, identity, not_after, accepted } = statement.predicate
  const counts = Object.entries(state.counts).filter(([, count]) => count > 0)
  const lines = [
    `Decision    ${decision.toUpperCase()}, until ${not_after} at most`,
    `You sign    as ${signer.name}, ${signer.role}`,
    ...Object.entries(identity).map(([member, value]) => `  ${member.padEnd(17)} ${value}`),
    `Accepted    ${Object.keys(accepted).length} items; now ${counts.map(([name, count]) => `${count} ${name}`).join(', ')}`,
    ...formatRuns(state),
    ...describePlan(parsePlan(context.texts)),
    ...describeTriggers(parseTriggers(context.texts)),
    ...describeWaivers(waivers),
    ...formatCommands(state),
    ...formatDepartures(state),
    ...(await formatChanges(context, input)),
  ]
  // Escaped line by line, so that a reason or a name cannot forge a line.
  return `${lines.map(escapeLine).join('\n')}\n\n`
}

function formatRuns({ items, logs, identity }: GateState): readonly string[] {
  const entries = logs.flatMap((log) => log.entries)
  const counted = items.map((item) => ({ id: item.id, ...countRuns(item, entries, identity) }))
  const failed = counted.filter((one) => one.failed > 0)
  return [
    'Measured    number of times by item, on the target in this attempt',
    `  ${counted.map(({ id, measured }) => `${id} ${measured}`).join(', ')}`,
    `Failed      ${failed.length === 0 ? 'none' : `${failed.length} of ${items.length} items`}`,
    ...failed.map(({ id, ...one }) => `  ${id}: ${one.failed} of ${one.measured} times`),
  ]
}

function formatCommands({ items }: GateState): readonly string[] {
  const commands = listTeamCommands(items)
  return [
    `Commands    ${commands.length === 0 ? 'none' : `${commands.length} of the team in place of probes`}`,
    ...commands.map(({ item, argv }) => `  ${item}: ${argv.join(' ')}`),
  ]
}

function formatDepartures({ departures }: GateState): readonly string[] {
  return [
    `Checklist   ${departures.length === 0 ? "as the package's" : `departs from the package's in ${departures.length} places`}`,
    ...departures.map((one) => `  ${one.kind}: ${formatDeparture(one)}`),
  ]
}

async function formatChanges(
  context: SignoffContext,
  { statement, signer }: SigningSummaryInput,
): Promise<readonly string[]> {
  const before = await findLastSigned(context, signer)
  if (before === null) return ['Changes     you have not signed before']
  const changes = diffStatements(before, statement)
  if (changes.length === 0) return ['Changes     none since you last signed']
  return [
    'Changes     since you last signed',
    ...changes.map((one) => `  ${one.what}: ${one.before ?? 'absent'} -> ${one.after ?? 'absent'}`),
  ]
}

/**
 * The newest archived statement with a valid signature of this key, revoked or expired ones included; null for none.
 */
async function findLastSigned(
  { cwd, tools }: SignoffContext,
  signer: Signer,
): Promise<SignedStatement | null> {
  const found: { readonly at: string; readonly statement: SignedStatement }[] = []
  for (const text of await readPastSignoffs(cwd)) {
    const envelope = parseEnvelope(text, tools)
    if (!envelope.ok) continue
    const { payload, signatures } = envelope.value
    const read = parseStatement(payload, tools)
    const own = signatures.find(({ protected: shown, signature }) =>
      tools.holds(signer.jwk, `${shown}.${payload}`, signature),
    )
    if (!read.ok || own === undefined) continue
    const bytes = tools.decode(own.protected) ?? new Uint8Array()
    const header = parseSignedDocument('signoff_header', new TextDecoder().decode(bytes), tools)
    if (header.ok) found.push({ at: header.value.ff.signed_at, statement: read.value.statement })
  }
  return found.sort((a, b) => (a.at < b.at ? 1 : -1))[0]?.statement ?? null
}

/**
 * Asks for each attestation in turn; returns once each answer is exactly `yes`.
 *
 * @throws FfError `not_attested` at the first other answer
 */
export async function askAttestations(
  terminal: Terminal,
  attests: readonly string[],
  { items }: GateState,
): Promise<void> {
  for (const id of attests) {
    const title = escapeLine(findTitle(id, items))
    const answer = await terminal.ask(`Do you attest ${id} (${title})? (yes/no)`)
    if (answer !== 'yes')
      throw new FfError('not_attested', `${id} was not attested, so nothing was signed.`, {
        hint: 'Run `ff signoff sign` again when you can answer yes to every question.',
      })
  }
}

function findTitle(id: string, items: readonly ChecklistItem[]): string {
  const item = items.find((one) => one.id === id)
  const command = listTeamCommands(items).find((one) => one.item === id)
  if (item !== undefined)
    return command === undefined
      ? item.title
      : `${item.title}, measured by ${command.argv.join(' ')}`
  const group = items.filter((one) => one.group === id).map((one) => one.id)
  return group.length === 0 ? 'this waiver' : `all of ${group.join(', ')}`
}
