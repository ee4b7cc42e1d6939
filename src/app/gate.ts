import { judgeGate } from '../core/gate/judge-gate.ts'
import type { Judgement, WaiverPolicy } from '../core/gate/types.ts'
import type { GateReport } from '../core/report/types.ts'
import type { Instant } from '../core/state/instant.ts'
import { FfError } from '../errors.ts'
import type { Adapters } from './adapters.ts'
import { type GateFolder, loadGateFiles } from './gate-files.ts'
import { gateReport } from './gate-report.ts'
import { identityOf, type Running } from './gate-identity.ts'
import { UNMEASURABLE } from './unmeasurable.ts'

export interface GateRequest extends Running {
  readonly folder: GateFolder
  /** Folder of the evidence log. */
  readonly evidence: string
  readonly trust_pin: string | null
  readonly now: () => Date
}
type Hands = Pick<Adapters, 'readEvidence' | 'verifySignoff'>

/**
 * `ff gate`: all that is on disk, and the verdict that follows from it. It measures nothing itself.
 *
 * @throws FfError `artefact_invalid`, `waiver_invalid`, `evidence_locked`
 */
export async function gate(request: GateRequest, hands: Hands): Promise<GateReport> {
  const started = request.now()
  const now = started.toISOString() as Instant
  const files = await loadGateFiles(request.folder)
  const identity = identityOf(request, files)
  const [evidence, signoff] = await Promise.all([
    hands.readEvidence(request.evidence, files.isLine),
    hands.verifySignoff({
      folder: request.folder.cwd,
      items: files.checklist.value.items,
      identity,
      waivers: files.waivers,
      trust_pin: request.trust_pin,
      now,
    }),
  ])
  const judgement = judgeGate({
    checklist: files.checklist.value,
    evidence,
    waivers: signoff.waivers,
    policy: stricter(files.contract.waivers, signoff.policy),
    signoff: signoff.outcome,
    expected: identity,
    runners: signoff.runners,
    unmeasurable: UNMEASURABLE,
    plan_until: (files.plan?.window.until ?? null) as Instant | null,
    now,
  })
  refuseWaivers(judgement)
  const timing = {
    started_at: now,
    duration_ms: request.now().getTime() - started.getTime(),
  }
  return gateReport(judgement, { files, evidence, identity, signoff: signoff.outcome, timing })
}

const stricter = (contract: WaiverPolicy, trust: WaiverPolicy | null): WaiverPolicy => ({
  max_active: Math.min(contract.max_active, trust?.max_active ?? contract.max_active),
  max_days: Math.min(contract.max_days, trust?.max_days ?? contract.max_days),
})

/** Waivers that are against the rules stop the gate before anything is said (page 8, 2). */
function refuseWaivers({ faults }: Judgement): void {
  const own = faults.filter(({ code }) => code.startsWith('waiver'))
  if (own.length === 0) return
  throw new FfError(
    'waiver_invalid',
    'The waivers are against the rules, so no verdict was made.',
    {
      hint: 'Correct checklists/waivers.json, then run this again.',
      details: own.map(({ code, detail }) => `${code}: ${detail}`),
    },
  )
}
