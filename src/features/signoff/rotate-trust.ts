import { join } from 'node:path'
import { parseEnvelope, formatEnvelope } from '../../core/signoff/envelope.ts'
import { canonicalizeObject, parseSignedDocument } from '../../core/signoff/read-document.ts'
import { findCoverageFault } from '../../core/signoff/signature.ts'
import { checkApprovals, withRevokedStatement, toTrustFault } from '../../core/signoff/trust.ts'
import type { Envelope, TrustChain, TrustFile } from '../../core/signoff/types.ts'
import { escapeForTerminal } from '../../core/text/terminal.ts'
import { FfError } from '../../errors.ts'
import type { SignoffContext } from './context.ts'
import {
  readFileIfPresent,
  readNamedText,
  SIGNOFF_FILES,
  TRUST_NEXT,
  TRUST_ROTATION,
  writeBelow,
} from '../team-folder/signoff-files.ts'
import {
  resolveSigningKey,
  type SigningKeyChoice,
  signAndVerify,
  requireTerminal,
} from './signing-key.ts'
import { trustText, requireWholeTrust } from './trust.ts'

/**
 * `ff trust rotate [FILE]`: signs the next version; once both roles of the present one have, it takes its place.
 * An expired trust file can still be followed by another, by the people whom it names.
 *
 * @returns the roles that have still to sign; none where the next version stands
 */
export async function rotateTrust(
  context: SignoffContext,
  path: string | null,
  choice: SigningKeyChoice,
): Promise<{ readonly missing: string | null; readonly sha256: string }> {
  const terminal = requireTerminal(context)
  const before = requireCurrentTrust(context)
  const envelope = await loadRotation(context, path)
  const next = decodePayload(context, envelope)
  const after = requireWholeTrust(context, next)
  if (after.version !== before.version + 1)
    throw new FfError('artefact_invalid', `The next version is ${after.version}.`, {
      hint: `Write ${before.version + 1}: versions go up by one.`,
    })
  const signingKey = await resolveSigningKey(context, before, choice)
  terminal.show(`Version ${after.version} of the trust file:\n${escapeForTerminal(next)}`)
  if ((await terminal.ask(`Do you approve it, ${signingKey.signer.person}? (yes/no)`)) !== 'yes')
    throw new FfError('not_attested', 'It was not approved, so nothing was signed.', {
      hint: 'Change the next version, or throw it away.',
    })
  const toSign = {
    trust: before,
    payload: envelope.payload,
    typ: 'ff-trust+jws',
    attests: [],
  } as const
  const signature = await signAndVerify(context, signingKey, toSign)
  const signed = { ...envelope, signatures: [...envelope.signatures, signature] }
  const missing = findMissingRoles(context, signed, before)
  await writeBelow(context.cwd, TRUST_ROTATION, formatEnvelope(signed))
  if (missing === null) await installTrust(context, next, signed)
  return { missing, sha256: context.tools.sha256(next) }
}

/** @throws FfError `trust_refused`, but for one that has expired */
function requireCurrentTrust(context: SignoffContext): TrustFile {
  const { trust, texts } = context
  if (trust.status === 'trusted') return trust.trust
  const { code, detail } = toTrustFault(trust)
  if (code === 'trust_expired') return requireWholeTrust(context, texts.trust ?? '')
  throw new FfError('trust_refused', 'The trust file cannot be gone by, so none can follow it.', {
    hint: 'Run `ff trust show`, which says what to do.',
    details: [`${code}: ${detail}`],
  })
}

async function loadRotation(context: SignoffContext, path: string | null): Promise<Envelope> {
  const pending = await readFileIfPresent(join(context.cwd, TRUST_ROTATION), TRUST_ROTATION)
  const payload = path === null ? null : context.tools.encode(await readNamedText(path))
  if (pending === null) {
    if (payload !== null) return { payload, signatures: [] }
    throw new FfError('nothing_to_check', 'There is no next version of the trust file.', {
      hint: `Write one, for one to ${TRUST_NEXT}, and name it.`,
    })
  }
  const read = parseEnvelope(pending, context.tools)
  // Another next version than the one that was begun: its signatures are begun anew.
  if (payload !== null && (!read.ok || read.value.payload !== payload))
    return { payload, signatures: [] }
  if (read.ok) return read.value
  throw new FfError('artefact_invalid', `${TRUST_ROTATION} cannot be read.`, {
    hint: 'Name the next version again, and have it signed anew.',
    details: [`${read.fault.code}: ${read.fault.detail}`],
  })
}

const decodePayload = ({ tools }: SignoffContext, { payload }: Envelope): string =>
  new TextDecoder().decode(tools.decode(payload) ?? new Uint8Array())

/** @throws FfError `signed_already`, `signoff_refused` where a signature that was there does not hold */
function findMissingRoles(
  { now, tools }: SignoffContext,
  signed: Envelope,
  trust: TrustFile,
): string | null {
  const checked = checkApprovals(signed, { trust, now }, tools)
  const fault = checked.ok ? findCoverageFault(checked.value, trust.required_roles) : checked.fault
  if (fault === null) return null
  if (fault.code === 'role_missing') return fault.detail
  throw new FfError(
    fault.code === 'person_repeated' || fault.code === 'key_repeated'
      ? 'signed_already'
      : 'signoff_refused',
    'The signatures under the next version do not go together.',
    {
      hint: 'Each role signs once, by another person.',
      details: [`${fault.code}: ${fault.detail}`],
    },
  )
}

/** The chain first: until the file follows, it counts as rolled back, and nobody goes by it. */
async function installTrust(
  context: SignoffContext,
  next: string,
  signed: Envelope,
): Promise<void> {
  const { texts, tools, cwd } = context
  const read =
    texts.trust_chain === null ? null : parseSignedDocument('trust_chain', texts.trust_chain, tools)
  const links =
    read?.ok === true
      ? read.value.links
      : [{ payload: tools.encode(texts.trust ?? ''), signatures: [] }]
  const chain: TrustChain = { kind: 'trust_chain', schemaVersion: 1, links: [...links, signed] }
  await writeBelow(cwd, SIGNOFF_FILES.trust_chain, `${canonicalizeObject(chain)}\n`)
  await writeBelow(cwd, SIGNOFF_FILES.trust, next)
}

/** `ff signoff revoke`: the next version of the trust file, with the present statement revoked; both roles sign it. */
export async function revokeSignoff(context: SignoffContext, reason: string): Promise<string> {
  const before = requireCurrentTrust(context)
  const { texts, tools, now, cwd } = context
  const read = texts.signoff === null ? null : parseEnvelope(texts.signoff, tools)
  if (read === null || !read.ok)
    throw new FfError('nothing_to_check', 'There is no sign-off that could be revoked.', {
      hint: `${SIGNOFF_FILES.signoff} is where it would be.`,
    })
  const sha256 = tools.sha256(decodePayload(context, read.value))
  await writeBelow(
    cwd,
    TRUST_NEXT,
    trustText(withRevokedStatement(before, { sha256, at: now, reason })),
  )
  return sha256
}
