import type { Instant } from '../rows/instant.ts'
import { decodeUtf8OrNull } from '../text/utf8.ts'
import { canonicalizeObject, parseSignedDocument } from './read-document.ts'
import { type SignoffFault, makeFault, refuseStep, type SignatureStep } from './refusals.ts'
import { verifySignature, findCoverageFault } from './signature.ts'
import type {
  Envelope,
  ShapeResult,
  VerifiedSignature,
  SignoffDependencies,
  TrustChain,
  TrustFile,
} from './types.ts'

/** The result of checking the trust file. Signers and runners count only where it is `trusted`. */
export type TrustOutcome =
  | { readonly status: 'absent' }
  /** The file exists, but no pin from outside the repository confirms it. */
  | { readonly status: 'unpinned'; readonly sha256: string }
  | { readonly status: 'refused'; readonly fault: SignoffFault }
  | { readonly status: 'trusted'; readonly trust: TrustFile; readonly sha256: string }

/**
 * The fault of a trust file that is not trusted: its own where refused, `trust_missing` where absent,
 * `trust_pin_missing` where unpinned.
 */
export function toTrustFault(outcome: Exclude<TrustOutcome, { status: 'trusted' }>): SignoffFault {
  if (outcome.status === 'refused') return outcome.fault
  return outcome.status === 'absent'
    ? makeFault(
        'trust_missing',
        'no trust file exists, so no evidence and no signature counts; ff trust init makes one, and FF_TRUST_SHA256 pins it',
      )
    : makeFault(
        'trust_pin_missing',
        'FF_TRUST_SHA256 is not set, so no evidence and no signature counts; ff trust pin prints its value',
      )
}

export interface TrustInput {
  /** Text of trust.json; null where the file is missing. */
  readonly text: string | null
  /** Text of trust-chain.json; null where the file is missing: the pin alone then vouches for this version. */
  readonly chain: string | null
  /** SHA-256 of exactly this trust file, from outside the repository; null without a pin. */
  readonly pin: string | null
}

/**
 * Checks the trust file: pin, schema, rules, the chain of its versions, its expiry; returns it with its SHA-256 where
 * trusted, else the first fault. Without a pin nothing is parsed: `unpinned`, or `absent` without a file. A pin without
 * a file is refused with `trust_missing`, the pin of an earlier version with `trust_pin_outdated`.
 */
export function checkTrust(
  input: TrustInput,
  now: Instant,
  tools: SignoffDependencies,
): TrustOutcome {
  const { text, pin } = input
  if (text === null)
    return pin === null
      ? { status: 'absent' }
      : {
          status: 'refused',
          fault: makeFault('trust_missing', 'a pin is set, but no trust file exists'),
        }
  const sha256 = tools.sha256(text)
  if (pin === null) return { status: 'unpinned', sha256 }
  const read = parseTrust(text, tools)
  if (!read.ok) return { status: 'refused', fault: read.fault }
  const trust = read.value
  const broken = findPinFault({ ...input, text, pin }, { trust, now, tools })
  if (broken !== null) return { status: 'refused', fault: broken }
  if (trust.expires <= now)
    return { status: 'refused', fault: makeFault('trust_expired', trust.expires) }
  return { status: 'trusted', trust, sha256 }
}

/**
 * Parses a trust file by its schema and rules; does not check that it is trusted. The first fault is `trust_malformed`,
 * `trust_kid_differs`, `trust_key_weak`, `trust_key_shared` or `trust_role_unfilled`.
 */
export function parseTrust(text: string, tools: SignoffDependencies): SignatureStep<TrustFile> {
  const shaped = parseSignedDocument('trust', text, tools)
  if (!shaped.ok) return refuseStep('trust_malformed', shaped.detail)
  for (const rule of RULES) {
    const found = rule(shaped.value, tools)
    if (found !== null) return { ok: false, fault: found }
  }
  return shaped
}

const getKeys = ({ signers, runners }: TrustFile) => [...signers, ...runners]
/** Rules of a trust file that its schema cannot express. */
const RULES: readonly ((trust: TrustFile, tools: SignoffDependencies) => SignoffFault | null)[] = [
  (trust, { thumbprint }) => {
    const found = getKeys(trust).find(({ kid, jwk }) => kid !== thumbprint(jwk))
    return found === undefined
      ? null
      : makeFault('trust_kid_differs', `${found.name}, ${found.kid}`)
  },
  (trust, { isSound }) => {
    const found = getKeys(trust).find(({ jwk }) => !isSound(jwk))
    return found === undefined ? null : makeFault('trust_key_weak', `${found.name}, ${found.kid}`)
  },
  (trust) => {
    const kids = getKeys(trust).map(({ kid }) => kid)
    const found = kids.find((kid, at) => kids.indexOf(kid) !== at)
    return found === undefined ? null : makeFault('trust_key_shared', found)
  },
  (trust) => {
    const found = getKeys(trust).find(({ from, until }) => from >= until)
    return found === undefined
      ? null
      : makeFault('trust_malformed', `${found.name}: from is not before until`)
  },
  ({ runners }) => {
    const found = runners.find(({ closed, lost }) => closed !== undefined && lost !== undefined)
    return found === undefined
      ? null
      : makeFault('trust_malformed', `${found.name}: its log is closed and lost`)
  },
  ({ signers, required_roles }) => {
    const found = required_roles.find((role) => !signers.some((one) => one.role === role))
    return found === undefined ? null : makeFault('trust_role_unfilled', found)
  },
]

interface TrustContext {
  readonly trust: TrustFile
  readonly now: Instant
  readonly tools: SignoffDependencies
}
/** Whether the pin names exactly this file, and the chain, where there is one, ends in it. */
function findPinFault(
  {
    text,
    chain,
    pin,
  }: { readonly text: string; readonly chain: string | null; readonly pin: string },
  { trust, now, tools }: TrustContext,
): SignoffFault | null {
  const read = chain === null ? null : readChain(chain, now, tools)
  if (tools.sha256(text) !== pin)
    return findOtherPin({ text, pin }, read?.ok === true ? read.value : [], tools)
  if (read === null) return null
  if (!read.ok) return read.fault
  const here = read.value.indexOf(text)
  if (here === -1) return makeFault('trust_unsigned', 'the file is not in its chain')
  return here === read.value.length - 1
    ? null
    : makeFault('trust_rolled_back', `version ${trust.version} is not the newest in the chain`)
}

/** The pin of an earlier version, from which signatures lead to this file, is outdated; any other is of another file. */
function findOtherPin(
  { text, pin }: { readonly text: string; readonly pin: string },
  versions: readonly string[],
  { sha256 }: SignoffDependencies,
): SignoffFault {
  const found = sha256(text)
  const before = versions.slice(0, versions.indexOf(text) + 1).map(sha256)
  return before.includes(pin)
    ? makeFault(
        'trust_pin_outdated',
        `FF_TRUST_SHA256 is the pin of an earlier version; the SHA-256 of this one is ${found}`,
      )
    : makeFault('trust_pin_mismatch', `FF_TRUST_SHA256 is ${pin}, and the file is ${found}`)
}

/** The text of trust-chain.json: RFC 8785 with a line feed. No other spelling counts. */
export const formatTrustChain = (links: readonly Envelope[]): string => {
  const chain: TrustChain = { kind: 'trust_chain', schemaVersion: 1, links }
  return `${canonicalizeObject(chain)}\n`
}

/** Parses trust-chain.json; on failure returns the first fault as text. Verifies no signature. */
export function parseTrustChain(
  text: string,
  tools: Pick<SignoffDependencies, 'shape'>,
): ShapeResult<TrustChain> {
  const read = parseSignedDocument('trust_chain', text, tools)
  if (!read.ok) return read
  const { links } = read.value
  if (formatTrustChain(links) !== text)
    return { ok: false, detail: 'it has another spelling than ff trust rotate writes' }
  return links[0]?.signatures.length === 0
    ? read
    : { ok: false, detail: 'its first version has signatures, which nothing could verify' }
}

/** The text of each version, where each one is approved by the version before it. */
function readChain(
  text: string,
  now: Instant,
  tools: SignoffDependencies,
): SignatureStep<readonly string[]> {
  const shaped = parseTrustChain(text, tools)
  if (!shaped.ok) return refuseStep('trust_chain_broken', shaped.detail)
  const texts: string[] = []
  let before: TrustFile | null = null
  for (const link of shaped.value.links) {
    const bytes = tools.decode(link.payload)
    const version = bytes === null ? null : decodeUtf8OrNull(bytes)
    if (version === null)
      return refuseStep('trust_chain_broken', 'a link is not base64url of UTF-8')
    const read = parseTrust(version, tools)
    if (!read.ok) return read
    const broken = findLinkFault(link, { before, after: read.value }, { now, tools })
    if (broken !== null) return { ok: false, fault: broken }
    texts.push(version)
    before = read.value
  }
  return { ok: true, value: texts }
}

function findLinkFault(
  link: Envelope,
  { before, after }: { readonly before: TrustFile | null; readonly after: TrustFile },
  { now, tools }: { readonly now: Instant; readonly tools: SignoffDependencies },
): SignoffFault | null {
  // The first version of a chain is vouched for by its pin alone.
  if (before === null) return null
  const expected = before.version + 1
  if (after.version < expected)
    return makeFault('trust_rolled_back', `version ${after.version} after ${expected - 1}`)
  if (after.version > expected)
    return makeFault('trust_chain_broken', `version ${after.version} after ${expected - 1}`)
  const approved = checkApprovals(link, { trust: before, now }, tools)
  if (!approved.ok) return approved.fault
  const uncovered = findCoverageFault(approved.value, before.required_roles)
  return uncovered === null
    ? null
    : makeFault('trust_unsigned', `version ${after.version}: ${uncovered.code} ${uncovered.detail}`)
}

/**
 * Verifies the signatures of a new version of the trust file by the signers of the version before. Returns them all,
 * none for an envelope without signatures, or the first fault; does not check that the required roles signed.
 *
 * @param trust the version before
 */
export function checkApprovals(
  { payload, signatures }: Envelope,
  { trust, now }: { readonly trust: TrustFile; readonly now: Instant },
  tools: SignoffDependencies,
): SignatureStep<readonly VerifiedSignature[]> {
  const signed: VerifiedSignature[] = []
  for (const signature of signatures) {
    const checked = verifySignature(signature, { payload, typ: 'ff-trust+jws', trust, now }, tools)
    if (!checked.ok) return checked
    signed.push(checked.value)
  }
  return { ok: true, value: signed }
}

/**
 * The next version of the trust file, which adds a revoked statement and changes nothing else; both roles must sign it.
 */
export const withRevokedStatement = (
  trust: TrustFile,
  statement: TrustFile['revoked']['statements'][number],
): TrustFile => ({
  ...trust,
  version: trust.version + 1,
  revoked: { ...trust.revoked, statements: [...trust.revoked.statements, statement] },
})
