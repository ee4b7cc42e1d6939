import { judgeGate } from '../../core/gate/judge-gate.ts'
import type {
  EvidenceLogs,
  GateJudgement,
  RunnerKey,
  SignoffOutcome,
  Waiver,
} from '../../core/gate/types.ts'
import type { TrustOutcome } from '../../core/signoff/trust.ts'
import type { GateReport } from '../../core/report/types.ts'
import { type GateInputs, type GateRequest, readGateInputs } from '../item-states/gate-inputs.ts'
import { loadItemFacts, refuseWaivers } from '../item-states/item-facts.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { buildGateReport } from './report.ts'
import { verifySignoffForGate } from '../signoff/verify-for-gate.ts'

type GateAdapters = Pick<Adapters, 'readEvidence' | 'judgeEvidence' | 'signoffCrypto'>

/** The verdict with all its inputs. */
export interface JudgedGate extends GateInputs {
  readonly judgement: GateJudgement
  readonly evidence: EvidenceLogs
  /** Runners that the trust file names. */
  readonly runners: readonly RunnerKey[]
  readonly signoff: SignoffOutcome
  readonly trust: TrustOutcome
  /** With their valid approvals only. */
  readonly waivers: readonly Waiver[]
}

/**
 * `ff gate`: judges the checklist, evidence, waivers and signatures on disk, and returns the report. Measures and
 * writes nothing. A NO-GO is a report, not an error.
 *
 * @throws FfError `artefact_invalid`, `checklist_loosened`, `waiver_invalid`, `waiver_altered`, `setting_invalid`,
 *   `evidence_unreadable`, `evidence_old_form`
 */
export const runGateCheck = async (
  request: GateRequest,
  adapters: GateAdapters,
): Promise<GateReport> => toReport(await judgeFolder(request, adapters), request.now)

/** Builds the report of a judgement; its duration is from `judged.at` to `now()`, in milliseconds. */
export function toReport(judged: JudgedGate, now: () => Date): GateReport {
  const { judgement, at } = judged
  const duration_ms = now().getTime() - Date.parse(at)
  return buildGateReport(judgement, { ...judged, timing: { started_at: at, duration_ms } })
}

/**
 * Reads and judges a team folder; returns the judgement with all its inputs, which a decision file needs. Writes
 * nothing.
 *
 * @throws FfError `artefact_invalid`, `checklist_loosened`, `waiver_invalid`, `waiver_altered`, `setting_invalid`,
 *   `evidence_unreadable`, `evidence_old_form`
 */
export const judgeFolder = async (
  request: GateRequest,
  adapters: GateAdapters,
): Promise<JudgedGate> => judgeInputs(await readGateInputs(request, adapters), adapters)

/**
 * Judges texts, read from a folder or from decision.json; returns the judgement with evidence and sign-off. Reads no
 * file.
 *
 * @throws FfError `waiver_invalid` where a waiver breaks a rule and no waiver approval is forged (a forged one is
 *   the verdict UNTRUSTED), `setting_invalid` for a malformed pin
 */
export async function judgeInputs(
  inputs: GateInputs,
  adapters: Pick<GateAdapters, 'judgeEvidence' | 'signoffCrypto'>,
): Promise<JudgedGate> {
  const facts = await loadItemFacts(inputs, adapters)
  const signoff = verifySignoffForGate(inputs, facts)
  const judgement = judgeGate({ ...facts.judged, signoff })
  // A forged approval is UNTRUSTED, whatever rule the waivers break too.
  if (facts.forged === null) refuseWaivers(judgement.faults)
  const { evidence, runners, waivers } = facts.judged
  return { ...inputs, judgement, evidence, runners, waivers, signoff, trust: facts.trust }
}
