import { judgeGate } from '../../core/gate/judge-gate.ts'
import type { EvidenceLog, GateJudgement, SignoffOutcome } from '../../core/gate/types.ts'
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
  readonly evidence: EvidenceLog
  readonly signoff: SignoffOutcome
}

/**
 * `ff gate`: judges the checklist, evidence, waivers and signatures on disk. Measures nothing.
 *
 * @throws FfError `artefact_invalid`, `waiver_invalid`, `evidence_locked`
 */
export const runGateCheck = async (
  request: GateRequest,
  adapters: GateAdapters,
): Promise<GateReport> => toReport(await judgeFolder(request, adapters), request.now)

/** Formats a judgement as a report, timed from `judged.at` to now. */
export function toReport(judged: JudgedGate, now: () => Date): GateReport {
  const { judgement, at } = judged
  const duration_ms = now().getTime() - Date.parse(at)
  return buildGateReport(judgement, { ...judged, timing: { started_at: at, duration_ms } })
}

/** The judgement with its inputs, which a decision file needs. @throws FfError as `runGateCheck` does */
export const judgeFolder = async (
  request: GateRequest,
  adapters: GateAdapters,
): Promise<JudgedGate> => judgeInputs(await readGateInputs(request, adapters), adapters)

/** Judges texts, read from a folder or from decision.json. @throws FfError `waiver_invalid`, `setting_invalid` */
export async function judgeInputs(
  inputs: GateInputs,
  adapters: Pick<GateAdapters, 'judgeEvidence' | 'signoffCrypto'>,
): Promise<JudgedGate> {
  const facts = await loadItemFacts(inputs, adapters)
  const signoff = verifySignoffForGate(inputs, facts)
  const judgement = judgeGate({ ...facts.judged, signoff })
  refuseWaivers(judgement.faults)
  return { ...inputs, judgement, evidence: facts.judged.evidence, signoff }
}
