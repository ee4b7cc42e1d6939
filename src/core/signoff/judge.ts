import type { SignoffOutcome } from '../gate/types.ts'
import type { Instant } from '../rows/instant.ts'
import { parseEnvelope } from './envelope.ts'
import { type SignoffFault, makeFault, SIGNOFF_REFUSALS, type SignatureStep } from './refusals.ts'
import { verifySignature, findCoverageFault } from './signature.ts'
import { parseStatement, findStatementFault } from './statement.ts'
import { toTrustFault, type TrustOutcome } from './trust.ts'
import {
  type Envelope,
  type PresentFacts,
  ROLES,
  type VerifiedSignature,
  type SignoffDependencies,
  type SignedStatement,
  type TrustFile,
} from './types.ts'

export interface SignoffInput {
  readonly trust: TrustOutcome
  /** Text of signoff.json; null where the file is missing. */
  readonly envelope: string | null
  readonly present: PresentFacts
  readonly now: Instant
}

/** A statement with its verified signatures, before the required roles are checked. */
export interface VerifiedStatement {
  readonly statement: SignedStatement
  readonly signed: readonly VerifiedSignature[]
}

/**
 * Judges the sign-off in this order: trust file, envelope, each signature, then the payload with its target, subjects
 * and times, and last both roles by two persons with two keys (docs/reference/gate.md). `verified` states the earliest
 * end of statement, trust file and keys; `missing` names the roles without a signature, all where there is no file;
 * `refused`, `stale` and, without a trust file, `inconclusive` carry the first fault.
 */
export function judgeSignoff(input: SignoffInput, tools: SignoffDependencies): SignoffOutcome {
  const { trust, envelope } = input
  if (trust.status !== 'trusted') return toRefusal(toTrustFault(trust))
  if (envelope === null) return { status: 'missing', roles: ROLES }
  const read = parseEnvelope(envelope, tools)
  if (!read.ok) return toRefusal(read.fault)
  if (read.value.signatures.length === 0) return { status: 'missing', roles: ROLES }
  const verified = verifyEnvelope(read.value, { ...input, trust }, tools)
  if (!verified.ok) return toRefusal(verified.fault)
  const { statement, signed } = verified.value
  const uncovered = findCoverageFault(signed, trust.trust.required_roles)
  if (uncovered?.code === 'role_missing')
    return { status: 'missing', roles: findMissingRoles(trust.trust, signed) }
  if (uncovered !== null) return toRefusal(uncovered)
  return {
    status: 'verified',
    signatures: signed,
    accepted: statement.predicate.accepted,
    evidence_heads: statement.predicate.seen.heads,
    valid_until: findEarliestEnd(trust.trust, verified.value),
  }
}

function toRefusal({ code, detail }: SignoffFault): SignoffOutcome {
  return { status: STATUS[SIGNOFF_REFUSALS[code]], code, detail }
}

/** A missing role is an outcome of its own; as a fault of the file it refuses it. */
const STATUS = {
  refused: 'refused',
  inconclusive: 'inconclusive',
  stale: 'stale',
  missing: 'refused',
} as const

const findMissingRoles = ({ required_roles }: TrustFile, signed: readonly VerifiedSignature[]) =>
  required_roles.filter((role) => !signed.some((one) => one.role === role))

/**
 * Verifies everything except that all required roles signed; also used before a person signs. Returns the statement
 * with its signatures, which may be none, or the first fault: of a signature, of the payload's form, of its content.
 * Several signatures of which none is valid are `payload_altered`.
 */
export function verifyEnvelope(
  envelope: Envelope,
  {
    trust: { trust, sha256 },
    present,
    now,
  }: Pick<SignoffInput, 'present' | 'now'> & {
    readonly trust: { readonly trust: TrustFile; readonly sha256: string }
  },
  tools: SignoffDependencies,
): SignatureStep<VerifiedStatement> {
  const checked = checkSignatures(envelope, { trust, now }, tools)
  if (!checked.ok) return checked
  const read = parseStatement(envelope.payload, tools)
  if (!read.ok) return read
  const { statement } = read.value
  const found = findStatementFault(
    {
      ...read.value,
      trust: { file: trust, sha256 },
      present,
      signed: checked.value,
      now,
    },
    tools,
  )
  return found === null
    ? { ok: true, value: { statement, signed: checked.value } }
    : { ok: false, fault: found }
}

/** Verifies each signature. Where all are well-formed and none is valid, the payload was altered. */
function checkSignatures(
  { payload, signatures }: Envelope,
  { trust, now }: { readonly trust: TrustFile; readonly now: Instant },
  tools: SignoffDependencies,
): SignatureStep<readonly VerifiedSignature[]> {
  const signed: VerifiedSignature[] = []
  const faults: SignoffFault[] = []
  for (const one of signatures) {
    const checked = verifySignature(one, { payload, typ: 'ff-signoff+jws', trust, now }, tools)
    if (checked.ok) signed.push(checked.value)
    else faults.push(checked.fault)
  }
  const invalid = faults.filter(({ code }) => code === 'signature_invalid')
  if (invalid.length > 1 && invalid.length === signatures.length)
    return { ok: false, fault: makeFault('payload_altered', 'no signature over it is valid') }
  const [first] = faults
  return first === undefined ? { ok: true, value: signed } : { ok: false, fault: first }
}

/** The earliest end of the statement, the trust file and the signers' keys. */
function findEarliestEnd(
  { signers, expires }: TrustFile,
  { statement, signed }: VerifiedStatement,
): Instant {
  const kids = new Set(signed.map(({ kid }) => kid))
  const ends = signers.filter(({ kid }) => kids.has(kid)).map(({ until }) => until)
  const first = [expires, ...ends].reduce(
    (before, end) => (end < before ? end : before),
    statement.predicate.not_after,
  )
  return first as Instant
}
