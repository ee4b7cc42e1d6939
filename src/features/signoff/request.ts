import { join } from 'node:path'
import { isRehearsal } from '../../core/auth/environment.ts'
import type { GateState } from '../../core/signoff/gate-state.ts'
import { parseEnvelope, formatEnvelope } from '../../core/signoff/envelope.ts'
import { type StatementInput, formatStatement } from '../../core/signoff/statement.ts'
import type { SignedTarget } from '../../core/signoff/types.ts'
import type { GateJudgement } from '../../core/gate/types.ts'
import { instantFromMs, type Instant, instantToMs } from '../../core/rows/instant.ts'
import { type ErrorCode, FfError } from '../../errors.ts'
import { type SignoffContext, buildPresentFacts, requireTrusted } from './context.ts'
import { withFolderLock } from './folder-lock.ts'
import {
  PAST_SIGNOFFS,
  readFileIfPresent,
  SIGNOFF_FILES,
  writeBelow,
} from '../team-folder/signoff-files.ts'

/** Checklist items J2 and J3 require signatures that are at most 72 hours old. */
const VALIDITY_MS = 72 * 3_600_000

/** The SHA-256 of the statement, and how many measured items it accepts. */
export interface SignoffRequestResult {
  readonly sha256: string
  readonly accepted: number
}

/**
 * `ff signoff request`: writes an unsigned statement of the current state, valid for 72 hours, for two people to
 * sign; returns its SHA-256 and the number of accepted items. A signed statement that it replaces is archived; an
 * unsigned one is lost. The state has to be a GO but for the signatures: no one is asked to sign anything else. In a
 * rehearsal items may be open too, as 48 hours are not rehearsed; the statement accepts none of these.
 *
 * @throws FfError `trust_refused`, `identity_incomplete`, `request_no_go`, `request_not_ready`,
 *   `request_inconclusive`, `evidence_untrusted`, `artefact_invalid`, `waiver_altered`, `signoff_locked`,
 *   `signoff_unwritable`, `output_failed`, and the errors of reading the gate, such as `checklist_loosened`
 */
export async function requestSignoff(context: SignoffContext): Promise<SignoffRequestResult> {
  const { trust, sha256 } = requireTrusted(context)
  const state = await context.readGate()
  const identity = toTarget(state)
  requireGo(state.as_signed, isRehearsal(identity.environment))
  const input: StatementInput = {
    subjects: buildPresentFacts(context, state).subjects,
    decision: 'go',
    identity,
    accepted: state.accepted,
    seen: state.seen,
    trust: { version: trust.version, sha256 },
    prepared_at: context.now,
    not_after: addValidity(context.now),
  }
  const text = formatStatement(input)
  const envelope = { payload: context.tools.encode(text), signatures: [] }
  await withFolderLock(context, async () => {
    await archiveSigned(context)
    await writeBelow(context.cwd, SIGNOFF_FILES.signoff, formatEnvelope(envelope))
  })
  return { sha256: context.tools.sha256(text), accepted: Object.keys(state.accepted).length }
}

const REFUSALS = {
  no_go: 'request_no_go',
  not_ready: 'request_not_ready',
  inconclusive: 'request_inconclusive',
  untrusted: 'evidence_untrusted',
} as const satisfies Readonly<Record<Exclude<GateJudgement['exitName'], 'ok'>, ErrorCode>>

/** Nothing failed, and nothing is untrusted. */
const OPEN: ReadonlySet<string> = new Set(['not_ready', 'inconclusive'])
/**
 * Refuses a state that would be no GO if both signed it now, with everything that is open.
 *
 * @param rehearsed whether items may be open that do not fail, which the gate judges all the same
 * @throws FfError `request_no_go`, `request_not_ready`, `request_inconclusive`
 */
function requireGo({ exitName, items, faults }: GateJudgement, rehearsed: boolean): void {
  if (exitName === 'ok' || (rehearsed && faults.length === 0 && OPEN.has(exitName))) return
  const open = items.filter(({ state }) => state !== 'pass' && state !== 'waived')
  const reasons = open.map(({ state, codes, detail }) =>
    [`${state}: ${codes.join(', ')}`, ...(detail === '' ? [] : [detail])].join(', '),
  )
  throw new FfError(
    REFUSALS[exitName],
    `${open.length} of ${items.length} items are open, so nothing was prepared: both leads sign a GO only.`,
    {
      hint: 'Run `ff gate`, which says for each of them what to do next.',
      details: [
        ...faults.map(({ code, detail }) => `${code}: ${detail}`),
        ...[...new Set(reasons)].map((reason) => {
          const ids = open.filter((_, at) => reasons[at] === reason).map(({ id }) => id)
          return `${ids.join(' ')} ${reason}`
        }),
      ],
    },
  )
}

const addValidity = (now: Instant): Instant => instantFromMs(instantToMs(now) + VALIDITY_MS)

/** @throws FfError `identity_incomplete`: a statement names every member of the identity */
function toTarget({ identity }: GateState): SignedTarget {
  const unknown = Object.entries(identity).filter(([, value]) => value === null)
  if (unknown.length === 0) return identity as SignedTarget
  throw new FfError(
    'identity_incomplete',
    `The cutover is not identified: ${unknown.map(([member]) => member).join(', ')} ${unknown.length === 1 ? 'is' : 'are'} unknown, and a statement names every member.`,
    {
      hint: 'Run `ff gate`, which says what to write or to set first.',
      details: unknown.map(([member]) => `${member}: unknown`),
    },
  )
}

/**
 * Copies the present sign-off into the folder of archived ones, so that `ff signoff sign` can show its signers what
 * changed since. Does nothing where it is missing, is no valid envelope, or has no signature.
 *
 * @throws FfError `artefact_invalid` where it is unreadable, `output_failed`
 */
export async function archiveSigned({
  cwd,
  tools,
}: Pick<SignoffContext, 'cwd' | 'tools'>): Promise<void> {
  const shown = SIGNOFF_FILES.signoff
  const text = await readFileIfPresent(join(cwd, shown), shown)
  if (text === null) return
  const read = parseEnvelope(text, tools)
  if (!read.ok || read.value.signatures.length === 0) return
  const name = tools.sha256(text).slice(0, 16)
  await writeBelow(cwd, `${PAST_SIGNOFFS}/${name}.json`, text)
}
