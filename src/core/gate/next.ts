import type { ChecklistItem, ItemResult, GateJudgement } from './types.ts'

const MEASURE = (id: string): string => `ff probe run ${id}`
const SIGN = (): string => 'ff signoff sign'
const ANEW = (): string =>
  'mv .ff/evidence .ff/evidence.old && ff evidence seal --first && ff probe run'
const TRUST = (): string => 'ff trust show'

/** The next command by the code of a fault of the trust file, without which no item means anything. */
const TRUST_COMMANDS: Readonly<Record<string, () => string>> = {
  trust_missing: () =>
    'ff trust init --platform-lead alice.pub.json --security-lead bob.pub.json --runner .ff/runner.pub.json',
  trust_pin_missing: () => 'ff trust pin',
  trust_pin_outdated: () => 'ff trust pin',
  trust_pin_mismatch: TRUST,
  trust_rolled_back: TRUST,
  trust_forked: TRUST,
  withdrawal_missing: TRUST,
}
/** The next command by the code of a late log, which measuring an item mends too. */
const LOG_COMMANDS: Readonly<Record<string, () => string>> = {
  log_missing: () => 'ff evidence seal',
  head_stale: () => 'ff evidence seal',
}

/** The next command by code, where it is not `ff probe run`. */
const COMMANDS: Readonly<Record<string, (id: string) => string>> = {
  signature_missing: SIGN,
  attestation_missing: SIGN,
  signature_old: () => 'ff signoff request',
  signature_withdrawn: () => 'ff signoff request',
  accepted_since_signing: () => 'ff signoff request',
  failed_since_signing: () => 'ff signoff request',
  attempt_ended: () => 'ff signoff request',
  evidence_edited: ANEW,
  evidence_cut: ANEW,
  evidence_reordered: ANEW,
  evidence_recomputed: ANEW,
  evidence_missing: ANEW,
  evidence_forked: ANEW,
  ...TRUST_COMMANDS,
}

type Faults = GateJudgement['faults']
/** The command that comes before that of any item, for a fault of the trust file; null without one. */
export const findTrustCommand = (faults: Faults): string | null => findIn(TRUST_COMMANDS, faults)
/** The command that comes after those of the items, for a late log; null without one. */
export const findSealCommand = (faults: Faults): string | null => findIn(LOG_COMMANDS, faults)
const findIn = (commands: Readonly<Record<string, () => string>>, faults: Faults): string | null =>
  faults.flatMap(({ code }) => commands[code]?.() ?? [])[0] ?? null

/**
 * The shell command that comes next for an item, by its codes: sign, request or verify the sign-off, run a selftest,
 * move the evidence away and measure anew, find the line of the plan to change, or else `ff probe run` with its id. Null for an item that is passed or
 * waived.
 */
export function findNextCommand(
  { id, kind }: ChecklistItem,
  { state, codes }: Pick<ItemResult, 'state' | 'codes'>,
): string | null {
  if (state === 'pass' || state === 'waived') return null
  if (kind !== 'signature' && codes.includes('attempt_ended')) return FIND_ATTEMPT
  const named = codes.find((code) => Object.hasOwn(COMMANDS, code))
  const known = named === undefined ? undefined : COMMANDS[named]
  if (known !== undefined) return known(id)
  if (codes.some((code) => code.startsWith('control_'))) return `ff probe selftest ${id}`
  // A refused or stale signature is verified; a signature item without a measurement is measured.
  const measured = codes.some((code) => MEASURED.has(code))
  return kind === 'signature' && !measured ? 'ff signoff verify' : MEASURE(id)
}
/** Shows the line to change; the detail of the item says to what. */
const FIND_ATTEMPT = `grep -n '"attempt"' checklists/plan.json`
const MEASURED: ReadonlySet<string> = new Set([
  'no_record',
  'not_measured_yet',
  'evidence_old',
  'identity_changed',
  'identity_not_said',
  'probe_changed',
  'item_changed',
  'build_differs',
  'input_changed',
  'input_missing',
  'runner_not_named',
  'measured_elsewhere',
  'limit_broken',
])

/**
 * One `ff probe run` command with the ids of all items that were never measured, or whose evidence is old or has
 * another identity, input or probe; null where there is none.
 */
export function buildRemeasureCommand({ items }: Pick<GateJudgement, 'items'>): string | null {
  const ids = items.filter(({ codes }) => codes.some((code) => AGAIN.has(code))).map(({ id }) => id)
  return ids.length === 0 ? null : `ff probe run ${ids.join(' ')}`
}
const AGAIN: ReadonlySet<string> = new Set([
  'no_record',
  'evidence_old',
  'identity_changed',
  'probe_changed',
  'item_changed',
  'build_differs',
  'input_changed',
  'input_missing',
])
