import { createSignoffDependencies } from '../../artefacts/documents.ts'
import { readTextFile } from '../../artefacts/read-text.ts'
import { packDecision, unpackDecision } from '../../core/signoff/decision-file.ts'
import type { DecisionFile } from '../../core/signoff/types.ts'
import type { CutoverIdentity, LogHead } from '../../core/gate/types.ts'
import type { GateReport } from '../../core/report/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { toGateFiles } from '../team-folder/load-gate-files.ts'
import { buildIdentity } from '../team-folder/identity.ts'
import { judgeInputs, type JudgedGate, toReport } from './gate.ts'

/** Room for the evidence logs as JSON strings, and for the other files. */
const MAX_DECISION_BYTES = 268_435_456

/**
 * The text of decision.json, in canonical form (RFC 8785) with a line feed: the report, the identity, and the text of
 * every file that the verdict was decided from. Writes nothing.
 */
export function formatDecisionFile(
  { texts, identity, at }: JudgedGate,
  { report, tool_version }: { readonly report: GateReport; readonly tool_version: string },
): string {
  return packDecision({ tool_version, decided_at: at, verdict: report, identity, files: texts })
}

export interface OfflineRequest {
  readonly root: string
  readonly path: string
  /** FF_TRUST_SHA256 of the caller; never taken from the decision file. */
  readonly trust_pin: string | null
  /** FF_EVIDENCE_HEAD of the caller. */
  readonly pinned_heads: readonly LogHead[]
  readonly now: () => Date
}

/**
 * `ff gate --offline FILE`: judges the files in decision.json anew, as of now, by the rules of this version; returns
 * that report. Takes code, schema head and settings digest from the file, and compares the file's own verdict and
 * identity only where the new verdict is GO.
 *
 * @throws FfError `artefact_invalid`, `waiver_invalid`, `setting_invalid` for a malformed pin, `decision_altered` for
 *   a GO that the file does not claim or for another identity
 */
export async function gateOffline(
  { root, path, trust_pin, pinned_heads, now }: OfflineRequest,
  adapters: Pick<Adapters, 'judgeEvidence' | 'signoffCrypto'>,
): Promise<GateReport> {
  const decision = await readDecision(path, adapters)
  const texts = decision.files
  const files = await toGateFiles(root, texts)
  const identity = { ...buildIdentity(UNKNOWN_VERSION, files), ...pickRunning(decision) }
  const at = now().toISOString() as Instant
  const judged = await judgeInputs(
    { texts, files, identity, trust_pin, pinned_heads, at },
    adapters,
  )
  if (judged.judgement.verdict === 'go') refuseAltered(decision, identity)
  return toReport(judged, now)
}

/** No running version: the identity then comes from the plan and the checklist alone. */
const UNKNOWN_VERSION = { code: null, settings: {}, schema_head: null }
/** The identity members that no file of a decision holds; they describe the program that decided. */
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
  throw new FfError('artefact_invalid', `${quoteValue(path)} is not a decision file.`, {
    hint: 'Name a file that `ff gate --decision decision.json` wrote.',
    details: [decision.detail],
  })
}

/** A file that does not claim a GO for this identity is never a GO by its files. @throws FfError `decision_altered` */
function refuseAltered({ verdict, identity }: DecisionFile, found: CutoverIdentity): void {
  const members = Object.keys(found) as (keyof CutoverIdentity)[]
  const details = [
    ...('verdict' in verdict && verdict.verdict === 'go' ? [] : ['verdict']),
    ...members.filter((name) => identity[name] !== found[name]),
  ]
  if (details.length === 0) return
  throw new FfError(
    'decision_altered',
    'The verdict or identity in the decision file is not the one that its files give.',
    {
      hint: 'Get the file again from the run that wrote it with `ff gate --decision decision.json`.',
      details,
    },
  )
}
