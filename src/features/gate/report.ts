import { getLastRecord } from '../../core/gate/chain.ts'
import { countRuns } from '../../core/gate/failures.ts'
import { listTeamCommands } from '../../core/gate/floor.ts'
import { formatLimit } from '../../core/gate/limits.ts'
import {
  buildRemeasureCommand,
  findFirstStep,
  findItemStep,
  type StepFacts,
} from '../../core/gate/next.ts'
import type {
  ChecklistItem,
  CutoverIdentity,
  EvidenceEntry,
  EvidenceLogs,
  GateItemState,
  GateJudgement,
  ItemResult,
  RunnerKey,
  SignoffOutcome,
  Waiver,
  WholeLog,
} from '../../core/gate/types.ts'
import { formatCover } from '../../core/gate/waivers.ts'
import type { GateEvidence, GateItem, GateReport, WaiverInUse } from '../../core/report/types.ts'
import type { TrustOutcome } from '../../core/signoff/trust.ts'
import { EXIT_STATUSES } from '../../core/exit.ts'
import { findSigners } from '../../core/signoff/signers.ts'
import type { SignoffTexts } from '../../core/signoff/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { GateFiles } from '../team-folder/load-gate-files.ts'

interface ReportFacts {
  readonly texts: Pick<SignoffTexts, 'signoff'>
  readonly at: Instant
  readonly files: GateFiles
  readonly evidence: EvidenceLogs
  readonly runners: readonly RunnerKey[]
  readonly identity: CutoverIdentity
  readonly signoff: SignoffOutcome
  readonly trust: TrustOutcome
  readonly waivers: readonly Waiver[]
  readonly timing: GateReport['timing']
}
/** Limits of the report: older records of an item, and expiries. */
const MOST_HISTORY = 5
const MOST_ENDS = 3

/**
 * Builds the report: each item of the checklist with its state, title, owner, remediation, evidence, at most 5 older
 * records and next command; counts by state and group; at most 3 expiries. Evidence is empty where the log is not
 * whole, and signatures where the sign-off is not verified.
 */
export function buildGateReport(judgement: GateJudgement, facts: ReportFacts): GateReport {
  const { files, evidence, runners, identity, signoff, trust, waivers, timing } = facts
  const { checklist, departures } = files
  const logs = evidence.status === 'whole' ? evidence.logs : []
  const entries = logs.flatMap((log) => log.entries)
  const judged = checklist.value.items.flatMap((item) =>
    judgement.items.filter(({ id }) => id === item.id).map((found) => ({ item, found })),
  )
  const given = toStepFacts(facts)
  const items = judged.map((one) => ({
    ...toGateItem(one.item, one.found, { entries, identity }),
    ...findItemStep(one, given),
  }))
  const measured = items.filter(({ state, evidence: one }) => MEASURED.has(state) && one !== null)
  return {
    schemaVersion: 1,
    kind: 'gate',
    verdict: judgement.verdict,
    exitName: judgement.exitName,
    exitCode: EXIT_STATUSES[judgement.exitName][0],
    identity,
    window: files.plan?.window ?? null,
    trust:
      trust.status === 'trusted' ? { version: trust.trust.version, sha256: trust.sha256 } : null,
    valid_until: judgement.valid_until,
    counts: {
      expected: items.length,
      compared: measured.length,
      neverReached: items.length - measured.length,
      states: judgement.counts,
    },
    groups: checklist.value.groups.map(({ id, title }) => {
      const own = items.filter(({ group }) => group === id)
      return { id, title, items: own.length, states: countStates(own, judgement.counts) }
    }),
    findings: [
      ...judgement.faults.map(({ code, detail }) => ({
        code,
        subject: 'gate',
        pointer: null,
        detail,
      })),
      ...items.flatMap(({ id, codes, detail }) =>
        codes.map((code) => ({ code, subject: id, pointer: null, detail })),
      ),
    ],
    items,
    waivers: items.flatMap(({ waiver: id }) =>
      waivers.filter((one) => one.id === id).map(toWaiverInUse),
    ),
    expires_next: judgement.expires_next.slice(0, MOST_ENDS),
    remeasure: buildRemeasureCommand(judged),
    ...findFirstStep(judged, judgement.faults, given),
    signatures: signoff.status === 'verified' ? signoff.signatures : [],
    departures,
    team_commands: listTeamCommands(checklist.value.items),
    evidence_heads: logs.map((log) => toHead(log, runners)),
    timing,
  }
}
const toWaiverInUse = ({
  id,
  item,
  covers,
  reason,
  risk,
  compensation,
  requester,
  expires_at,
  approvals: approvers,
}: Waiver): WaiverInUse => ({
  id,
  item,
  covers: formatCover(covers),
  reason,
  risk,
  compensation,
  requester,
  expires_at,
  approvers,
})
const MEASURED: ReadonlySet<GateItemState> = new Set(['pass', 'fail', 'waived'])

const countStates = (
  items: readonly GateItem[],
  states: GateJudgement['counts'],
): GateReport['counts']['states'] =>
  Object.fromEntries(
    Object.keys(states).map((state) => [state, items.filter((one) => one.state === state).length]),
  ) as GateReport['counts']['states']

/** What the steps of all items are made from. */
const toStepFacts = ({ texts, at, signoff, trust, identity }: ReportFacts): StepFacts => ({
  waiting: texts.signoff !== null && signoff.status === 'missing' ? signoff.roles : [],
  signers: findSigners(trust, at),
  unknown: Object.entries(identity).flatMap(([name, value]) => (value === null ? [name] : [])),
})

/** The last record of a log, with the name of its runner; null where the trust file does not name it. */
const toHead = (
  { kid, entries, head }: WholeLog,
  runners: readonly RunnerKey[],
): GateReport['evidence_heads'][number] => ({
  kid,
  runner: runners.find((one) => one.kid === kid)?.name ?? null,
  ...getLastRecord(entries),
  time: head.time,
})

function toGateItem(
  item: ChecklistItem,
  { measured, evidence, ...found }: ItemResult,
  {
    entries,
    identity,
  }: { readonly entries: readonly EvidenceEntry[]; readonly identity: CutoverIdentity },
): Omit<GateItem, 'fix' | 'next'> {
  const own = entries
    .filter(({ record }) => record.item === item.id && record.kind === 'measurement')
    .sort((a, b) => (a.record.recorded_at < b.record.recorded_at ? 1 : -1))
  const counted = own.find(
    ({ hash, runner }) => hash === evidence?.hash && runner === evidence.runner,
  )
  return {
    ...found,
    title: item.title,
    why: item.why,
    owner: item.owner,
    remediation: item.remediation,
    measured: measured.map(({ limit, value, held }) => ({
      measure: limit.measure,
      required: formatLimit(limit),
      value: value === null ? null : String(value),
      held,
    })),
    evidence: counted === undefined ? null : toEvidence(counted),
    runs: countRuns(item, own, identity),
    history: own
      .filter((one) => one !== counted)
      .slice(0, MOST_HISTORY)
      .map(({ record: { seq, ended_at, result, where } }) => ({ seq, ended_at, result, where })),
  }
}

function toEvidence({ record, hash, runner }: EvidenceEntry): GateEvidence {
  const { seq, result, where, sample_size, started_at, ended_at, example, met } = record
  return { seq, result, where, sample_size, started_at, ended_at, example, met, hash, runner }
}
