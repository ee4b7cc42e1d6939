import type { Instant } from '../rows/instant.ts'
import { decodeUtf8OrNull } from '../text/utf8.ts'
import { readDocument } from './read-document.ts'
import { type Fault, fault, refuse, type Step } from './refusals.ts'
import { checkSignature, coverageFault } from './signature.ts'
import type { Envelope, VerifiedSignature, SignoffTools, TrustFile } from './types.ts'

/** What the trust file came to. Only of one that is `trusted` do signers and runners count. */
export type TrustOutcome =
  | { readonly status: 'absent' }
  /** There is one, and nothing outside the repository says that it is the right one. */
  | { readonly status: 'unpinned'; readonly sha256: string }
  | { readonly status: 'refused'; readonly fault: Fault }
  | { readonly status: 'trusted'; readonly trust: TrustFile; readonly sha256: string }

/** Why nobody is trusted. */
export function trustFault(outcome: Exclude<TrustOutcome, { status: 'trusted' }>): Fault {
  if (outcome.status === 'refused') return outcome.fault
  return outcome.status === 'absent'
    ? fault('trust_missing', 'there is none, so that nothing says whose signatures count')
    : fault('trust_pin_missing', 'FF_TRUST_SHA256 is not set')
}

export interface TrustInput {
  /** Text of trust.json; null where there is none. */
  readonly text: string | null
  /** Text of trust-chain.json; null where there is none, which is right for version 1. */
  readonly chain: string | null
  /** From outside the repository: SHA-256 of this trust file, or of one that leads to it. */
  readonly pin: string | null
}

/** Whether the trust file may be gone by: pin, shape, rules, the chain of its versions, its end. */
export function checkTrust(input: TrustInput, now: Instant, tools: SignoffTools): TrustOutcome {
  const { text, pin } = input
  if (text === null)
    return pin === null
      ? { status: 'absent' }
      : {
          status: 'refused',
          fault: fault('trust_missing', 'a pin is set, and no trust file is there'),
        }
  const sha256 = tools.sha256(text)
  if (pin === null) return { status: 'unpinned', sha256 }
  const read = readTrust(text, tools)
  if (!read.ok) return { status: 'refused', fault: read.fault }
  const trust = read.value
  const broken = pinFault({ ...input, text, pin }, { trust, now, tools })
  if (broken !== null) return { status: 'refused', fault: broken }
  if (trust.expires <= now)
    return { status: 'refused', fault: fault('trust_expired', trust.expires) }
  return { status: 'trusted', trust, sha256 }
}

/** A trust file that fits its schema and its rules; whether anybody stands behind it is not asked. */
export function readTrust(text: string, tools: SignoffTools): Step<TrustFile> {
  const shaped = readDocument('trust', text, tools)
  if (!shaped.ok) return refuse('trust_malformed', shaped.detail)
  for (const rule of RULES) {
    const found = rule(shaped.value, tools)
    if (found !== null) return { ok: false, fault: found }
  }
  return shaped
}

const keysOf = ({ signers, runners }: TrustFile) => [...signers, ...runners]
/** What a schema cannot say of a trust file. */
const RULES: readonly ((trust: TrustFile, tools: SignoffTools) => Fault | null)[] = [
  (trust, { thumbprint }) => {
    const found = keysOf(trust).find(({ kid, jwk }) => kid !== thumbprint(jwk))
    return found === undefined ? null : fault('trust_kid_differs', `${found.name}, ${found.kid}`)
  },
  (trust, { isSound }) => {
    const found = keysOf(trust).find(({ jwk }) => !isSound(jwk))
    return found === undefined ? null : fault('trust_key_weak', `${found.name}, ${found.kid}`)
  },
  (trust) => {
    const kids = keysOf(trust).map(({ kid }) => kid)
    const found = kids.find((kid, at) => kids.indexOf(kid) !== at)
    return found === undefined ? null : fault('trust_key_shared', found)
  },
  (trust) => {
    const found = keysOf(trust).find(({ from, until }) => from >= until)
    return found === undefined
      ? null
      : fault('trust_malformed', `${found.name}: from is not before until`)
  },
  ({ signers, required_roles }) => {
    const found = required_roles.find((role) => !signers.some((one) => one.role === role))
    return found === undefined ? null : fault('trust_role_unfilled', found)
  },
]

interface Bench {
  readonly trust: TrustFile
  readonly now: Instant
  readonly tools: SignoffTools
}
/** Whether the pin names this file, or one from which signatures lead to it. */
function pinFault(
  {
    text,
    chain,
    pin,
  }: { readonly text: string; readonly chain: string | null; readonly pin: string },
  { trust, now, tools }: Bench,
): Fault | null {
  if (chain === null) {
    if (tools.sha256(text) !== pin)
      return fault('trust_pin_mismatch', `the file is ${tools.sha256(text)}`)
    return trust.version === 1
      ? null
      : fault('trust_unsigned', `version ${trust.version} without a chain`)
  }
  const read = readChain(chain, now, tools)
  if (!read.ok) return read.fault
  const texts = read.value
  if (!texts.some((one) => tools.sha256(one) === pin))
    return fault('trust_pin_mismatch', `none of ${texts.length} versions is the one pinned`)
  const here = texts.indexOf(text)
  if (here === -1) return fault('trust_unsigned', 'the file is not in its chain')
  return here === texts.length - 1
    ? null
    : fault('trust_rolled_back', `version ${trust.version}, and the chain goes on`)
}

/** The text of each version, when every one follows from the one before. */
function readChain(text: string, now: Instant, tools: SignoffTools): Step<readonly string[]> {
  const shaped = readDocument('trust_chain', text, tools)
  if (!shaped.ok) return refuse('trust_chain_broken', shaped.detail)
  const texts: string[] = []
  let before: TrustFile | null = null
  for (const link of shaped.value.links) {
    const bytes = tools.decode(link.payload)
    const version = bytes === null ? null : decodeUtf8OrNull(bytes)
    if (version === null) return refuse('trust_chain_broken', 'a link is no text')
    const read = readTrust(version, tools)
    if (!read.ok) return read
    const broken = linkFault(link, { before, after: read.value }, { now, tools })
    if (broken !== null) return { ok: false, fault: broken }
    texts.push(version)
    before = read.value
  }
  return { ok: true, value: texts }
}

function linkFault(
  link: Envelope,
  { before, after }: { readonly before: TrustFile | null; readonly after: TrustFile },
  { now, tools }: { readonly now: Instant; readonly tools: SignoffTools },
): Fault | null {
  const expected = (before?.version ?? 0) + 1
  if (after.version < expected)
    return fault('trust_rolled_back', `version ${after.version} after ${expected - 1}`)
  if (after.version > expected)
    return fault('trust_chain_broken', `version ${after.version} after ${expected - 1}`)
  if (before === null) return null
  const approved = checkApprovals(link, { trust: before, now }, tools)
  if (!approved.ok) return approved.fault
  const uncovered = coverageFault(approved.value, before.required_roles)
  return uncovered === null
    ? null
    : fault('trust_unsigned', `version ${after.version}: ${uncovered.code} ${uncovered.detail}`)
}

/** The signatures of a next version of the trust file, by people of the version before it. */
export function checkApprovals(
  { payload, signatures }: Envelope,
  { trust, now }: { readonly trust: TrustFile; readonly now: Instant },
  tools: SignoffTools,
): Step<readonly VerifiedSignature[]> {
  const signed: VerifiedSignature[] = []
  for (const signature of signatures) {
    const checked = checkSignature(signature, { payload, typ: 'ff-trust+jws', trust, now }, tools)
    if (!checked.ok) return checked
    signed.push(checked.value)
  }
  return { ok: true, value: signed }
}

/** The next version, with a statement that nobody shall go by any more; both roles have to sign it. */
export const revokeStatement = (
  trust: TrustFile,
  statement: TrustFile['revoked']['statements'][number],
): TrustFile => ({
  ...trust,
  version: trust.version + 1,
  revoked: { ...trust.revoked, statements: [...trust.revoked.statements, statement] },
})
