import { createSignoffDependencies } from '../../artefacts/documents.ts'
import { readTextFile } from '../../artefacts/read-text.ts'
import {
  formatDecision,
  type OtherDecision,
  packDecision,
  unpackDecision,
} from '../../core/signoff/decision-file.ts'
import { canonicalizeObject } from '../../core/signoff/read-document.ts'
import type { DecisionFile } from '../../core/signoff/types.ts'
import type { CutoverIdentity, PinnedHead } from '../../core/gate/types.ts'
import type { GateReport } from '../../core/report/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { quoteForShell, quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { toArtefactError } from '../../artefacts/artefact-error.ts'
import { toGateFiles } from '../team-folder/load-gate-files.ts'
import { buildIdentity } from '../team-folder/identity.ts'
import { judgeInputs, type JudgedGate, toReport } from './gate.ts'

/** Room for the evidence logs as JSON strings, and for the other files. */
const MAX_DECISION_BYTES = 268_435_456

/**
 * The text of decision.json, in canonical form (RFC 8785) with a line feed: the report without its timing, the time
 * of the decision, the version of the tool, the identity, and the text of every file that the verdict was decided
 * from. Writes nothing.
 */
export function formatDecisionFile(
  { texts, identity, at }: JudgedGate,
  { report, tool_version }: { readonly report: GateReport; readonly tool_version: string },
): string {
  return packDecision({
    tool_version,
    decided_at: at,
    verdict: withoutTiming(report),
    identity,
    files: texts,
  })
}

/** The part of a report that follows from the files alone; `decided_at` is the time. */
const withoutTiming = (report: GateReport): object =>
  Object.fromEntries(Object.entries(report).filter(([name]) => name !== 'timing'))

/** What a third party asks about. A decision about anything else is no GO. */
export type GateSubject = {
  readonly [K in 'environment' | 'cutover_id' | 'attempt' | 'code']: NonNullable<CutoverIdentity[K]>
}

export interface OfflineRequest {
  readonly root: string
  readonly path: string
  readonly subject: GateSubject
  /** FF_TRUST_SHA256 of the caller; never taken from the decision file. */
  readonly trust_pin: string | null
  /** FF_EVIDENCE_HEAD of the caller. */
  readonly pinned_heads: readonly PinnedHead[]
  readonly tool_version: string
  /** SHA-256 of the files of the program itself, which the records have to name. */
  readonly build: string
  readonly now: () => Date
}

type OfflineAdapters = Pick<Adapters, 'judgeEvidence' | 'signoffCrypto'>

/**
 * `ff gate --offline FILE`: reads decision.json, judges the files in it anew about the subject of the caller, as of
 * now, and returns that report; a decision about another subject is its fault `decision_about_another`. Schema head
 * and settings digest come from the file, the build is the one that runs here. Where the trust file in it has the
 * caller's pin, the report in it is computed again too, as of its own time, and has to be the same.
 *
 * @throws FfError `artefact_invalid`, `checklist_loosened`, `waiver_invalid`, `waiver_altered`, `setting_invalid`
 *   for a malformed pin, `decision_of_other_version`, `decision_altered` for another layout, and for an identity or
 *   a report that does not follow from its files
 */
export async function gateOffline(
  { root, path, subject, trust_pin, pinned_heads, tool_version, build, now }: OfflineRequest,
  adapters: OfflineAdapters,
): Promise<GateReport> {
  const { decision, text } = await readDecision({ path, tool_version }, adapters)
  const texts = decision.files
  const files = await toGateFiles(root, texts)
  const identity = { ...buildIdentity(UNKNOWN_VERSION, files), ...pickRunning(decision) }
  const at = now().toISOString() as Instant
  const inputs = { texts, files, trust_pin, pinned_heads }
  const judged = await judgeInputs(
    { ...inputs, identity: { ...identity, ...subject, build }, at },
    adapters,
  )
  // Under another trust file the verdict is UNTRUSTED, whatever the file says of itself.
  if (judged.trust.status === 'trusted') {
    const then = decision.decided_at as Instant
    const before = await judgeInputs({ ...inputs, identity, at: then }, adapters)
    refuseAltered(decision, { text, identity, verdict: withoutTiming(toReport(before, now)) })
  }
  const faults = [...listOtherSubjects(decision.identity, subject), ...judged.judgement.faults]
  return toReport({ ...judged, judgement: { ...judged.judgement, faults } }, now)
}

/** What the decision is about, where the caller asks about something else: said before any item. */
const listOtherSubjects = (
  identity: CutoverIdentity,
  subject: GateSubject,
): JudgedGate['judgement']['faults'] =>
  (Object.keys(subject) as (keyof GateSubject)[])
    .filter((name) => identity[name] !== subject[name])
    .map((name) => ({
      code: 'decision_about_another',
      detail: `the decision is about ${name} ${identity[name] ?? 'not known'}, and the caller asks about ${subject[name]}`,
    }))

/** No running version: the identity then comes from the plan and the checklist alone. */
const UNKNOWN_VERSION = { code: null, settings: {}, schema_head: null, build: '' }
/** The identity members that no file of a decision holds; they describe the program that decided. */
const pickRunning = ({ identity: { code, schema_head, config_digest, build } }: DecisionFile) => ({
  code,
  schema_head,
  config_digest,
  build,
})

async function readDecision(
  { path, tool_version }: Pick<OfflineRequest, 'path' | 'tool_version'>,
  adapters: OfflineAdapters,
): Promise<{ readonly decision: DecisionFile; readonly text: string }> {
  const read = await readTextFile(path, path, MAX_DECISION_BYTES)
  if (!read.ok) throw toArtefactError([read.problem])
  const tools = createSignoffDependencies(await adapters.signoffCrypto())
  const decision = unpackDecision(read.text, tools, tool_version)
  if (decision.ok) return { decision: decision.value, text: read.text }
  if ('other' in decision) throw makeVersionError(path, decision.other, tool_version)
  throw new FfError('artefact_invalid', `${quoteValue(path)} is not a decision file.`, {
    hint: 'Name a file that `ff gate --decision decision.json` wrote.',
    details: [decision.detail],
  })
}

function makeVersionError(
  path: string,
  { form, tool_version }: OtherDecision['other'],
  own: string,
): FfError {
  const here = quoteForShell(path)
  const writer = quoteForShell(`@pty-flags/ff@${tool_version}`)
  return new FfError(
    'decision_of_other_version',
    `${quoteValue(path)} is a decision file of ff ${quoteValue(tool_version)}, form ${quoteValue(form)}, and this is ff ${quoteValue(own)}.`,
    {
      hint: `Judge it with the version that wrote it: \`npm install ${writer} && npx ff gate --offline ${here}\`.`,
    },
  )
}

/**
 * Every byte of the file counts, so another layout is an alteration too.
 *
 * @throws FfError `decision_altered` with each member of identity and report that does not follow from the files
 */
function refuseAltered(
  decision: DecisionFile,
  found: { readonly text: string; readonly identity: CutoverIdentity; readonly verdict: object },
): void {
  const details = [
    ...(found.text === formatDecision(decision) ? [] : ['layout']),
    ...listDifferences('identity', decision.identity, found.identity),
    ...listDifferences('verdict', decision.verdict, found.verdict),
  ]
  if (details.length === 0) return
  throw new FfError(
    'decision_altered',
    'The decision file is not as it was written: its report, identity or layout is another one.',
    {
      hint: 'Get the file again from the run that wrote it with `ff gate --decision decision.json`.',
      details,
    },
  )
}

/** The members that are in one of two objects alone, or differ in canonical form. */
function listDifferences(name: string, left: object, right: object): readonly string[] {
  const [a, b] = [toForms(left), toForms(right)]
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((member) => a.get(member) !== b.get(member))
    .map((member) => `${name}.${member}`)
}

const toForms = (value: object): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(value).map(([name, held]) => [
      name,
      canonicalizeObject({ held: held as unknown }),
    ]),
  )
