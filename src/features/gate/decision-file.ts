import { createSignoffDependencies } from '../../artefacts/documents.ts'
import { readTextFile } from '../../artefacts/read-text.ts'
import { packDecision, unpackDecision } from '../../core/signoff/decision-file.ts'
import type { DecisionFile } from '../../core/signoff/types.ts'
import type { CutoverIdentity } from '../../core/gate/types.ts'
import type { GateReport } from '../../core/report/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { toGateFiles } from '../team-folder/load-gate-files.ts'
import { buildIdentity } from '../team-folder/identity.ts'
import { judgeInputs, type JudgedGate, toReport } from './gate.ts'

/** A log of evidence as long as it may be, in the spelling of JSON, and the files beside it. */
const MAX_DECISION_BYTES = 268_435_456

/** decision.json: the report, and every file that it followed from. */
export function formatDecisionFile(
  { texts, identity, at }: JudgedGate,
  { report, tool_version }: { readonly report: GateReport; readonly tool_version: string },
): string {
  const { evidence, ...files } = texts
  return packDecision({
    tool_version,
    decided_at: at,
    verdict: report,
    identity,
    files: { ...files, evidence: evidence.log, evidence_head: evidence.head },
  })
}

export interface OfflineRequest {
  readonly root: string
  readonly path: string
  /** From whoever asks, never from the file. */
  readonly trust_pin: string | null
  readonly now: () => Date
}

/**
 * `ff gate --offline FILE`: the verdict over what decision.json holds, as of now, by this program's own rules.
 *
 * @throws FfError `artefact_invalid`, `waiver_invalid`, and `decision_altered` where the file says one thing and is another
 */
export async function gateOffline(
  { root, path, trust_pin, now }: OfflineRequest,
  adapters: Pick<Adapters, 'judgeEvidence' | 'signoffCrypto'>,
): Promise<GateReport> {
  const decision = await readDecision(path, adapters)
  const { evidence: log, evidence_head: head, ...own } = decision.files
  const texts = { ...own, evidence: { log, head } }
  const files = await toGateFiles(root, texts)
  const identity = { ...buildIdentity(UNKNOWN_VERSION, files), ...pickRunning(decision) }
  const at = now().toISOString() as Instant
  const judged = await judgeInputs({ texts, files, identity, trust_pin, at }, adapters)
  if (judged.judgement.verdict === 'go') refuseAltered(decision, identity)
  return toReport(judged, now)
}

/** What the folder's plan and checklist say of an identity, and nothing of what runs. */
const UNKNOWN_VERSION = { code: null, settings: {}, schema_head: null }
/** What of the identity no file of the decision says: it was the program's that decided. */
const pickRunning = ({ identity: { code, schema_head, config_digest } }: DecisionFile) => ({
  code,
  schema_head,
  config_digest,
})

async function readDecision(
  path: string,
  adapters: Pick<Adapters, 'signoffCrypto'>,
): Promise<DecisionFile> {
  const read = await readTextFile(path, path, MAX_DECISION_BYTES)
  if (!read.ok) throw toArtefactError([read.problem])
  const decision = unpackDecision(
    read.text,
    createSignoffDependencies(await adapters.signoffCrypto()),
  )
  if (decision.ok) return decision.value
  throw new FfError('artefact_invalid', `${path} is no decision of a gate.`, {
    hint: 'Name a file that `ff gate --decision FILE` wrote.',
    details: [decision.detail],
  })
}

/** What says of itself that it was no GO, or that it was about something else, is not made one by its files. */
function refuseAltered({ verdict, identity }: DecisionFile, found: CutoverIdentity): void {
  const members = Object.keys(found) as (keyof CutoverIdentity)[]
  const details = [
    ...('verdict' in verdict && verdict.verdict === 'go' ? [] : ['verdict']),
    ...members.filter((name) => identity[name] !== found[name]),
  ]
  if (details.length === 0) return
  throw new FfError('decision_altered', 'The decision does not say what its files come to.', {
    hint: 'Take the file as `ff gate --decision FILE` wrote it.',
    details,
  })
}
