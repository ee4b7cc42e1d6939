import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChecklistItem } from '../../core/gate/types.ts'
import { decideExit, EXIT_STATUSES, type ExitName } from '../../core/exit.ts'
import type { GateReport } from '../../core/report/types.ts'
import type { Rehearsed } from './rehearsal.ts'
import {
  findUnmeasured,
  MISSING_PARTS,
  PROGRAMS,
  REPORT_FILE,
  type RehearsalOptions,
} from './steps.ts'

/** An item that is open at the end. */
export interface OpenItem {
  readonly id: string
  /** Why a rehearsal leaves it open; null where it should have passed. */
  readonly expected: string | null
  /** Its state, codes and detail. */
  readonly found: string
}
export interface RehearsalJudgement {
  readonly exitName: ExitName
  readonly open: readonly OpenItem[]
}

/** The report of the gate at the end of a rehearsal. @throws the system's error, SyntaxError */
export const readFinalReport = async (folder: string): Promise<GateReport> =>
  JSON.parse(await readFile(join(folder, REPORT_FILE), 'utf8')) as GateReport

/**
 * Judges a rehearsal by the gate's report at its end: `ok` where every command ended as expected, and open are exactly the
 * items that a rehearsal cannot decide; else the exit of the commands that ended otherwise, and of the items that are open.
 *
 * @param report null where the rehearsal did not get as far
 */
export function judgeRehearsal(
  { unexpected, finished }: Rehearsed,
  report: Pick<GateReport, 'items'> | null,
  terms: Pick<RehearsalOptions, 'quick' | 'sign'> & { readonly items: readonly ChecklistItem[] },
): RehearsalJudgement {
  const open = report === null ? [] : listOpen(report, terms)
  const exits = [
    ...unexpected.map(({ status }) => toExitName(status)),
    ...(open.some(({ expected }) => expected === null) ? (['not_ready'] as const) : []),
    // Without the verdict, or with too few open items, nothing was shown.
    ...(finished && report !== null && isComplete(open, terms) ? [] : (['internal'] as const)),
  ]
  const [first, ...others] = exits.filter((one) => one !== 'ok')
  if (unexpected.length > 0 && !finished)
    return { exitName: toExitName(unexpected.at(-1)?.status ?? 1), open }
  return { exitName: first === undefined ? 'ok' : decideExit(first, ...others), open }
}

const toExitName = (status: number): ExitName =>
  (Object.keys(EXIT_STATUSES) as ExitName[]).find((name) => EXIT_STATUSES[name][0] === status) ??
  'internal'

type Terms = Parameters<typeof judgeRehearsal>[2]
/** What time alone decides is open at the end of every rehearsal: else the report is not about it. */
const isComplete = (open: readonly OpenItem[], { items, quick }: Terms): boolean =>
  items
    .filter((item) => quick || findUnmeasured(item, quick) === 'needs_time')
    .every(({ id }) => open.some((one) => one.id === id))

const listOpen = (
  { items: states }: Pick<GateReport, 'items'>,
  terms: Terms,
): readonly OpenItem[] =>
  states
    .filter(({ state }) => state !== 'pass' && state !== 'waived')
    .map(({ id, state, codes, detail }) => {
      const item = terms.items.find((one) => one.id === id)
      const reason = item === undefined ? null : findReason(item, terms)
      const isLacking = state === 'inconclusive' && codes.includes('target_missing')
      const program = isLacking ? (PROGRAMS[item?.probe.name ?? ''] ?? null) : null
      const found = [state, ...codes, detail].filter((word) => word !== '').join(' ')
      return {
        id,
        // Nothing that fails is left open on purpose.
        expected: state === 'pending' ? reason : program,
        found,
      }
    })

/** Why a rehearsal leaves an item open; null where it does not. */
function findReason(item: ChecklistItem, { quick, sign }: Terms): string | null {
  const reason = findUnmeasured(item, quick)
  if (reason === 'needs_time') return '48 hours of staging, by `ff observe start`'
  if (reason === 'needs_part') return `needs ${MISSING_PARTS[item.probe.name] ?? ''}`
  if (quick) return 'of a sample nothing is evidence'
  if (sign) return null
  return item.kind === 'signature' || item.kind === 'probe_and_attestation'
    ? 'the signatures of both leads'
    : null
}
