import { judgeGate } from '../core/gate/judge-gate.ts'
import type {
  EvidenceLog,
  Identity,
  Judgement,
  SignoffOutcome,
  WaiverPolicy,
} from '../core/gate/types.ts'
import { type GateState, gateStateOf } from '../core/signoff/gate-state.ts'
import type { SignoffTexts } from '../core/signoff/types.ts'
import type { GateReport } from '../core/report/types.ts'
import type { Instant } from '../core/state/instant.ts'
import { FfError } from '../errors.ts'
import type { EvidenceTexts } from '../ports.ts'
import type { Adapters } from './adapters.ts'
import { type GateFiles, gateFilesOf, type GateFolder } from './gate-files.ts'
import { gateReport } from './gate-report.ts'
import { identityOf, type Running } from './gate-identity.ts'
import { readSignoffFiles } from './signoff/folder.ts'
import { UNMEASURABLE } from './unmeasurable.ts'

export interface GateRequest extends Running {
  readonly folder: GateFolder
  /** Folder of the evidence log. */
  readonly evidence: string
  readonly trust_pin: string | null
  readonly now: () => Date
}
type Hands = Pick<Adapters, 'readEvidence' | 'judgeEvidence' | 'verifySignoff'>

/** Every file that a verdict follows from, as it was at one moment. */
export interface GateTexts extends SignoffTexts {
  readonly evidence: EvidenceTexts
}
/** What is judged: the files, and what they are held to. */
export interface Matter {
  readonly texts: GateTexts
  readonly files: GateFiles
  readonly identity: Identity
  readonly trust_pin: string | null
  readonly at: Instant
}
export interface Judged extends Matter {
  readonly judgement: Judgement
  readonly evidence: EvidenceLog
  readonly signoff: SignoffOutcome
}

/**
 * `ff gate`: all that is on disk, and the verdict that follows from it. It measures nothing itself.
 *
 * @throws FfError `artefact_invalid`, `waiver_invalid`, `evidence_locked`
 */
export const gate = async (request: GateRequest, hands: Hands): Promise<GateReport> =>
  reportOf(await judgeFolder(request, hands), request.now)

/** A judgement as a report. */
export function reportOf(judged: Judged, now: () => Date): GateReport {
  const { judgement, at } = judged
  const duration_ms = now().getTime() - Date.parse(at)
  return gateReport(judgement, { ...judged, timing: { started_at: at, duration_ms } })
}

/** The judgement itself, for whoever wants more than a report. */
export async function judgeFolder(request: GateRequest, hands: Hands): Promise<Judged> {
  const { folder, trust_pin } = request
  const at = request.now().toISOString() as Instant
  // The lock of the evidence takes as long as reading all the rest.
  const [{ own, files }, evidence] = await Promise.all([
    readOwn(folder),
    hands.readEvidence(request.evidence),
  ])
  const texts = { ...own, evidence }
  return judge({ texts, files, identity: identityOf(request, files), trust_pin, at }, hands)
}

async function readOwn(folder: GateFolder): Promise<{ own: SignoffTexts; files: GateFiles }> {
  const own = await readSignoffFiles(folder)
  return { own, files: await gateFilesOf(folder.root, own) }
}

/** The verdict over texts: the same whether they were read from a folder or from decision.json. */
export async function judge(
  matter: Matter,
  hands: Pick<Hands, 'judgeEvidence' | 'verifySignoff'>,
): Promise<Judged> {
  const { texts, files, identity, trust_pin, at: now } = matter
  const { items } = files.checklist.value
  const [evidence, signoff] = await Promise.all([
    hands.judgeEvidence(texts.evidence, files.isLine),
    hands.verifySignoff({ texts, items, identity, waivers: files.waivers, trust_pin, now }),
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
  return { ...matter, judgement, evidence, signoff: signoff.outcome }
}

/**
 * What there is to sign now.
 *
 * @throws FfError as `gate`, and `evidence_untrusted` where the log is not whole: nobody signs over that
 */
export async function readGate(request: GateRequest, hands: Hands): Promise<GateState> {
  const { judgement, files, evidence, identity } = await judgeFolder(request, hands)
  if (evidence.status !== 'whole')
    throw new FfError('evidence_untrusted', `The evidence cannot be trusted: ${evidence.detail}.`, {
      hint: 'Restore the evidence folder as it was written, or begin a new one and measure again.',
    })
  return gateStateOf(judgement, { checklist: files.checklist.value, identity, log: evidence })
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
