import { createSignoffDependencies } from '../../artefacts/documents.ts'
import type { CutoverIdentity, SignoffOutcome } from '../../core/gate/types.ts'
import { judgeSignoff } from '../../core/signoff/judge.ts'
import {
  type AttestableItem,
  type GateState,
  listRequiredAttestations,
} from '../../core/signoff/gate-state.ts'
import { subjectDigests } from '../../core/signoff/decision-file.ts'
import { parseSignedDocument } from '../../core/signoff/read-document.ts'
import { checkTrust, toTrustFault, type TrustOutcome } from '../../core/signoff/trust.ts'
import type {
  PresentFacts,
  SignoffDependencies,
  SignoffTexts,
  Waivers,
} from '../../core/signoff/types.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { Adapters } from '../../ports/adapters.ts'
import type { SignoffKeys, Terminal } from '../../ports/signoff.ts'
import { refuseAlteredWaivers } from '../team-folder/altered-waiver.ts'
import { checkPin } from '../item-states/item-facts.ts'
import { readSignoffFiles, SIGNOFF_FILES } from '../team-folder/signoff-files.ts'

export interface SignoffContextInput {
  readonly root: string
  readonly cwd: string
  readonly now: Instant
  /** The value of FF_TRUST_SHA256: the SHA-256 of the trust file, 64 hexadecimal digits. */
  readonly pin: string | null
  /** The present time; `now` is that of the start, which a wait for a person outlives. */
  readonly clock: () => Instant
  readonly keys: SignoffKeys
  readonly tryLock: Adapters['tryLock']
  /** Null without an interactive terminal. */
  readonly terminal: Terminal | null
  /** Reads the state of the gate, which a statement is made from. */
  readonly readGate: () => Promise<GateState>
}
/** The input of every sign-off command: the texts of the team folder, and the outcome of the trust check. */
export interface SignoffContext extends SignoffContextInput {
  readonly tools: SignoffDependencies
  readonly texts: SignoffTexts
  readonly trust: TrustOutcome
}

/**
 * Reads the texts of the team folder and checks the trust file against pin and chain as of `now`. A trust file that
 * is missing or not trusted is an outcome, not an error.
 *
 * @throws FfError `setting_invalid` where the pin is not a SHA-256, `artefact_invalid` where a file cannot be read
 */
export async function loadSignoffContext(needs: SignoffContextInput): Promise<SignoffContext> {
  const { root, cwd, now } = needs
  const pin = checkPin(needs.pin)
  const tools = createSignoffDependencies(needs.keys.crypto)
  const texts = await readSignoffFiles({ root, cwd, checklist: null })
  const trust = checkTrust({ text: texts.trust, chain: texts.trust_chain, pin }, now, tools)
  return { ...needs, pin, tools, texts, trust }
}

/**
 * The trust file, if it is the one that the pin names.
 *
 * @throws FfError `trust_refused` otherwise, also for a missing or expired one or without a pin
 */
export function requireTrusted({
  trust,
}: SignoffContext): Extract<TrustOutcome, { status: 'trusted' }> {
  if (trust.status === 'trusted') return trust
  const { code, detail } = toTrustFault(trust)
  throw new FfError('trust_refused', `${SIGNOFF_FILES.trust} is not trusted: ${code}.`, {
    hint: 'Run `ff trust show`, which names the next step.',
    details: [`${code}: ${detail}`],
  })
}

/** The part of the gate's state that signatures are checked against. */
export interface PresentItems {
  readonly identity: CutoverIdentity
  readonly items: readonly AttestableItem[]
}
/**
 * What a sign-off statement is checked against: the identity of the cutover, the SHA-256 of checklist, waivers,
 * plan, rollback triggers and input files (a missing file counts as empty), the text of the withdrawals, and the ids
 * that each role has to attest. Reads no file.
 *
 * @throws FfError `artefact_invalid` for an invalid waivers file, `waiver_altered` where one was altered after its
 *   approval
 */
export function buildPresentFacts(
  { texts, tools }: Pick<SignoffContext, 'texts' | 'tools'>,
  { identity, items }: PresentItems,
): PresentFacts {
  return {
    identity,
    subjects: subjectDigests(texts, tools),
    withdrawals: texts.withdrawals,
    attestations: listRequiredAttestations(
      items,
      parseWaivers({ texts, tools }).waivers.map(({ id }) => id),
    ),
  }
}

/**
 * Judges the sign-off of a folder as of `context.now`, for the verdict and for `ff signoff verify`: verified,
 * missing, stale, inconclusive or refused. Reads no file.
 *
 * @throws FfError `artefact_invalid` for an invalid waivers file, `waiver_altered` where one was altered after its
 *   approval
 */
export const judgeSignoffNow = (
  context: Pick<SignoffContext, 'texts' | 'tools' | 'trust' | 'now'>,
  state: PresentItems,
): SignoffOutcome =>
  judgeSignoff(
    {
      trust: context.trust,
      envelope: context.texts.signoff,
      present: buildPresentFacts(context, state),
      now: context.now,
    },
    context.tools,
  )

/**
 * The waivers of the text in the context, approvals not verified; an empty list where the file is missing.
 *
 * @throws FfError `artefact_invalid` for a text that breaks JSON or the schema, or `waiver_altered` where a waiver
 *   in such a text differs from what its approval carries
 */
export function parseWaivers({ texts, tools }: Pick<SignoffContext, 'texts' | 'tools'>): Waivers {
  if (texts.waivers === null) return { kind: 'waivers', schemaVersion: 1, waivers: [] }
  const read = parseSignedDocument('waivers', texts.waivers, tools)
  if (read.ok) return read.value
  refuseAlteredWaivers(texts.waivers)
  throw new FfError('artefact_invalid', `${SIGNOFF_FILES.waivers} is not a valid waivers file.`, {
    hint: 'Correct the place that is named, then run `ff waiver lint`.',
    details: [read.detail],
  })
}
