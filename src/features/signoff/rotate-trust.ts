import { join } from 'node:path'
import { parseEnvelope, formatEnvelope } from '../../core/signoff/envelope.ts'
import { findCoverageFault } from '../../core/signoff/signature.ts'
import { findRunnerRetreat, listCurrentRunners } from '../../core/signoff/rotation.ts'
import {
  checkApprovals,
  parseTrust,
  withRevokedStatement,
  toTrustFault,
  formatTrustChain,
  parseTrustChain,
} from '../../core/signoff/trust.ts'
import type { Envelope, TrustFile } from '../../core/signoff/types.ts'
import { formatJson } from '../../core/text/terminal.ts'
import { FfError } from '../../errors.ts'
import type { SignoffContext } from './context.ts'
import {
  readFileIfPresent,
  SIGNOFF_FILES,
  TRUST_NEXT,
  TRUST_ROTATION,
  writeBelow,
} from '../team-folder/signoff-files.ts'
import { withFolderLock } from './folder-lock.ts'
import {
  resolveSigningKey,
  type SigningKeyChoice,
  signAndVerify,
  requireTerminal,
} from './signing-key.ts'
import { prepareNextTrust, type RotationRequest, toRotationError } from './next-trust.ts'
import { formatTrustFile, requireWholeTrust } from './trust.ts'

/** What comes after a signature of the next version. */
export interface RotatedTrust {
  /** The roles that still have to sign; null once the next version is installed. */
  readonly missing: string | null
  /** SHA-256 of the next version. */
  readonly sha256: string
  /** The names of its runners that have not ended, each of which has to seal its log. */
  readonly runners: readonly string[]
}

/**
 * `ff trust rotate [FILE]`: shows the next version of the trust file, asks for approval and adds a signature. Once
 * both roles of the current version have signed, the next version replaces it. The signers of an expired trust file
 * can still sign its successor.
 *
 * @param request the next version, a file or made from options; a changed version drops the signatures in progress
 * @throws FfError `terminal_missing`, `trust_refused`, `artefact_invalid`, `option_invalid`, `log_not_here`,
 *   `evidence_untrusted`, `not_attested`, `signed_already`, `signoff_refused`, `signoff_locked`,
 *   `signoff_unwritable`, `output_failed`, and the errors of reading the logs, of the key and its signer
 */
export async function rotateTrust(
  context: SignoffContext,
  request: RotationRequest,
  choice: SigningKeyChoice,
): Promise<RotatedTrust> {
  const terminal = requireTerminal(context)
  const before = requireCurrentTrust(context)
  const pending = await readPending(context, before)
  const text = await prepareNextTrust(context, { before, pending }, request)
  const envelope = await loadRotation(context, text)
  const next = decodePayload(context, envelope)
  const after = requireWholeTrust(context, next)
  if (after.version !== before.version + 1)
    throw new FfError(
      'artefact_invalid',
      `The next trust file has version ${after.version}, and the current one ${before.version}: versions go up by one.`,
      {
        hint: `Write "version": ${before.version + 1} into the next trust file, then run the same command again.`,
      },
    )
  const retreat = findRunnerRetreat(before, after)
  if (retreat !== null) throw toRotationError(retreat)
  const signingKey = await resolveSigningKey(context, before, choice)
  terminal.show(`Version ${after.version} of the trust file:\n${formatJson(after)}\n`)
  if (
    (await terminal.ask(`Do you approve this version, ${signingKey.signer.person}? (yes/no)`)) !==
    'yes'
  )
    throw new FfError(
      'not_attested',
      `Version ${after.version} of the trust file was not approved, so nothing was signed.`,
      {
        hint: 'Correct the next version and run `ff trust rotate` with it again, or delete it.',
      },
    )
  const toSign = {
    trust: before,
    payload: envelope.payload,
    typ: 'ff-trust+jws',
    attests: [],
  } as const
  const signature = await signAndVerify(context, signingKey, toSign)
  const missing = await withFolderLock(context, async () => {
    // Read again: another person may have signed in the meantime.
    const latest = await loadRotation(context, text)
    const kept = latest.payload === envelope.payload ? latest.signatures : []
    const signed = { ...envelope, signatures: [...kept, signature] }
    const roles = findMissingRoles({ ...context, now: context.clock() }, signed, before)
    await writeBelow(context.cwd, TRUST_ROTATION, formatEnvelope(signed))
    if (roles === null) await installTrust(context, next, signed)
    return roles
  })
  const runners = listCurrentRunners(after, context.now).map(({ name }) => name)
  return { missing, sha256: context.tools.sha256(next), runners }
}

/**
 * Returns the current trust file, which a next version is made from; an expired one counts, since its signers sign
 * the next.
 *
 * @throws FfError `trust_refused` where it is missing, altered or otherwise not trusted; `artefact_invalid` for an
 *   expired one that breaks a rule
 */
export function requireCurrentTrust(context: SignoffContext): TrustFile {
  const { trust, texts } = context
  if (trust.status === 'trusted') return trust.trust
  const { code, detail } = toTrustFault(trust)
  if (code === 'trust_expired') return requireWholeTrust(context, texts.trust ?? '')
  throw new FfError(
    'trust_refused',
    `${SIGNOFF_FILES.trust} is not trusted, so it cannot have a next version: ${code}.`,
    {
      hint: 'Run `ff trust show`, which names the next step.',
      details: [`${code}: ${detail}`],
    },
  )
}

const readRotation = ({ cwd }: SignoffContext): Promise<string | null> =>
  readFileIfPresent(join(cwd, TRUST_ROTATION), TRUST_ROTATION)

/** The version of the rotation in progress; null without one, where it cannot be read, or where it is done. */
async function readPending(
  context: SignoffContext,
  { version }: TrustFile,
): Promise<TrustFile | null> {
  const text = await readRotation(context)
  const envelope = text === null ? null : parseEnvelope(text, context.tools)
  if (envelope?.ok !== true) return null
  const read = parseTrust(decodePayload(context, envelope.value), context.tools)
  return read.ok && read.value.version > version ? read.value : null
}

/** The rotation in progress where it is of this text, or null for any; else one without signatures. */
async function loadRotation(context: SignoffContext, text: string | null): Promise<Envelope> {
  const pending = await readRotation(context)
  const read = pending === null ? null : parseEnvelope(pending, context.tools)
  const payload = text === null ? null : context.tools.encode(text)
  // The next version differs from the rotation in progress, so its signatures start anew.
  if (payload !== null && (read?.ok !== true || read.value.payload !== payload))
    return { payload, signatures: [] }
  if (read?.ok === true) return read.value
  throw new FfError('artefact_invalid', `${TRUST_ROTATION} is missing or not a valid envelope.`, {
    hint: `Name the next version again, as in \`ff trust rotate ${TRUST_NEXT} --key alice.key.json\`; both roles then sign anew.`,
  })
}

const decodePayload = ({ tools }: SignoffContext, { payload }: Envelope): string =>
  new TextDecoder().decode(tools.decode(payload) ?? new Uint8Array())

/**
 * The roles that still have to sign; null for none.
 *
 * @throws FfError `signed_already`, `signoff_refused` for a bad signature
 */
function findMissingRoles(
  { now, tools }: SignoffContext,
  signed: Envelope,
  trust: TrustFile,
): string | null {
  const approvals = checkApprovals(signed, { trust, now }, tools)
  const fault = approvals.ok
    ? findCoverageFault(approvals.value, trust.required_roles)
    : approvals.fault
  if (fault === null) return null
  if (fault.code === 'role_missing') return fault.detail
  throw new FfError(
    fault.code === 'person_repeated' || fault.code === 'key_repeated'
      ? 'signed_already'
      : 'signoff_refused',
    `The signatures of the next version do not count together: ${fault.code}.`,
    {
      hint: 'Each role signs once, by different people: the other lead runs `ff trust rotate` with their own key.',
      details: [`${fault.code}: ${fault.detail}`],
    },
  )
}

/**
 * Writes the chain before the file: after a crash between the two, the old file counts as rolled back and is refused.
 */
async function installTrust(
  context: SignoffContext,
  next: string,
  signed: Envelope,
): Promise<void> {
  const { texts, tools, cwd } = context
  const read = texts.trust_chain === null ? null : parseTrustChain(texts.trust_chain, tools)
  const links =
    read?.ok === true
      ? read.value.links
      : [{ payload: tools.encode(texts.trust ?? ''), signatures: [] }]
  await writeBelow(cwd, SIGNOFF_FILES.trust_chain, formatTrustChain([...links, signed]))
  await writeBelow(cwd, SIGNOFF_FILES.trust, next)
}

/**
 * `ff signoff revoke`: writes a next trust file in which the current statement is revoked; an earlier next trust file
 * is replaced. It takes effect when both roles have signed it with `ff trust rotate`.
 *
 * @returns the SHA-256 of the revoked statement
 * @throws FfError `trust_refused`, `nothing_to_check` without a readable sign-off, `artefact_invalid`,
 *   `output_failed`
 */
export async function revokeSignoff(context: SignoffContext, reason: string): Promise<string> {
  const before = requireCurrentTrust(context)
  const { texts, tools, now, cwd } = context
  const read = texts.signoff === null ? null : parseEnvelope(texts.signoff, tools)
  if (read === null || !read.ok)
    throw new FfError(
      'nothing_to_check',
      `There is no sign-off to revoke: ${SIGNOFF_FILES.signoff} is missing or not a valid envelope.`,
      {
        hint: `See its history with \`git log -- ${SIGNOFF_FILES.signoff}\`, and restore the one to revoke.`,
      },
    )
  const sha256 = tools.sha256(decodePayload(context, read.value))
  await writeBelow(
    cwd,
    TRUST_NEXT,
    formatTrustFile(withRevokedStatement(before, { sha256, at: now, reason })),
  )
  return sha256
}
