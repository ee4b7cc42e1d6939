import { join } from 'node:path'
import { listFailedSince } from '../../core/gate/failures.ts'
import { parseEnvelope, formatEnvelope } from '../../core/signoff/envelope.ts'
import type { GateState } from '../../core/signoff/gate-state.ts'
import { verifyEnvelope } from '../../core/signoff/judge.ts'
import {
  type SignoffFault,
  SIGNOFF_REFUSALS,
  type SignatureStep,
} from '../../core/signoff/refusals.ts'
import type { Envelope, SignedStatement } from '../../core/signoff/types.ts'
import { quoteValue } from '../../core/text/quote.ts'
import { FfError } from '../../errors.ts'
import { askAttestations, formatSigningSummary } from './summary.ts'
import { type SignoffContext, buildPresentFacts, requireTrusted, parseWaivers } from './context.ts'
import {
  readFileIfPresent,
  readNamedText,
  SIGNOFF_FILES,
  writeBelow,
} from '../team-folder/signoff-files.ts'
import { withFolderLock } from './folder-lock.ts'
import {
  resolveSigningKey,
  type SigningKeyChoice,
  signAndVerify,
  requireTerminal,
} from './signing-key.ts'

/**
 * `ff signoff sign`: verifies the statement, shows it, asks for each attestation, and only then for the passphrase;
 * writes the envelope with the new signature. Refuses a statement that accepts an item which fails now.
 *
 * @returns a line that names the signer and the role
 * @throws FfError `terminal_missing`, `trust_refused`, `nothing_to_check` without a sign-off, `signoff_refused`,
 *   `signoff_stale`, `signed_already` for a key, `clock_set_back`, `not_attested`, `artefact_invalid`,
 *   `signoff_locked`, `signoff_unwritable`, `output_failed`, the errors of reading the gate, such as
 *   `checklist_loosened` and `evidence_untrusted`, and of the key and its signer
 */
export async function signSignoff(
  context: SignoffContext,
  choice: SigningKeyChoice,
): Promise<string> {
  const terminal = requireTerminal(context)
  const { trust } = requireTrusted(context)
  const signingKey = await resolveSigningKey(context, trust, choice)
  const envelope = requireEnvelope(context)
  const state = await context.readGate()
  const present = buildPresentFacts(context, state)
  const statement = requireVerified(context, envelope, present)
  refuseRepeated(context, envelope, signingKey.signer.kid)
  refuseClock(context, statement)
  refuseFailed(state, statement)
  terminal.show(
    await formatSigningSummary(context, {
      statement,
      state,
      signer: signingKey.signer,
      waivers: parseWaivers(context).waivers,
    }),
  )
  const attests = present.attestations[signingKey.signer.role]
  await askAttestations(terminal, attests, state)
  const toSign = { trust, payload: envelope.payload, typ: 'ff-signoff+jws', attests } as const
  const signature = await signAndVerify(context, signingKey, toSign)
  await withFolderLock(context, async () => {
    const latest = await readLatest(context, envelope)
    refuseRepeated(context, latest, signingKey.signer.kid)
    const signed = { ...latest, signatures: [...latest.signatures, signature] }
    requireVerified({ ...context, now: context.clock() }, signed, present)
    await writeBelow(context.cwd, SIGNOFF_FILES.signoff, formatEnvelope(signed))
  })
  return `${signingKey.signer.person} signed as ${signingKey.signer.role}`
}

/**
 * `ff signoff add FILE`: adds the signatures of another copy of the same statement, if all of them verify, and
 * writes the envelope. A signature whose protected header is there already is skipped.
 *
 * @returns how many were added; zero where all were there already
 * @throws FfError `trust_refused`, `nothing_to_check`, `signoff_refused`, `signoff_stale`, `artefact_invalid`,
 *   `signoff_locked`, `signoff_unwritable`, `output_failed`, and the errors of reading the gate, such as
 *   `checklist_loosened` and `evidence_untrusted`
 */
export async function addSignatures(context: SignoffContext, path: string): Promise<number> {
  requireTrusted(context)
  const envelope = requireEnvelope(context)
  const otherEnvelope = requireStep(
    parseEnvelope(await readNamedText(path), context.tools),
    quoteValue(path),
  )
  if (otherEnvelope.payload !== envelope.payload)
    throw new FfError(
      'signoff_refused',
      `${quoteValue(path)} signs another statement than ${SIGNOFF_FILES.signoff}.`,
      {
        hint: 'Both people sign copies of one statement: run `ff signoff request` once, and send the file to both.',
      },
    )
  const present = buildPresentFacts(context, await context.readGate())
  return withFolderLock(context, async () => {
    const latest = await readLatest(context, envelope)
    const knownHeaders = new Set(latest.signatures.map(({ protected: shown }) => shown))
    const newSignatures = otherEnvelope.signatures.filter(
      ({ protected: shown }) => !knownHeaders.has(shown),
    )
    const mergedEnvelope = { ...latest, signatures: [...latest.signatures, ...newSignatures] }
    requireVerified(context, mergedEnvelope, present)
    await writeBelow(context.cwd, SIGNOFF_FILES.signoff, formatEnvelope(mergedEnvelope))
    return newSignatures.length
  })
}

/**
 * The envelope as it is now: while a person read and answered, another may have signed.
 *
 * @param before the envelope that the person read
 * @throws FfError `signoff_stale` for another statement, and as `requireEnvelope`
 */
async function readLatest(context: SignoffContext, before: Envelope): Promise<Envelope> {
  const shown = SIGNOFF_FILES.signoff
  const signoff = await readFileIfPresent(join(context.cwd, shown), shown)
  const latest = requireEnvelope({ ...context, texts: { ...context.texts, signoff } })
  if (latest.payload === before.payload) return latest
  throw new FfError('signoff_stale', `${shown} was replaced by another statement meanwhile.`, {
    hint: 'Read and sign the new one with `ff signoff sign`.',
  })
}

/** @throws FfError `nothing_to_check`, `signoff_refused` */
function requireEnvelope({ texts, tools }: SignoffContext): Envelope {
  if (texts.signoff === null)
    throw new FfError(
      'nothing_to_check',
      `There is nothing to sign: ${SIGNOFF_FILES.signoff} does not exist.`,
      {
        hint: 'Prepare it with `ff signoff request`.',
      },
    )
  return requireStep(parseEnvelope(texts.signoff, tools), SIGNOFF_FILES.signoff)
}

/**
 * Verifies an envelope by the rules of the gate, except that signatures may be missing.
 *
 * @throws FfError `signoff_refused`, `signoff_stale`
 */
function requireVerified(
  context: SignoffContext,
  envelope: Envelope,
  present: ReturnType<typeof buildPresentFacts>,
): SignedStatement {
  const trust = requireTrusted(context)
  const step = verifyEnvelope(envelope, { trust, present, now: context.now }, context.tools)
  return requireStep(step, 'The sign-off').statement
}

/**
 * What fails now, or failed since the statement was prepared, is not signed as accepted; what has only aged is for the
 * gate to judge.
 *
 * @throws FfError `signoff_stale`
 */
function refuseFailed(state: GateState, { predicate }: SignedStatement): void {
  const { accepted, seen } = predicate
  const since = listFailedSince({ accepted, evidence_heads: seen.heads }, state)
  const failing = state.as_signed.items.filter(
    (item) => item.state === 'fail' && Object.hasOwn(accepted, item.id),
  )
  const ids = [...new Set([...failing.map(({ id }) => id), ...since])]
  if (ids.length === 0) return
  throw new FfError(
    'signoff_stale',
    `The statement accepts items that fail now, or failed since it was prepared: ${ids.join(', ')}.`,
    {
      hint: 'Run `ff gate`, which says what to do; then prepare a new statement with `ff signoff request`.',
      details: [
        ...failing.map(({ id, codes, detail }) => `${id} ${codes.join(', ')}: ${detail}`),
        ...(since.length === 0 ? [] : [`failed_since_signing: ${since.join(', ')}`]),
      ],
    },
  )
}

const requireStep = <T>(step: SignatureStep<T>, what: string): T => {
  if (step.ok) return step.value
  throw makeRefusal(step.fault, what)
}

function makeRefusal({ code, detail }: SignoffFault, what: string): FfError {
  const stale = SIGNOFF_REFUSALS[code] === 'stale'
  return new FfError(
    stale ? 'signoff_stale' : 'signoff_refused',
    stale ? `${what} covers an earlier state: ${code}.` : `${what} does not count: ${code}.`,
    {
      hint: stale
        ? 'Prepare a new one with `ff signoff request`, then sign it with `ff signoff sign`.'
        : 'Do not sign it: find out who changed it with `git log -p -- checklists`.',
      details: [`${code}: ${detail}`],
    },
  )
}

function refuseRepeated({ tools }: SignoffContext, { signatures }: Envelope, kid: string): void {
  const kids = signatures.map(({ protected: shown }) => {
    const header = JSON.parse(new TextDecoder().decode(tools.decode(shown) ?? undefined)) as {
      kid: string
    }
    return header.kid
  })
  if (kids.includes(kid))
    throw new FfError('signed_already', `The key ${kid} has already signed this statement.`, {
      hint: 'The other role signs next; `ff signoff verify` shows which roles are missing.',
    })
}

/**
 * A clock that was set back would date the signature before the measurements that it covers.
 *
 * @throws FfError `clock_set_back`
 */
function refuseClock({ now }: SignoffContext, { predicate }: SignedStatement): void {
  const times = [predicate.prepared_at, ...predicate.seen.records.map(({ ended_at }) => ended_at)]
  const later = times.find((time) => time > now)
  if (later === undefined) return
  throw new FfError(
    'clock_set_back',
    `The clock of this machine says ${now}, and the statement holds the later time ${later}.`,
    {
      hint: 'Compare the clock with `date -u`, correct it, and sign again.',
    },
  )
}
