import type { EvidenceHead } from '../../core/gate/types.ts'
import { canonicalizeValue } from '../../core/json/plain.ts'
import { parseInstant } from '../../core/rows/instant.ts'
import type { PublicJwk } from '../../core/signoff/types.ts'
import { computeThumbprint, importPublicKey } from '../jose/ed25519.ts'
import { parseCanonical } from './canonical-text.ts'
import { signDetached, verifyDetachedJws } from './detached.ts'
import type { SigningRunner } from './runner-key.ts'

const TYP = 'ff-evidence-head+jws'

/** Content of a log's `head.json` (`contracts/schemas/evidence-head.schema.json`). */
interface HeadFile {
  readonly kind: 'evidence_head'
  readonly schemaVersion: 1
  readonly head: EvidenceHead
  readonly runner: PublicJwk
  /** Compact JWS with detached content over the RFC 8785 form of `head`. */
  readonly signature: string
}

/**
 * Signs a head with the runner's key; writes no file. @returns the text of `head.json`: one line of RFC 8785 JSON with
 * its line feed
 */
export function writeHeadText(head: EvidenceHead, runner: SigningRunner): string {
  const signed = { typ: TYP, kid: runner.kid, content: canonicalizeValue(head) } as const
  const signature = signDetached(signed, runner.sign)
  const file: HeadFile = {
    kind: 'evidence_head',
    schemaVersion: 1,
    head,
    runner: runner.jwk,
    signature,
  }
  return `${canonicalizeValue(file)}\n`
}

/**
 * Reads the text of `head.json` and verifies its signature: the head and the thumbprint of its key; null for a text
 * that is not byte for byte as written, whose time does not exist, or whose signature does not verify. Does not check that the key is trusted.
 */
export function readHeadText(
  text: string,
  isHead: (value: unknown) => boolean,
): { readonly kid: string; readonly head: EvidenceHead } | null {
  const file = text.endsWith('\n') ? parseCanonical<HeadFile>(text.slice(0, -1), isHead) : null
  if (file === null || parseInstant(file.head.time) === undefined) return null
  const { head, runner, signature } = file
  const kid = computeThumbprint(runner)
  const key = importPublicKey(runner)
  const signed = { typ: TYP, kid, content: canonicalizeValue(head) } as const
  return key !== null && verifyDetachedJws(signature, signed, key) ? { kid, head } : null
}
