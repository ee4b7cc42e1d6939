import { type GateFiles, toGateFiles, type GateFolder } from '../team-folder/load-gate-files.ts'
import { buildIdentity, type RunningVersion } from '../team-folder/identity.ts'
import { readSignoffFiles } from '../team-folder/signoff-files.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { CutoverIdentity, PinnedHead } from '../../core/gate/types.ts'
import type { SignoffTexts } from '../../core/signoff/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import type { EvidenceTexts } from '../../ports/evidence.ts'

/** The places and settings that a gate is read by. */
export interface GateRequest extends RunningVersion {
  readonly folder: GateFolder
  /** The folder of the evidence logs. */
  readonly evidence: string
  /** The value of FF_TRUST_SHA256; null where it is not set. */
  readonly trust_pin: string | null
  /** The value of FF_EVIDENCE_HEAD: records that the logs must hold. */
  readonly pinned_heads: readonly PinnedHead[]
  readonly now: () => Date
}
/** The texts of every file that a verdict is decided from, read at one moment. */
export interface GateTexts extends SignoffTexts {
  readonly evidence: EvidenceTexts
}
/** The files of a gate, and the identity, pins and time that they are judged by. */
export interface GateInputs {
  readonly texts: GateTexts
  readonly files: GateFiles
  readonly identity: CutoverIdentity
  readonly trust_pin: string | null
  readonly pinned_heads: readonly PinnedHead[]
  readonly at: Instant
}

/**
 * Reads the team folder and the evidence logs once; returns the texts, their parsed form, the identity, the pins and
 * the time before the first read. No signature is verified.
 *
 * @throws FfError `artefact_invalid`, `checklist_loosened`, `waiver_altered`, `evidence_unreadable`,
 *   `evidence_old_form`
 */
export async function readGateInputs(
  request: GateRequest,
  { readEvidence }: Pick<Adapters, 'readEvidence'>,
): Promise<GateInputs> {
  const { folder, trust_pin, pinned_heads } = request
  const at = request.now().toISOString() as Instant
  const [{ own, files }, evidence] = await Promise.all([
    readTeamFiles(folder),
    readEvidence(request.evidence),
  ])
  const texts = { ...own, evidence }
  return { texts, files, identity: buildIdentity(request, files), trust_pin, pinned_heads, at }
}

async function readTeamFiles(folder: GateFolder): Promise<{ own: SignoffTexts; files: GateFiles }> {
  const own = await readSignoffFiles(folder)
  return { own, files: await toGateFiles(folder.root, own, folder.checklist) }
}
