import { createSignoffDependencies } from '../../artefacts/documents.ts'
import { validateSchema } from '../../artefacts/schemas.ts'
import { throwIfEnded } from '../../concurrency/ended.ts'
import { checkTrust } from '../../core/signoff/trust.ts'
import type { Instant } from '../../core/rows/instant.ts'
import { FfError } from '../../errors.ts'
import type { AuditHeadRead, SignedHead } from '../../ports/audit.ts'
import type { Adapters } from '../../ports/adapters.ts'
import { checkPin } from '../item-states/item-facts.ts'
import { readNamedText, readSignoffFiles } from '../team-folder/signoff-files.ts'
import { readPublicKey } from '../signoff/trust.ts'

/** The keys whose heads count: the named public keys, else the runners of the trust file, if it matches its pin. */
export interface HeadTrust {
  readonly root: string
  readonly cwd: string
  /** Paths of public key files; empty to use the trust file. */
  readonly runners: readonly string[]
  /** FF_TRUST_SHA256. */
  readonly pin: string | null
  readonly now: Instant
  readonly adapters: Adapters
}
/** Whether a key, by its thumbprint (RFC 7638), counts for a head of that time. */
export type IsKnownSigner = (kid: string, at: string) => boolean
/** A verified head, or the code and detail of its fault. */
export type HeadResult =
  | { readonly ok: true; readonly head: SignedHead }
  | { readonly ok: false; readonly code: string; readonly detail: string }

/**
 * Reads the keys whose heads count, and returns the test. Named keys count at any time, an unsound one never; a
 * runner of the trust file counts within its window unless its key is revoked. Without named keys and without a
 * trusted trust file, none counts.
 *
 * @throws FfError `artefact_invalid` where a file is unreadable or not a public key, `setting_invalid` for a
 *   malformed pin
 */
export async function loadKnownSigners(trust: HeadTrust): Promise<IsKnownSigner> {
  const tools = createSignoffDependencies(await trust.adapters.signoffCrypto())
  if (trust.runners.length > 0) {
    const kids = new Set<string>()
    for (const path of trust.runners) {
      const { jwk } = await readPublicKey({ tools }, path)
      if (tools.isSound(jwk)) kids.add(tools.thumbprint(jwk))
    }
    return (kid) => kids.has(kid)
  }
  const { root, cwd, now, pin } = trust
  const texts = await readSignoffFiles({ root, cwd, checklist: null })
  const input = { text: texts.trust, chain: texts.trust_chain, pin: checkPin(pin) }
  const outcome = checkTrust(input, now, tools)
  if (outcome.status !== 'trusted') return () => false
  const { runners, revoked } = outcome.trust
  const revokedKids = new Set(revoked.keys.map(({ kid }) => kid))
  return (kid, at) =>
    !revokedKids.has(kid) &&
    runners.some((runner) => runner.kid === kid && runner.from <= at && at < runner.until)
}

/**
 * Reads a signed head and verifies its signature and signer. A bad one is returned as a fault: the code of the reader
 * with the path as detail, or `head_signer_unknown`.
 *
 * @throws FfError `artefact_invalid` where the file is missing or unreadable
 */
export async function judgeHead(
  path: string,
  isKnown: IsKnownSigner,
  adapters: Adapters,
): Promise<HeadResult> {
  const read = await readHeadFile(path, adapters)
  if (!read.ok) return { ok: false, code: read.code, detail: path }
  if (isKnown(read.kid, read.head.time)) return { ok: true, head: read.head }
  return {
    ok: false,
    code: 'head_signer_unknown',
    detail: `no trusted runner has the key ${read.kid}`,
  }
}

/** The next step after a head that is not trusted. */
export const HEAD_NEXT =
  'Name the public key of the runner with --runner, or list the runner in checklists/trust.json; take the head from its protected copy.'

/**
 * Reads a signed head: the head with the thumbprint of its key, which may be unknown, or the code of its fault.
 *
 * @throws FfError `artefact_invalid` where the file is missing or unreadable
 */
export const readHeadFile = async (path: string, adapters: Adapters): Promise<AuditHeadRead> =>
  adapters.readHead(
    await readNamedText(path),
    (value) => validateSchema('audit-head', value, '').length === 0,
  )

/**
 * Does nothing until the signal is aborted. @throws FfError `timeout`, `interrupted` or `terminated` with `hint`
 * after it
 */
export function endIfAborted(signal: AbortSignal, hint: string): void {
  const message = 'The run ended before the end of the audit trail.'
  throwIfEnded(signal, (ending) => new FfError(ending, message, { hint }))
}
