import { type GateFiles, toGateFiles, type GateFolder } from '../team-folder/load-gate-files.ts'
import { buildIdentity, type RunningVersion } from '../team-folder/identity.ts'
import { readSignoffFiles } from '../team-folder/signoff-files.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { CutoverIdentity } from '../../core/gate/types.ts'
import type { SignoffTexts } from '../../core/signoff/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { EvidenceTexts } from '../../ports/evidence.ts'

export interface GateRequest extends RunningVersion {
  readonly folder: GateFolder
  /** Folder of the evidence log. */
  readonly evidence: string
  /** FF_TRUST_SHA256. */
  readonly trust_pin: string | null
  readonly now: () => Date
}
/** Every file that a verdict follows from, as it was at one moment. */
export interface GateTexts extends SignoffTexts {
  readonly evidence: EvidenceTexts
}
/** The files of a gate, and what they are held to. */
export interface GateInputs {
  readonly texts: GateTexts
  readonly files: GateFiles
  readonly identity: CutoverIdentity
  readonly trust_pin: string | null
  readonly at: Instant
}

/** Reads a folder once. @throws FfError `artefact_invalid`, `evidence_locked`, `evidence_unreadable` */
export async function readGateInputs(
  request: GateRequest,
  { readEvidence }: Pick<Adapters, 'readEvidence'>,
): Promise<GateInputs> {
  const { folder, trust_pin } = request
  const at = request.now().toISOString() as Instant
  // The lock of the evidence takes as long as reading all the rest.
  const [{ own, files }, evidence] = await Promise.all([
    readTeamFiles(folder),
    readEvidence(request.evidence),
  ])
  const texts = { ...own, evidence }
  return { texts, files, identity: buildIdentity(request, files), trust_pin, at }
}

async function readTeamFiles(folder: GateFolder): Promise<{ own: SignoffTexts; files: GateFiles }> {
  const own = await readSignoffFiles(folder)
  return { own, files: await toGateFiles(folder.root, own) }
}
